//! Programs that use the environment: variables in every format, `exec`, the clients, `reset`.

use super::{MINIMAL, minimal, told};
use crate::support::{Project, Run};
use std::process::Stdio;

/// The keys that a minimal environment sets.
const KEYS: [&str; 8] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "DEVENV_STATE_DIR",
    "SMTP_HOST",
    "SMTP_PORT",
];

#[test]
fn every_format_says_the_same() {
    let project = minimal();
    let json = project.environment();
    for key in KEYS {
        assert!(json.iter().any(|(name, _)| name == key), "{key} in {json:?}");
    }
    let endpoint = project.status()["endpoint"].as_str().unwrap().to_owned();
    let line = |format: &str| {
        let run = project.devenv(&["env", "--format", format]).success();
        let found = run.stdout.lines().find(|l| l.contains("AWS_ENDPOINT_URL"));
        found.unwrap().to_owned()
    };
    assert_eq!(line("shell"), format!("export AWS_ENDPOINT_URL='{endpoint}'"));
    assert_eq!(line("fish"), format!("set -gx AWS_ENDPOINT_URL '{endpoint}'"));
    assert_eq!(line("powershell"), format!("$env:AWS_ENDPOINT_URL = '{endpoint}'"));
    assert_eq!(line("dotenv"), format!("AWS_ENDPOINT_URL={endpoint}"));
    assert_eq!(line("github"), format!("AWS_ENDPOINT_URL={endpoint}"));
}

#[test]
fn exec_passes_variables_arguments_and_the_exit_code() {
    let project = minimal();
    let script = "echo \"$AWS_ENDPOINT_URL $1\"; exit 42";
    let run = project.devenv(&["exec", "--", "sh", "-c", script, "sh", "a b"]).ends(42);
    let endpoint = project.status()["endpoint"].as_str().unwrap().to_owned();
    assert_eq!(run.stdout, format!("{endpoint} a b\n"));
    let missing = project.devenv(&["exec", "--", "no-such-program"]).ends(127);
    assert!(
        missing.stderr.starts_with("error: cannot run `no-such-program`"),
        "{}",
        missing.stderr
    );
}

#[test]
fn exec_passes_signals() {
    let project = minimal();
    let script = "trap 'exit 9' TERM; echo there; while :; do sleep 0.05; done";
    let mut command = project.command(env!("CARGO_BIN_EXE_devenv"));
    let command = command.args(["exec", "--", "sh", "-c", script]).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut there = String::new();
    let mut out = std::io::BufReader::new(child.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut out, &mut there).unwrap();
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(9));
}

#[test]
fn clients_of_parts_that_are_not_there_say_so() {
    let project = minimal();
    let run = project.devenv(&["psql", "-c", "select 1"]);
    let expected =
        "error: this environment has no postgres\n\nhint: `[postgres]` in devenv.toml adds it\n";
    assert_eq!(told(&project, &run), (3, expected.to_owned()));
    project.devenv(&["redis-cli", "PING"]).ends(3);
}

#[test]
fn a_client_that_is_not_installed_is_exit_5() {
    let project = minimal();
    let mut command = project.command(env!("CARGO_BIN_EXE_devenv"));
    let run = Run::of(command.args(["aws", "s3", "ls"]).env("PATH", project.path()));
    let (code, text) = told(&project, &run);
    assert!(
        code == 5 && text.starts_with("error: `aws` is not on PATH\n\nhint: "),
        "{code} {text}"
    );
}

#[test]
fn the_aws_client_is_pointed_at_the_gateway() {
    let project = minimal();
    project.write("bin/aws", "#!/bin/sh\necho \"$@\"\n");
    let path = project.path().join("bin/aws");
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = project.command(env!("CARGO_BIN_EXE_devenv"));
        let bin = format!("{}:/usr/bin:/bin", project.path().join("bin").display());
        Run::of(command.arg("aws").args(arguments).env("PATH", bin)).success().stdout
    };
    let endpoint = project.status()["endpoint"].as_str().unwrap().to_owned();
    assert_eq!(run(&["s3", "ls", "-q"]), format!("--endpoint-url {endpoint} s3 ls -q\n"));
    let own = ["--endpoint-url", "http://elsewhere", "s3", "ls"];
    assert_eq!(run(&own), format!("{}\n", own.join(" ")));
}

#[test]
fn reset_asks_unless_told() {
    let project = minimal();
    let run = project.devenv(&["reset"]);
    let expected = "error: this deletes state, and there is no terminal to ask on\n\nhint: say so beforehand: `devenv reset --yes`\n";
    assert_eq!(told(&project, &run), (2, expected.to_owned()));
    project.devenv(&["reset", "--yes"]).success();
    project.devenv(&["reset", "sts", "--yes"]).success();
    let unknown = project.devenv(&["reset", "s33", "--yes"]).ends(2);
    assert!(unknown.stderr.contains("has no part `s33`"), "{}", unknown.stderr);
}

#[test]
fn doctor_names_what_is_in_the_way() {
    let held = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = held.local_addr().unwrap().port();
    let project = Project::with(&format!("extends = \"minimal\"\nport = {{ gateway = {port} }}\n"));
    let json = project.devenv(&["doctor", "--json"]).ends(5).json();
    let findings = json["findings"].as_array().unwrap();
    let gateway = findings.iter().find(|f| f["name"] == format!("port {port}")).unwrap();
    assert!(
        gateway["ok"] == false && gateway["remedy"].as_str().unwrap().contains("auto"),
        "{gateway}"
    );
    assert_eq!(json["ok"], false);
}

/// The names of all findings.
fn findings(project: &Project, code: i32) -> Vec<String> {
    let json = project.devenv(&["doctor", "--json"]).ends(code).json();
    assert_eq!(json["schema"], 1);
    let all = json["findings"].as_array().unwrap();
    all.iter().map(|f| f["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn doctor_looks_at_everything_whatever_runs() {
    const ALWAYS: [&str; 7] = [
        "profile",
        "directory",
        "npm registry",
        "PyPI index",
        "cache",
        "disk of the project",
        "devenv on PATH",
    ];
    let project = minimal();
    let code = project.devenv(&["doctor"]).code.unwrap();
    assert!(code == 0 || code == 5, "{code}");
    let running = findings(&project, code);
    assert!(running.contains(&"environment".to_owned()), "{running:?}");
    project.devenv(&["down"]).success();
    project.write("devenv.toml", "nonsense = 1\n");
    let broken = findings(&project, 5);
    for name in ALWAYS {
        assert!(running.contains(&name.to_owned()), "{name}: {running:?}");
        assert!(broken.contains(&name.to_owned()), "{name}: {broken:?}");
    }
    assert!(!broken.contains(&"environment".to_owned()), "{broken:?}");
}

#[test]
fn doctor_tells_another_devenv_in_front() {
    let project = Project::with(MINIMAL);
    project.write("bin/devenv", "#!/bin/sh\n");
    let mut command = project.command(env!("CARGO_BIN_EXE_devenv"));
    let run = Run::of(command.args(["doctor"]).env("PATH", project.path().join("bin"))).ends(5);
    assert!(run.stdout.contains("bin/devenv is another program of this name"), "{}", run.stdout);
}
