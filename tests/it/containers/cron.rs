//! Services with a schedule, by a clock that stands still until it is moved: each run that is counted here
//! is one that a move has made due.

use super::life::{container, left, service};
use super::{docker, project};
use crate::support::{Project, UP_TIMEOUT, kill_9, wait_for};
use std::time::Duration;

/// Longest wait for anything that a container does.
const PATIENCE: Duration = Duration::from_secs(60);

const PROFILE: &str = "port = \"auto\"\n[containers]\ncompose = [\"compose.yaml\"]\n";

const COMPOSE: &str = r#"
services:
  report:
    image: devenv-test/busybox
    command: sh -c 'echo reported to $$AWS_ENDPOINT_URL; test ! -e /data/fails'
    x-devenv: { schedule: "0 * * * *" }
    volumes: ["./data:/data"]
  slow:
    image: devenv-test/busybox
    command: sh -c 'echo begun; exec sleep 1000'
    init: true
    x-devenv: { schedule: "30 0 * * *" }
  many:
    image: devenv-test/busybox
    command: sleep 1000
    init: true
    x-devenv: { schedule: "30 0 * * *", overlap: true }
"#;

fn up(project: &Project) {
    // A seeded environment's clock stands still from the first moment on, at the first of January 2025.
    project.devenv(&["up", "-d", "--seed", "7", "--timeout", UP_TIMEOUT]).success();
}

fn advance(project: &Project, by: &str) {
    project.devenv(&["clock", "advance", by]).success();
}

fn says(project: &Project, part: &str, text: &str) {
    wait_for(text, PATIENCE, || {
        project.devenv(&["logs", part]).success().stdout.contains(text).then_some(())
    });
}

/// How many containers of a part are there.
fn running(project: &Project, part: &str) -> usize {
    let one = container(project, part);
    if one.is_empty() {
        return 0;
    }
    let label = "{{index .Config.Labels \"dev.devenv.project\"}}";
    let inspect = docker(&["inspect", "--format", label, &one]);
    if inspect.code != Some(0) {
        // It has gone since.
        return 0;
    }
    let name = inspect.stdout;
    let of = format!("label=dev.devenv.project={}", name.trim());
    let part = format!("label=dev.devenv.part={part}");
    docker(&["ps", "-q", "--filter", &of, "--filter", &part]).success().stdout.lines().count()
}

#[test]
fn services_run_at_their_times_by_the_virtual_clock() {
    let project = project(PROFILE);
    project.write("compose.yaml", COMPOSE);
    std::fs::create_dir(project.path().join("data")).unwrap();
    up(&project);
    let note = |part: &str| service(&project, part)["note"].as_str().unwrap_or_default().to_owned();
    assert_eq!(service(&project, "report")["state"], "healthy");
    assert!(note("report").contains("next at 2025-01-01T01:00:00.000Z"), "{}", note("report"));
    // One time, then several at once: a run each. The numbers show that there was none besides.
    advance(&project, "1h");
    says(&project, "report", "run 1 ended with 0");
    says(&project, "report", "reported to http://devenv:4566");
    advance(&project, "5h");
    says(&project, "report", "2025-01-01T06:00:00.000Z: run 2 ended with 0");
    wait_for("the status", PATIENCE, || {
        let told = "next at 2025-01-01T07:00:00.000Z, run 2 ended with 0";
        note("report").contains(told).then_some(())
    });
    assert_eq!(container(&project, "report"), "", "its container is gone");
    a_run_is_begun_by_hand(&project);
    a_run_that_fails_is_seen_until_one_does_not(&project);
    the_next_waits_for_the_one_before_unless_it_may_overlap(&project);
    a_crash_and_the_end_leave_none(&project);
}

