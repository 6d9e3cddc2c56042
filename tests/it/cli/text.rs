//! What is printed where: data on stdout, progress on stderr, nothing that moves without a terminal.

use super::{MINIMAL, minimal};
use crate::support::{Project, Run};

#[test]
fn quiet_and_json_leave_stderr_empty() {
    for look in ["--quiet", "--json"] {
        let project = Project::with(MINIMAL);
        let up = project.devenv(&["up", "-d", look]).success();
        // A port that is not the default is a fact that counts, said in text.
        let stray = up.stderr.lines().find(|l| !l.starts_with("note: port "));
        assert_eq!(stray, None, "{look}");
    }
}

#[test]
fn json_is_one_object() {
    let project = Project::with(MINIMAL);
    let up = project.devenv(&["up", "-d", "--json"]).success();
    assert_eq!(up.json()["state"], "ready");
    for arguments in [
        &["status", "--json"][..],
        &["wait", "sts", "--json"],
        &["restart", "gateway", "--json"],
        &["logs", "--json"],
        &["reset", "--yes", "--json"],
        &["profile", "list", "--json"],
        &["profile", "validate", "--json"],
        &["version", "--json"],
        &["down", "--json"],
    ] {
        let run = project.devenv(arguments).success();
        assert_eq!(run.json()["schema"], 1, "{}", run.stdout);
        assert_eq!(run.stdout.lines().count(), 1, "{}", run.stdout);
    }
}

#[test]
fn there_is_no_escape_sequence_without_a_terminal() {
    let project = minimal();
    let run = |arguments: &[&str]| {
        let mut command = project.command(env!("CARGO_BIN_EXE_devenv"));
        Run::of(command.args(arguments).env_remove("NO_COLOR").env("TERM", "xterm-256color"))
    };
    for arguments in [&["up", "-d"][..], &["status"], &["wait", "x"], &["--help"], &["doctor"]] {
        let run = run(arguments);
        assert!(!run.stdout.contains('\x1b') && !run.stderr.contains('\x1b'), "{}", run.command);
    }
}

#[test]
fn help_has_an_example_for_every_command() {
    let project = Project::new();
    let help = project.devenv(&["--help"]).success().stdout;
    let commands: Vec<&str> = help
        .lines()
        .skip_while(|l| !l.starts_with("Commands:"))
        .skip(1)
        .take_while(|l| !l.is_empty())
        .filter_map(|l| l.split_whitespace().next())
        .collect();
    assert!(commands.len() >= 19, "{commands:?}");
    for command in commands {
        let help = project.devenv(&[command, "--help"]).success().stdout;
        assert!(help.contains("Example"), "{command}: {help}");
    }
}

#[test]
fn completions_and_schema_are_printed() {
    let project = Project::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = project.devenv(&["completions", shell]).success().stdout;
        assert!(script.contains("devenv") && script.contains("restart"), "{shell}");
    }
    let schema = project.devenv(&["profile", "schema"]).success().json();
    assert!(schema["properties"].get("postgres").is_some());
    let version = project.devenv(&["version"]).success().stdout;
    assert_eq!(version, format!("devenv {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_reader_that_leaves_does_not_break_anything() {
    let project = Project::new();
    let devenv = env!("CARGO_BIN_EXE_devenv");
    let script = format!("{devenv} completions bash | head -n 1; {devenv} profile schema | true");
    let run = Run::of(project.command("sh").args(["-c", &script])).success();
    assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
}
