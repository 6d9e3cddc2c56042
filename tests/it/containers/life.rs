//! A project's Compose file beside devenv's servers, from `up` to `down --volumes`, over crashes.

use super::{docker, project};
use crate::support::{Project, UP_TIMEOUT, kill_9, wait_for};
use serde_json::Value;
use std::io::{Read, Write};
use std::time::Duration;

/// Longest wait for anything that a container does.
const PATIENCE: Duration = Duration::from_secs(60);

const PROFILE: &str = r#"
port = "auto"
[postgres]
[redis]
[s3.buckets.uploads]
[containers]
compose = ["compose.yaml"]
replace = { db = "postgres", cache = "redis", localstack = "gateway" }
"#;

/// As a project has it for Docker Compose: with a database, a cache and LocalStack of its own.
const COMPOSE: &str = r#"
services:
  db: { image: "postgres:17", environment: { POSTGRES_PASSWORD: x } }
  cache: { image: "redis:7" }
  localstack: { image: "localstack/localstack:3", ports: ["4566:4566"] }
  migrate:
    image: devenv-test/busybox
    command: >-
      sh -c "nc -w 5 db 5432 </dev/null && printf 'PING\r\n' | nc -w 5 cache 6379 &&
      wget -q -O- http://localstack:4566/_devenv/health &&
      wget -q -O- --header \"$$SIGNED\" http://uploads.s3.localhost.localstack.cloud:4566/ && wget -q -O- $$AWS_ENDPOINT_URL/_devenv/health &&
      echo migrated"
    environment: { SIGNED: 'Authorization: AWS4-HMAC-SHA256 Credential=test/20200101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=x' }
    depends_on: { db: { condition: service_healthy }, cache: { condition: service_started } }
  api:
    image: devenv-test/busybox
    command: sh -c 'mkdir -p /data/www; env >/data/www/env; echo served >/data/www/index.html; exec httpd -f -p 8080 -h /data/www'
    init: true
    restart: always
    depends_on: { migrate: { condition: service_completed_successfully } }
    healthcheck: { test: wget -q -O- http://localhost:8080/, interval: 200ms, timeout: 10s, retries: 30 }
    ports: ["8080"]
    environment: { AWS_REGION: eu-west-1 }
    secrets: [token]
    volumes: ["data:/data"]
  worker:
    image: devenv-test/busybox
    command: sh -c 'wget -q -O- http://api:8080/ && cat /run/secrets/token && echo "S3 at <$$AWS_ENDPOINT_URL_S3>" && exec sleep 1000'
    environment: { AWS_ENDPOINT_URL: "http://localstack:4566" }
    init: true
    depends_on: { api: { condition: service_healthy } }
    secrets: [token]
secrets: { token: { file: ./token } }
volumes: { data: }
"#;

pub(super) fn service(project: &Project, name: &str) -> Value {
    let status = project.status();
    let services = status["services"].as_array().unwrap();
    services.iter().find(|service| service["name"] == name).cloned().unwrap_or(Value::Null)
}

/// What answers at an address to a plain request.
fn get(address: &str, path: &str) -> Option<String> {
    let mut stream = std::net::TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

/// The name of everything at the engine that belongs to the project.
pub(super) fn left(project: &Project) -> String {
    let name = project.path().file_name().unwrap().to_str().unwrap().to_lowercase();
    let name: String =
        name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(24).collect();
    let filter = format!("name={name}");
    let all = [
        docker(&["ps", "-aq", "--filter", &filter]),
        docker(&["network", "ls", "-q", "--filter", &filter]),
        docker(&["volume", "ls", "-q", "--filter", &filter]),
    ];
    all.map(|run| run.success().stdout).concat()
}

pub(super) fn container(project: &Project, part: &str) -> String {
    let filter = format!("label=dev.devenv.part={part}");
    let all =
        docker(&["ps", "-a", "--filter", &filter, "--format", "{{.ID}} {{.Names}}"]).success();
    let name = project.path().file_name().unwrap().to_str().unwrap().to_lowercase();
    let name: String =
        name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(24).collect();
    let line = all.stdout.lines().find(|line| line.contains(&name)).map(str::to_owned);
    line.and_then(|line| Some(line.split(' ').next()?.to_owned())).unwrap_or_default()
}

#[test]
fn a_compose_file_runs_without_an_edit_and_nothing_is_left_of_it() {
    let project = project(PROFILE);
    project.write("compose.yaml", COMPOSE);
    project.write("token", "opensesame\n");
    project.up();
    it_reaches_devenv_under_the_names_it_knows(&project);
    a_command_runs_in_it(&project);
    it_is_started_again_when_it_dies(&project);
    it_is_taken_over_after_a_crash_and_orphans_go(&project);
    it_stops_and_starts_by_name(&project);
    project.devenv(&["down", "--volumes", "--yes"]).success();
    assert_eq!(left(&project), "", "something is left at the engine");
}

fn it_reaches_devenv_under_the_names_it_knows(project: &Project) {
    assert_eq!(service(project, "migrate")["state"], "completed");
    let logs = project.devenv(&["logs", "migrate"]).success().stdout;
    assert!(logs.contains("<Name>uploads</Name>"), "{logs}");
    assert!(logs.contains("+PONG") && logs.contains("migrated"), "{logs}");
    let api = service(project, "api");
    assert_eq!((api["kind"].as_str(), api["state"].as_str()), (Some("container"), Some("healthy")));
    let environment = get(api["address"].as_str().unwrap(), "/env").unwrap();
    for line in [
        "AWS_ENDPOINT_URL=http://devenv:4566",
        "DATABASE_URL=postgresql://postgres:postgres@devenv:5432/app",
        "REDIS_URL=redis://devenv:6379",
        // Its own value wins.
        "AWS_REGION=eu-west-1",
    ] {
        assert!(environment.contains(line), "{line}: {environment}");
    }
    a_bucket_of_any_name_is_found(project, &environment);
    wait_for("the worker's words", PATIENCE, || {
        let logs = project.devenv(&["logs", "worker"]).stdout;
        // Its own endpoint wins, for S3 as well.
        let said = ["served", "opensesame", "S3 at <>"];
        said.iter().all(|part| logs.contains(part)).then_some(())
    });
}

/// With the container's own variables alone: the address of devenv on its network is this machine's too.
fn a_bucket_of_any_name_is_found(project: &Project, environment: &str) {
    let mut sdk = project.command(crate::support::node());
    let own = environment.lines().filter(|line| line.starts_with("AWS_"));
    sdk.envs(own.filter_map(|line| line.trim().split_once('=')));
    sdk.env("NODE_MODULES", crate::support::node_modules());
    sdk.arg(crate::support::script("containers/bucket.mjs"));
    assert_eq!(crate::support::Run::of(&mut sdk).success().stdout, "kept\n");
}

fn a_command_runs_in_it(project: &Project) {
    let inside =
        ["exec", "--in", "worker", "--", "sh", "-c", "echo in $AWS_REGION; cat >&2; exit 7"];
    let mut command = project.command(env!("CARGO_BIN_EXE_devenv"));
    let input = std::fs::File::open(project.path().join("token")).unwrap();
    let run = crate::support::Run::of(command.args(inside).stdin(input)).ends(7);
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("in us-east-1\n", "opensesame\n"));
    project.devenv(&["exec", "--in", "gone", "--", "true"]).ends(3);
}

fn it_is_started_again_when_it_dies(project: &Project) {
    docker(&["kill", &container(project, "api")]).success();
    wait_for("another run", PATIENCE, || {
        let api = service(project, "api");
        (api["restarts"].as_u64() >= Some(1) && api["state"] == "healthy").then_some(())
    });
    project.devenv(&["wait", "worker", "--timeout", UP_TIMEOUT]).success();
}

fn it_is_taken_over_after_a_crash_and_orphans_go(project: &Project) {
    let (api, worker) = (container(project, "api"), container(project, "worker"));
    let daemon = project.status()["pid"].as_u64().unwrap();
    kill_9(u32::try_from(daemon).unwrap());
    let without = COMPOSE.split("  worker:").next().unwrap().to_owned()
        + "secrets: { token: { file: ./token } }\nvolumes: { data: }\n";
    project.write("compose.yaml", &without);
    project.up();
    assert_eq!(container(project, "api"), api, "it ran on and was taken over");
    assert_ne!(worker, "");
    assert_eq!(container(project, "worker"), "", "it is no part any more");
}

fn it_stops_and_starts_by_name(project: &Project) {
    project.devenv(&["stop", "api"]).success();
    assert_eq!(
        (service(project, "api")["state"].as_str(), container(project, "api")),
        (Some("down"), String::new())
    );
    project.devenv(&["start", "api"]).success();
    let api = service(project, "api");
    assert!(get(api["address"].as_str().unwrap(), "/").unwrap().contains("served"), "{api}");
}

#[test]
fn without_an_engine_all_else_runs_and_the_containers_are_named() {
    let profile = "port = \"auto\"\n[containers]\ncompose = [\"compose.yaml\"]\n";
    let project = Project::with(profile).variable("DOCKER_HOST", "unix:///nowhere/docker.sock");
    project.write("compose.yaml", "services: { shop: { image: shop }, desk: { image: desk } }");
    let up = project.devenv(&["up", "-d", "--timeout", UP_TIMEOUT]).success();
    assert!(up.stderr.contains("not started: desk, shop"), "{}", up.stderr);
    assert_eq!(project.status()["state"], "ready");
    let docker = Project::with("port = \"auto\"\n[redis]\nprovider = \"docker\"\n")
        .variable("DOCKER_HOST", "unix:///nowhere/docker.sock");
    let up = docker.devenv(&["up", "-d"]).ends(5);
    assert!(up.stderr.contains("needed for redis"), "{}", up.stderr);
}

#[test]
fn mistakes_of_compose_files_are_told_at_once_with_their_places() {
    let project = project(PROFILE);
    project.write(
        "compose.yaml",
        "services:\n  a:\n    imag: x\n  b:\n    image: y\n    depends_on: [gone]\n",
    );
    let up = project.devenv(&["up", "-d"]).ends(2);
    let validate = project.devenv(&["profile", "validate"]).ends(2);
    for told in [
        "compose.yaml:3: `services.a.imag` is no key",
        "compose.yaml:6: the service `b` waits for `gone`",
    ] {
        for run in [&up, &validate] {
            assert!(run.stderr.contains(told), "{told}: {}", run.stderr);
        }
    }
}

#[test]
fn an_image_that_cannot_be_had_and_a_job_that_fails_are_told() {
    let profile = "port = \"auto\"\n[containers]\ncompose = [\"compose.yaml\"]\n";
    let project = project(profile);
    project.write("compose.yaml", "services: { shop: { image: '127.0.0.1:1/shop:1' } }");
    let up = project.devenv(&["up", "-d", "--timeout", UP_TIMEOUT]).ends(5);
    assert!(up.stderr.contains("the image `127.0.0.1:1/shop:1` of shop"), "{}", up.stderr);
    // Somebody waits for the job: without, the environment may be ready before it fails.
    let job = "services:\n  job: { image: devenv-test/busybox, command: sh -c 'echo alas; exit 3' }\n  \
               app: { image: devenv-test/busybox, depends_on: { job: { condition: service_completed_successfully } } }";
    project.write("compose.yaml", job);
    let up = project.devenv(&["up", "-d", "--timeout", UP_TIMEOUT]).ends(4);
    assert!(up.stderr.contains("job ended with 3") && up.stderr.contains("alas"), "{}", up.stderr);
    project.devenv(&["down", "--volumes", "--yes"]);
    assert_eq!(left(&project), "");
}

#[test]
fn an_image_is_built_from_what_dockerignore_leaves() {
    let profile = "port = \"auto\"\n[containers]\ncompose = [\"compose.yaml\"]\n";
    let project = project(profile);
    project.write("compose.yaml", "services: { app: { build: { context: app, args: { WORD: hello } }, command: sh -c 'ls /app; cat /word' } }");
    project.write(
        "app/Dockerfile",
        "FROM devenv-test/busybox\nARG WORD\nCOPY . /app\nRUN echo built $WORD > /word\n",
    );
    project.write("app/.dockerignore", "*.secret\n");
    project.write("app/kept", "");
    project.write("app/a.secret", "");
    project.up();
    let logs = wait_for("what the container says", PATIENCE, || {
        let logs = project.devenv(&["logs", "app"]).stdout;
        logs.contains("built").then_some(logs)
    });
    assert!(
        logs.contains("built hello") && logs.contains("kept") && !logs.contains("secret"),
        "{logs}"
    );
    project.devenv(&["down", "--volumes", "--yes"]).success();
    assert_eq!(left(&project), "");
}

#[test]
fn postgres_and_redis_by_docker_are_the_same_servers_and_keep_their_data() {
    let project = project(
        "port = \"auto\"\n[postgres]\nprovider = \"docker\"\nimage = \"devenv-test/postgres:17-pgvector\"\n\
         extensions = [\"vector\"]\nsettings = { log_statement = \"all\" }\n\
         [redis]\nprovider = \"docker\"\nimage = \"devenv-test/redis:7\"\nsettings = { maxmemory-policy = \"volatile-lru\" }\n",
    );
    project.up();
    for name in ["postgres", "redis"] {
        assert_eq!(
            (service(&project, name)["kind"].as_str(), service(&project, name)["state"].as_str()),
            (Some("container"), Some("healthy"))
        );
    }
    let code = "import os, psycopg, redis\n\
        with psycopg.connect(os.environ['DATABASE_URL']) as c:\n\
        \x20   c.execute('CREATE TABLE IF NOT EXISTS t (v vector(3))')\n\
        \x20   c.execute(\"INSERT INTO t VALUES ('[1,2,3]')\")\n\
        \x20   print('rows', c.execute('SELECT count(*) FROM t').fetchone()[0], c.execute('SHOW log_statement').fetchone()[0])\n\
        r = redis.from_url(os.environ['REDIS_URL'])\n\
        print('policy', r.config_get('maxmemory-policy')['maxmemory-policy'])\n";
    let python = crate::support::python();
    let ask = || {
        let python = python.to_str().unwrap();
        project.devenv(&["exec", "--", python, "-c", code]).success().stdout
    };
    assert_eq!(ask(), "rows 1 all\npolicy volatile-lru\n");
    let daemon = project.status()["pid"].as_u64().unwrap();
    kill_9(u32::try_from(daemon).unwrap());
    project.up();
    assert!(ask().starts_with("rows 2 "));
    project.devenv(&["down"]).success();
    project.up();
    assert!(ask().starts_with("rows 3 "));
    project.devenv(&["reset", "postgres", "--yes", "--no-snapshot"]).success();
    assert!(ask().starts_with("rows 1 "), "reset makes it a new one");
    project.devenv(&["down", "--volumes", "--yes"]).success();
    assert_eq!(left(&project), "");
}
