//! Postgres and Redis as parts of the platform: faults on their wires, and the virtual clock in them.

use crate::support::{Project, Run, kill_9, python, script};
use serde_json::Value;

const PROFILE: &str = r#"
extends = "minimal"
port = "auto"
[postgres]
follow_clock = true
[redis]
follow_clock = true
[faults]
proxy = true
[[faults.rules]]
service = "sqs"
operation = "ListQueues"
fault = "error"
code = "OnPurpose"
status = 503
[[faults.rules]]
service = "redis"
operation = "GET"
where = "Key=slow:*"
fault = "latency"
ms = 30
"#;

fn call(project: &Project, what: &str) -> String {
    let mut command = project.command(python());
    command.arg(script("servers/calls.py")).arg(what).envs(project.environment());
    Run::of(&mut command).success().stdout.trim().to_owned()
}

/// Requests of the journal that were struck, as `operation fault`.
fn struck(project: &Project, service: &str) -> Vec<String> {
    let all = ["requests", "--json", "--operation", &format!("{service}:*")];
    let requests = project.devenv(&all).success().json();
    assert!(!requests.to_string().contains("hunter2"), "{requests}");
    let told = |request: &Value| {
        let text = |name: &str| request[name].as_str().unwrap_or_default().to_owned();
        format!("{} {}", text("operation"), text("fault"))
    };
    requests["requests"].as_array().unwrap().iter().map(told).collect()
}

/// Faults strike on the wires, and `now()` and expiry follow the clock; one environment for both.
#[test]
fn servers_take_faults_on_their_wires_and_follow_the_clock() {
    let project = Project::with(PROFILE);
    project.up();
    faults(&project);
    clock(&project);
}

fn faults(project: &Project) {
    let add = |words: &[&str]| project.devenv(&[&["faults", "add"], words].concat());
    call(project, "passes");
    assert_eq!(struck(project, "redis"), ["GET 2:latency"]);
    add(&["postgres:INSERT", "--drop", "before", "--where", "Query=*orders*", "--times", "1"])
        .success();
    add(&["postgres:TABLE", "--partial", "10"]).success();
    add(&["redis:INCR*", "--drop", "after"]).success();
    call(project, "struck");
    assert_eq!(struck(project, "postgres"), ["INSERT 3:drop", "TABLE 4:partial"]);
    assert_eq!(struck(project, "redis").last().unwrap(), "INCRBY 5:drop");
    add(&["postgres", "--error", "Oops"]).ends(2);
    // Faults of every service are those of AWS.
    add(&["--drop", "before"]).success();
    call(project, "followed");
    project.devenv(&["faults", "clear"]).success();
}

fn clock(project: &Project) {
    let clock = |words: &[&str]| drop(project.devenv(&[&["clock"], words].concat()).success());
    let ahead = |project: &Project| call(project, "followed").split('|').next().unwrap().to_owned();
    assert_eq!(ahead(project), "0");
    call(project, "keys");
    clock(&["advance", "15m"]);
    assert_eq!(ahead(project), "900");
    call(project, "expired");

    kill_9(project.status()["pid"].as_u64().unwrap() as u32);
    project.up();
    assert_eq!(ahead(project), "900", "a kill and a new start keep it");

    project.devenv(&["stop", "postgres"]).success();
    clock(&["set", "2030-01-01"]);
    clock(&["freeze"]);
    clock(&["set", "2030-01-01T09:00:00Z"]);
    project.devenv(&["start", "postgres"]).success();
    project.devenv(&["wait", "postgres"]).success();
    let shown = call(project, "followed");
    assert!(shown.ends_with("|2030-01-01 09:00:00"), "{shown}");
    clock(&["set", "now"]);
    assert_eq!(ahead(project), "0");
}
