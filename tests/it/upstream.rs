//! Services that devenv does not serve, answered by moto: in clear, and by TLS with a certificate of its own.

use super::support::{Project, Run, free_port, python, python_packages, script, wait_for};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

/// A server of moto, until it is dropped.
struct Moto {
    child: Child,
    port: u16,
}

impl Moto {
    fn start(project: &Project, words: &[&str]) -> Moto {
        Moto::start_at(free_port(), project, words)
    }

    fn start_at(port: u16, project: &Project, words: &[&str]) -> Moto {
        let mut command = project.command(python());
        command.env("PYTHONPATH", python_packages("moto"));
        command.args(["-m", "moto.server", "-p", &port.to_string()]).args(words);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut moto = Moto { child, port };
        wait_for("moto", Duration::from_secs(120), || {
            assert!(moto.child.try_wait().unwrap().is_none(), "moto has ended");
            TcpStream::connect(("127.0.0.1", port)).ok()
        });
        moto
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        // Teardown: it may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn certificate(at: &Path, project: &Project) {
    let mut command = project.command(python());
    Run::of(command.arg(script("upstream/certificate.py")).arg(at)).success();
}

#[test]
fn what_devenv_does_not_serve_is_answered_by_upstreams() {
    let project = Project::new();
    certificate(&project.path().join("own"), &project);
    let clear = Moto::start(&project, &[]);
    let key = project.path().join("own.key");
    let pem = project.path().join("own.pem");
    let secure =
        Moto::start(&project, &["-s", "-c", pem.to_str().unwrap(), "-k", key.to_str().unwrap()]);
    let nobody = free_port();
    let profile = format!(
        "extends = \"minimal\"\nport = \"auto\"\n[upstream]\ndynamodb = \"http://127.0.0.1:{}\"\n\
         events = \"http://127.0.0.1:{nobody}\"\n\
         sns = {{ url = \"https://127.0.0.1:{}\", ca = \"own.pem\", access_key_id = \"AKIAOTHER\", \
         secret_access_key_env = \"OTHER_SECRET\" }}\n",
        clear.port, secure.port
    );
    std::fs::write(project.path().join("devenv.toml"), profile).unwrap();
    let refused = project.devenv(&["up", "-d"]).ends(5);
    assert!(refused.stderr.contains("OTHER_SECRET is not set"), "{}", refused.stderr);
    let project = project.variable("OTHER_SECRET", "other");
    project.up();

    let mut command = project.command(python());
    command.envs(project.environment()).arg(script("upstream/calls.py"));
    Run::of(&mut command).success();
    let listed =
        project.devenv(&["requests", "--json", "--operation", "dynamodb:*"]).success().json();
    let put = &listed["requests"].as_array().unwrap()[1];
    assert_eq!((put["operation"].as_str(), put["status"].as_u64()), (Some("PutItem"), Some(200)));
    assert_eq!(put["forwarded"], format!("http://127.0.0.1:{}", clear.port));
    project.devenv(&["requests", "expect", "sns:CreateTopic", "--where", "Name=news"]).success();
    let status = project.status();
    let rows = status["services"].as_array().unwrap();
    let row = rows.iter().find(|row| row["name"] == "sns").unwrap();
    assert_eq!((row["kind"].as_str(), row["state"].as_str()), (Some("forwarded"), Some("healthy")));
}

#[test]
fn a_certificate_that_comes_with_the_upstream_and_changes_is_read_anew() {
    let project = Project::new();
    let port = free_port();
    let profile = format!(
        "extends = \"minimal\"\nport = \"auto\"\n[upstream]\n\
         sns = {{ url = \"https://127.0.0.1:{port}\", ca = \"own.pem\" }}\n"
    );
    std::fs::write(project.path().join("devenv.toml"), profile).unwrap();
    project.up();
    let environment = project.environment();
    let list = || {
        let code = "import boto3; from botocore.config import Config
boto3.client('sns', config=Config(retries={'total_max_attempts': 1})).list_topics()";
        let mut command = project.command(python());
        Run::of(command.envs(environment.clone()).args(["-c", code]))
    };
    let early = list().ends(1);
    assert!(early.stderr.contains("own.pem cannot be read"), "{}", early.stderr);
    let [pem, key] = ["own.pem", "own.key"].map(|name| project.path().join(name));
    let words = ["-s", "-c", pem.to_str().unwrap(), "-k", key.to_str().unwrap()];
    for _ in 0..2 {
        certificate(&project.path().join("own"), &project);
        let moto = Moto::start_at(port, &project, &words);
        list().success();
        drop(moto);
    }
}

#[test]
fn aws_itself_and_devenvs_own_services_are_no_upstreams_by_mistake() {
    let project = Project::with(
        "extends = \"minimal\"\n[upstream]\ns3 = \"http://127.0.0.1:9000\"\nsns = \"ftp://x\"\n\
         dynamodb = \"https://dynamodb.us-east-1.amazonaws.com\"\n",
    );
    let refused = project.devenv(&["profile", "validate"]).ends(2);
    for said in [
        "`s3` is served by devenv itself",
        "`upstream.sns` must be an address",
        "`allow_real_aws = true`",
    ] {
        assert!(refused.stderr.contains(said), "{said}: {}", refused.stderr);
    }
}
