//! `devenv up --watch`: the rules of `develop.watch` on files that change, and edits of what is planned.

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

const EDITED: &str = "
services:
  app:
    image: devenv-test/busybox
    init: true
    command: sleep 1000
    develop:
      watch:
        - { path: conf, action: sync+exec, target: /conf, exec: { command: 'sh -c \"cat /conf/a >/tmp/read; echo $$WHO >>/tmp/read\"', environment: { WHO: me }, working_dir: /tmp } }
";

#[test]
fn edits_are_taken_over_while_it_watches_and_commands_follow_files() {
    let project = project("port = \"auto\"\n[containers]\ncompose = [\"compose.yaml\"]\n");
    project.write("compose.yaml", EDITED);
    project.write("conf/a", "one\n");
    project.write("more/first.txt", "first");
    project.write("more/first.bin", "first");
    project.devenv(&["up", "-d", "--watch", "--timeout", UP_TIMEOUT]).success();
    let app = container(&project, "app");
    project.write("conf/a", "two\n");
    wait_for("the command after the file", PATIENCE, || {
        (inside(&project, "cat /tmp/read") == "two\nme\n").then_some(())
    });
    let told = |text: &str| {
        wait_for(text, PATIENCE, || {
            project.devenv(&["logs", "daemon"]).stdout.contains(text).then_some(())
        });
    };
    // Another rule, and nothing else: the container stays.
    let rule = "        - { path: more, action: sync, target: /more, include: '*.txt', initial_sync: true }\n";
    let edited = format!("{EDITED}{rule}");
    project.write("compose.yaml", &edited);
    told("~ app is watched by other rules");
    wait_for("what was there before", PATIENCE, || {
        (inside(&project, "cat /more/first.txt") == "first").then_some(())
    });
    project.write("more/second.bin", "second");
    project.write("more/second.txt", "second");
    wait_for("a file by the new rule", PATIENCE, || {
        (inside(&project, "cat /more/second.txt") == "second").then_some(())
    });
    assert_eq!(inside(&project, "ls /more"), "first.txt\nsecond.txt\n");
    // A mistake is told, and changes nothing.
    project.write("compose.yaml", &edited.replace("    image:", "    imag:"));
    told("the edit is not taken over: ");
    let other = "  other: { image: devenv-test/busybox, init: true, command: sleep 1000 }\n";
    project.write("compose.yaml", &format!("{edited}{other}"));
    told("+ other is started");
    wait_for("another service", PATIENCE, || {
        (!container(&project, "other").is_empty()).then_some(())
    });
    // The profile itself, and a file that it names only now.
    project.write("second.yaml", "services: { other: { environment: { X: y } } }");
    project.write(
        "devenv.toml.new",
        "port = \"auto\"\n[s3.buckets.second]\n[containers]\ncompose = [\"compose.yaml\", \"second.yaml\"]\n",
    );
    // A profile that is about to be written says nothing; whole, it comes as editors bring it.
    project.write("devenv.toml", "");
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(container(&project, "app"), app);
    let (new, own) = (project.path().join("devenv.toml.new"), project.path().join("devenv.toml"));
    std::fs::rename(new, own).unwrap();
    told("+ s3.buckets.second is declared");
    told("~ other is made anew");
    project.write(
        "second.yaml",
        "services: { third: { image: devenv-test/busybox, init: true, command: sleep 1000 } }",
    );
    told("+ third is started");
    assert_eq!(container(&project, "app"), app, "nothing of it has changed");
    project.devenv(&["down", "--volumes", "--yes"]).success();
    assert_eq!(left(&project), "");
}
