//! `devenv up --watch`: the rules of `develop.watch` on files that change.

use super::life::{container, left};
use super::project;
use crate::support::{Project, UP_TIMEOUT, wait_for};
use std::time::Duration;

/// Longest wait for anything that a change brings about.
const PATIENCE: Duration = Duration::from_secs(60);

const COMPOSE: &str = "
services:
  app:
    build: app
    init: true
    command: sh -c 'cat /word; exec sleep 1000'
    develop:
      watch:
        - { path: app/src, action: sync, target: /src, ignore: ['*.tmp'] }
        - { path: app/config, action: sync+restart, target: /config }
        - { path: app/word, action: rebuild }
";

/// What a command in the container says.
fn inside(project: &Project, command: &str) -> String {
    project.devenv(&["exec", "--in", "app", "--", "sh", "-c", command]).stdout
}

#[test]
fn changed_files_are_copied_and_containers_restarted_or_rebuilt() {
    let project = project("port = \"auto\"\n[containers]\ncompose = [\"compose.yaml\"]\n");
    project.write("compose.yaml", COMPOSE);
    project.write("app/Dockerfile", "FROM devenv-test/busybox\nCOPY word /word\nCOPY src /src\n");
    project.write("app/word", "first\n");
    project.write("app/src/main", "one");
    project.write("app/config/a", "a");
    let up = project.devenv(&["up", "-d", "--watch", "--timeout", UP_TIMEOUT]).success();
    assert!(!up.stderr.contains("up --watch"), "{}", up.stderr);
    let first = container(&project, "app");
    project.write("app/src/main", "two");
    project.write("app/src/new/deep", "deep");
    project.write("app/src/x.tmp", "none");
    wait_for("the files", PATIENCE, || {
        (inside(&project, "cat /src/main /src/new/deep") == "twodeep").then_some(())
    });
    assert_eq!(inside(&project, "ls /src"), "main\nnew\n");
    std::fs::remove_file(project.path().join("app/src/main")).unwrap();
    wait_for("the end of a file", PATIENCE, || {
        (inside(&project, "ls /src") == "new\n").then_some(())
    });
    assert_eq!(container(&project, "app"), first, "nothing was started again so far");
    project.write("app/config/a", "b");
    let second = wait_for("another container", PATIENCE, || {
        let id = container(&project, "app");
        (!id.is_empty() && id != first && inside(&project, "cat /config/a") == "b").then_some(id)
    });
    assert_eq!(inside(&project, "cat /src/new/deep"), "deep", "what was copied came along");
    // As editors write: beside it, and then in its place.
    project.write("app/word.new", "second\n");
    std::fs::rename(project.path().join("app/word.new"), project.path().join("app/word")).unwrap();
    wait_for("another image", PATIENCE, || {
        let id = container(&project, "app");
        (!id.is_empty() && id != second && inside(&project, "cat /word") == "second\n")
            .then_some(())
    });
    project.devenv(&["down", "--volumes", "--yes"]).success();
    assert_eq!(left(&project), "");
    // Without the flag it is said how to have it.
    let up = project.devenv(&["up", "-d", "--timeout", UP_TIMEOUT]).success();
    assert!(up.stderr.contains("`devenv up --watch` follows"), "{}", up.stderr);
    project.devenv(&["down", "--volumes", "--yes"]).success();
}
