//! Parameter Store, STS and IAM as clients meet them: boto3 and the AWS CLI against one environment,
//! which is killed in between.

use super::support::{Project, Run, kill_9, node, node_modules, python, script};
use std::path::Path;

/// Runs a script of a service in the environment of `project`.
#[track_caller]
fn run(project: &Project, name: &str, arguments: &[&str]) {
    let endpoint = project.status()["endpoint"].as_str().unwrap().to_owned();
    let mut command = project.command(python());
    command.arg(script(name)).arg(endpoint).args(arguments).envs(project.environment());
    Run::of(command.env("AWS_EC2_METADATA_DISABLED", "true")).success();
}

/// The same of a script for Node.
#[track_caller]
fn run_node(project: &Project, name: &str) {
    let mut command = project.command(node());
    command.arg(script(name)).env("DEVENV_TEST_NODE_MODULES", node_modules());
    Run::of(command.envs(project.environment())).success();
}

fn table(service: &str) -> String {
    let path = format!("src/services/{service}/model/{service}.model");
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path).to_str().unwrap().to_owned()
}

/// Neither logs nor the state file hold what a `SecureString` holds, and no log any secret of a key.
fn nothing_secret_was_written(project: &Project) {
    let mut waiting = vec![project.path().join(".devenv")];
    let mut seen = 0;
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            waiting.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        let Ok(bytes) = std::fs::read(&path) else { continue };
        seen += 1;
        let holds = |secret: &str| bytes.windows(secret.len()).any(|w| w == secret.as_bytes());
        assert!(!holds("js-s3cret-value"), "{} holds a value", path.display());
    }
    assert!(seen > 0, "there is a state file at least");
}

#[test]
fn what_clients_were_told_is_there_after_kill_9_and_every_operation_answers() {
    let project = Project::with("extends = \"minimal\"\nport = \"auto\"\n");
    project.up();
    run(&project, "ssm/life.py", &["before"]);
    run(&project, "iam/life.py", &["before"]);
    run(&project, "iam/sts.py", &["before"]);
    run_node(&project, "iam/sdk.mjs");
    for service in ["iam", "ssm", "sts"] {
        run(&project, "operations.py", &[service, &table(service)]);
    }
    kill_9(project.status()["pid"].as_u64().unwrap() as u32);
    project.up();
    nothing_secret_was_written(&project);
    run(&project, "ssm/life.py", &["after"]);
    run(&project, "iam/life.py", &["after"]);
    run(&project, "iam/sts.py", &["after"]);
}

#[test]
fn under_enforce_policies_say_who_may_do_what() {
    let project = Project::with("extends = \"minimal\"\nport = \"auto\"\nauth = \"enforce\"\n");
    project.up();
    run(&project, "iam/enforce.py", &[]);
}

#[test]
fn under_enforce_what_cdk_bootstraps_publishes_assets() {
    let project = Project::with("extends = \"minimal\"\nport = \"auto\"\nauth = \"enforce\"\n");
    project.up();
    let endpoint = project.status()["endpoint"].as_str().unwrap().to_owned();
    let mut command = project.command(python());
    command.arg(script("iam/cdk.py")).arg(endpoint).env("DEVENV_TEST_NODE_MODULES", node_modules());
    Run::of(command.envs(project.environment())).success();
}

#[test]
fn under_enforce_other_clients_are_refused_in_the_same_words() {
    let project = Project::with("extends = \"minimal\"\nport = \"auto\"\nauth = \"enforce\"\n");
    project.up();
    run_node(&project, "iam/enforce.mjs");
    run(&project, "iam/enforce_cli.py", &[]);
}
