//! Each store comes back exactly as it was: messages in flight, deduplication, versions and delete markers,
//! open uploads, mails, secrets, keys and the clock.

use crate::support::{Project, Run, kill_9, python, script};

fn run(project: &Project, what: &str) -> String {
    let mut command = project.command(python());
    command.arg(script("snapshots/exact.py")).arg(what).envs(project.environment());
    Run::of(&mut command).success().stdout
}

#[track_caller]
fn assert_same(before: &str, after: &str) {
    let unlike = before.lines().zip(after.lines()).find(|(a, b)| a != b);
    assert!(before == after, "first difference: {unlike:?}");
}

#[test]
fn every_store_is_as_it_was_to_the_last_detail() {
    let project =
        Project::with("extends = \"minimal\"\nport = { gateway = \"auto\", smtp = \"auto\" }\n");
    project.up();
    project.devenv(&["clock", "freeze"]).success();
    run(&project, "fill");
    let before = run(&project, "look");
    project.devenv(&["snapshot", "save", "exact"]).success();
    project.devenv(&["reset", "--no-snapshot", "--yes"]).success();
    project.devenv(&["snapshot", "restore", "exact"]).success();
    assert_same(&before, &run(&project, "look"));
    run(&project, "in-flight");
    project.devenv(&["snapshot", "restore", "exact"]).success();
    kill_9(project.status()["pid"].as_u64().unwrap() as u32);
    project.up();
    assert_same(&before, &run(&project, "look"));
    run(&project, "after");
}
