//! Parameter Store, STS and IAM as clients meet them: boto3 and the AWS CLI against one environment,
//! which is killed in between.

use super::support::{Project, Run, kill_9, python, script};
use std::path::Path;

/// Runs a script of a service in the environment of `project`.
#[track_caller]
fn run(project: &Project, name: &str, arguments: &[&str]) {
    let endpoint = project.status()["endpoint"].as_str().unwrap().to_owned();
    let mut command = project.command(python());
    command.arg(script(name)).arg(endpoint).args(arguments).envs(project.environment());
    Run::of(command.env("AWS_EC2_METADATA_DISABLED", "true")).success();
}

fn table(service: &str) -> String {
    let path = format!("src/services/{service}/model/{service}.model");
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path).to_str().unwrap().to_owned()
}

#[test]
fn what_clients_were_told_is_there_after_kill_9_and_every_operation_answers() {
    let project = Project::with("extends = \"minimal\"\nport = \"auto\"\n");
    project.up();
    run(&project, "ssm/life.py", &["before"]);
    run(&project, "iam/life.py", &["before"]);
    for service in ["iam", "ssm"] {
        run(&project, "operations.py", &[service, &table(service)]);
    }
    kill_9(project.status()["pid"].as_u64().unwrap() as u32);
    project.up();
    run(&project, "ssm/life.py", &["after"]);
    run(&project, "iam/life.py", &["after"]);
}
