//! devenv in containers of others: as a drop-in for `localstack`, and as a dev container that the real
//! devcontainers CLI brings up.

use super::image::devenv_image;
use super::{docker, engine_host, project};
use crate::support::{Project, Run, free_port, node, node_modules, script, wait_for};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Longest wait for anything that a container does.
const PATIENCE: Duration = Duration::from_secs(120);

/// What the gateway takes for a signature, for clients that make none.
const SIGNED: &str = "Authorization: AWS4-HMAC-SHA256 Credential=test/20200101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=x";

/// docker-compose at the engine of the tests, in a directory.
fn compose(directory: &Path, arguments: &[&str], port: u16) -> Run {
    let mut command = Command::new("docker-compose");
    command.args(arguments).current_dir(directory).env("DOCKER_HOST", engine_host());
    command.env("DEVENV_PORT", port.to_string()).env("DEVENV_SMTP_PORT", free_port().to_string());
    Run::of(&mut command)
}

/// Takes everything of a project of docker-compose away, whatever happens.
struct Down<'a>(&'a Path);

impl Drop for Down<'_> {
    fn drop(&mut self) {
        compose(self.0, &["down", "--volumes", "--timeout", "5"], 0);
    }
}

#[test]
fn the_image_is_a_drop_in_for_localstack_that_keeps_what_it_is_told() {
    let image = devenv_image();
    let place = tempfile::tempdir().unwrap();
    let own = format!(
        "services:\n  localstack: {{ image: '{image}' }}\n  client:\n    image: devenv-test/busybox\n    command: sh -c 'wget -q -O- --header \"$$SIGNED\" http://localstack:4566/kept && echo && sleep 1000'\n    environment: {{ SIGNED: '{SIGNED}' }}\n    init: true\n    depends_on: {{ localstack: {{ condition: service_healthy }} }}\n"
    );
    std::fs::copy(script("../../compose/devenv.yaml"), place.path().join("docker-compose.yml"))
        .unwrap();
    std::fs::write(place.path().join("docker-compose.override.yml"), own).unwrap();
    let port = free_port();
    let down = Down(place.path());
    compose(place.path(), &["up", "-d", "localstack"], port).success();
    let address = format!("127.0.0.1:{port}");
    wait_for("an answer", PATIENCE, || ask(&address, "GET /_devenv/health"));
    wait_for("a bucket", PATIENCE, || ask(&address, "PUT /kept"));
    let id = compose(place.path(), &["ps", "-q", "localstack"], port).success().stdout;
    let user = docker(&["exec", id.trim(), "id", "-u"]).success().stdout;
    assert_eq!(user.trim(), "10001");
    docker(&["kill", id.trim()]).success();
    compose(place.path(), &["up", "-d"], port).success();
    let told = wait_for("the bucket over a kill", PATIENCE, || {
        let logs = compose(place.path(), &["logs", "client"], port).stdout;
        logs.contains("ListBucketResult").then_some(logs)
    });
    assert!(told.contains("<Name>kept</Name>"), "{told}");
    drop(down);
}

/// What the gateway answers; nothing where it does not yet.
fn ask(address: &str, line: &str) -> Option<String> {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let head = format!("Host: {address}\r\n{SIGNED}\r\nContent-Length: 0");
    stream.write_all(format!("{line} HTTP/1.0\r\n{head}\r\n\r\n").as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.contains(" 200 ").then_some(answer)
}

/// The devcontainers CLI at the engine of the tests.
fn devcontainer(project: &Project, arguments: &[&str]) -> Run {
    let mut command = project.command(node());
    let (verb, rest) = arguments.split_first().unwrap();
    command.arg(node_modules().join("@devcontainers/cli/devcontainer.js")).arg(verb);
    command.arg("--workspace-folder").arg(project.path());
    command.args(["--docker-path", "docker", "--docker-compose-path", "docker-compose"]).args(rest);
    Run::of(command.env("DOCKER_BUILDKIT", "0"))
}

/// Takes everything with a label away, whatever happens.
struct Left(String);

impl Drop for Left {
    fn drop(&mut self) {
        for (kind, remove) in [
            (&["ps", "-a"][..], &["rm", "-f", "-v"][..]),
            (&["network", "ls"], &["network", "rm"]),
            (&["volume", "ls"], &["volume", "rm"]),
        ] {
            for id in docker(&[kind, &["-q", "--filter", &self.0]].concat()).stdout.lines() {
                docker(&[remove, &[id]].concat());
            }
        }
    }
}

#[test]
fn the_devcontainers_cli_brings_up_what_init_writes() {
    let image = devenv_image();
    let project = project(
        "port = \"auto\"\n[postgres]\nimage = \"devenv-test/postgres:17-pgvector\"\n[redis]\nimage = \"devenv-test/redis:7\"\n[s3.buckets.uploads]\n",
    );
    let init = ["devcontainer", "init", "--image", &image, "--base", "devenv-test/busybox"];
    project.devenv(&init).success();
    project.devenv(&init).ends(1);
    let file = std::fs::read_to_string(project.path().join(".devcontainer/compose.yaml")).unwrap();
    assert!(!file.contains(project.path().to_str().unwrap()), "it can be checked in: {file}");
    let left = Left(format!(
        "label=com.docker.compose.project={}_devcontainer",
        project.path().file_name().unwrap().to_str().unwrap().to_lowercase()
    ));
    let up = devcontainer(&project, &["up", "--skip-post-create"]).success();
    let told: serde_json::Value = serde_json::from_str(up.stdout.lines().last().unwrap()).unwrap();
    assert_eq!(told["outcome"], "success", "{told}");
    let commands = format!(
        "nc -w 5 $PGHOST $PGPORT </dev/null && printf 'PING\\r\\n' | nc -w 5 redis 6379 && \
         wget -q -O- --header '{SIGNED}' $AWS_ENDPOINT_URL/uploads && cat devenv.toml"
    );
    let inside = devcontainer(&project, &["exec", "sh", "-c", &commands]);
    let inside = inside.success().stdout;
    for part in ["+PONG", "<Name>uploads</Name>", "[s3.buckets.uploads]"] {
        assert!(inside.contains(part), "{part}: {inside}");
    }
    drop(left);
}