/// Beside its times, to its end; what it writes and how it ends is the command's.
fn a_run_is_begun_by_hand(project: &Project) {
    let run = project.devenv(&["run", "report"]).success();
    assert_eq!(run.stdout, "reported to http://devenv:4566\n");
    assert!(run.stderr.contains("run 3 of report ended with 0"), "{}", run.stderr);
    project.write("data/fails", "");
    project.devenv(&["run", "report"]).ends(1);
    std::fs::remove_file(project.path().join("data/fails")).unwrap();
    let run = project.devenv(&["run", "report", "--json"]).success().json();
    let expected = serde_json::json!({
        "service": "report", "number": 5, "exit_code": 0, "lines": ["reported to http://devenv:4566"]
    });
    assert_eq!(run["run"], expected);
    wait_for("its times, which stay, and its last run", PATIENCE, || {
        let note = service(project, "report")["note"].as_str().unwrap_or_default().to_owned();
        note.contains("next at 2025-01-01T07:00:00.000Z, run 5").then_some(())
    });
    let none = project.devenv(&["run", "gateway"]).ends(2);
    assert!(none.stderr.contains("gateway has no schedule"), "{}", none.stderr);
    project.devenv(&["run", "reports"]).ends(2);
    project.devenv(&["stop", "report"]).success();
    project.devenv(&["run", "report"]).ends(3);
    project.devenv(&["start", "report"]).success();
}

fn a_run_that_fails_is_seen_until_one_does_not(project: &Project) {
    let is = |state: &'static str| {
        wait_for(state, PATIENCE, || (service(project, "report")["state"] == state).then_some(()));
    };
    project.write("data/fails", "");
    advance(project, "1h");
    is("unhealthy");
    let reason = service(project, "report")["reason"].clone();
    assert_eq!(reason, "its last run ended with 1");
    assert_eq!(project.status()["state"], "degraded");
    std::fs::remove_file(project.path().join("data/fails")).unwrap();
    advance(project, "1h");
    is("healthy");
}

fn the_next_waits_for_the_one_before_unless_it_may_overlap(project: &Project) {
    // Half past midnight of the first was passed by the jumps before.
    says(project, "slow", "begun");
    wait_for("the first of many", PATIENCE, || (running(project, "many") == 1).then_some(()));
    advance(project, "24h");
    says(project, "slow", "not run, as the one before is not through");
    wait_for("the second of many", PATIENCE, || (running(project, "many") == 2).then_some(()));
    assert_eq!(running(project, "slow"), 1);
    docker(&["kill", &container(project, "slow")]).success();
    says(project, "slow", "run 1 ended with 137");
}

#[test]
fn a_clock_that_runs_brings_the_time_by_itself() {
    let project = project(PROFILE);
    let hourly = COMPOSE.split("  slow:").next().unwrap();
    project.write("compose.yaml", hourly);
    std::fs::create_dir(project.path().join("data")).unwrap();
    project.up();
    let set = |to: &str| drop(project.devenv(&["clock", "set", to]).success());
    // All that the jump passes by is one run.
    set("2031-05-05T00:30:00Z");
    says(&project, "report", "run 1 ended with 0");
    // Nothing moves the clock from here on but time.
    set("2031-05-05T00:59:57Z");
    says(&project, "report", "2031-05-05T01:0");
    says(&project, "report", "run 2 ended with 0");
    project.devenv(&["down", "--volumes", "--yes"]).success();
    assert_eq!(left(&project), "");
}

fn a_crash_and_the_end_leave_none(project: &Project) {
    advance(project, "24h");
    wait_for("a run", PATIENCE, || (running(project, "slow") == 1).then_some(()));
    kill_9(u32::try_from(project.status()["pid"].as_u64().unwrap()).unwrap());
    up(project);
    assert_eq!((running(project, "slow"), running(project, "many")), (0, 0));
    advance(project, "24h");
    wait_for("another run", PATIENCE, || (running(project, "slow") == 1).then_some(()));
    project.devenv(&["stop", "slow"]).success();
    assert_eq!(running(project, "slow"), 0);
    project.devenv(&["down", "--volumes", "--yes"]).success();
    assert_eq!(left(project), "", "something is left at the engine");
}
