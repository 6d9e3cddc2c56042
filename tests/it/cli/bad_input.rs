//! What goes wrong, each with its whole message, its hint and its exit code; nothing is left running.

use super::{MINIMAL, error, minimal, told};
use crate::support::{Project, Run};
use std::net::TcpListener;

/// Nothing runs, and no daemon is left.
#[track_caller]
fn nothing_runs(project: &Project) {
    project.devenv(&["status"]).ends(3);
}

#[test]
fn commands_that_need_an_environment_say_that_there_is_none() {
    let project = Project::new();
    let expected =
        "error: no environment runs in [DIR]\n\nhint: start it with `devenv up -d`\n".to_owned();
    for command in [
        &["status"][..],
        &["down"],
        &["wait", "s3"],
        &["start", "s3"],
        &["stop", "s3"],
        &["restart", "s3"],
        &["logs"],
        &["env"],
        &["exec", "--", "true"],
        &["psql"],
        &["redis-cli"],
        &["aws", "s3", "ls"],
        &["reset", "--yes"],
    ] {
        let run = project.devenv(command);
        assert_eq!(told(&project, &run), (3, expected.clone()), "{command:?}");
    }
    let json = project.devenv(&["status", "--json"]).ends(3);
    assert_eq!(error(&json)["code"], "not-running");
    assert!(json.stderr.is_empty(), "{}", json.stderr);
}

#[test]
fn a_taken_port_names_its_owner() {
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = held.local_addr().unwrap().port();
    let project = Project::with(&format!("extends = \"minimal\"\nport = {{ gateway = {port} }}\n"));
    for arguments in [&["up", "-d"][..], &["up"]] {
        let run = project.devenv(arguments);
        let (code, text) = told(&project, &run);
        let me = std::process::id();
        let start = format!("error: port {port} for gateway is taken by pid {me} (");
        assert!(text.starts_with(&start), "{text}");
        assert!(text.contains("\n\nhint: ") && text.contains("`port = \"auto\"`"), "{text}");
        assert_eq!(code, 5);
        nothing_runs(&project);
    }
    let json = project.devenv(&["up", "-d", "--json"]).ends(5);
    assert_eq!(
        (error(&json)["code"].as_str(), &error(&json)["retryable"]),
        (Some("port-taken"), &true.into())
    );
}

#[test]
fn every_mistake_of_a_profile_is_told_before_anything_starts() {
    let project = Project::with(
        "extends = \"defualt\"\nauth = \"lenien\"\n[postgress]\n[s3.buckets.Uploads]\n[sqs.queues.jobs]\nretention = \"15d\"\n",
    );
    let run = project.devenv(&["up", "-d"]);
    let (code, text) = told(&project, &run);
    assert_eq!(code, 2);
    assert!(text.starts_with("error: 5 mistakes in the profile\n\n"), "{text}");
    for place in [":1:", ":2:", ":3:", ":4:", ":6:"] {
        assert!(text.contains(&format!("devenv.toml{place}")), "{place} in {text}");
    }
    assert!(!project.path().join(".devenv").exists());
    project.devenv(&["profile", "validate"]).ends(2);
}

#[test]
fn a_shipped_profile_that_is_not_there_is_a_mistake() {
    let run = Project::new().devenv(&["up", "-d", "--profile", "epicentre"]).ends(2);
    assert!(run.stderr.contains("epicenter"), "{}", run.stderr);
    let run = Project::new().devenv(&["init", "--profile", "epicentre"]);
    let expected =
        "error: devenv ships no profile `epicentre`\n\nhint: did you mean `epicenter`? Shipped: ";
    assert!(run.stderr.starts_with(expected), "{}", run.stderr);
    run.ends(2);
}

#[test]
fn a_part_that_is_not_there_is_named() {
    let project = Project::with(MINIMAL);
    let run = project.devenv(&["up", "-d", "--only", "gatway"]);
    let (code, text) = told(&project, &run);
    let expected = "error: this environment has no part `gatway`\n\nhint: did you mean `gateway`? It has `gateway`, `smtp`";
    assert!(code == 2 && text.starts_with(expected), "{code} {text}");
    nothing_runs(&project);
}

#[test]
fn another_profile_does_not_take_over() {
    let project = minimal();
    let run = project.devenv(&["up", "-d", "--profile", "epicenter"]);
    let name = project.status()["profile"].as_str().unwrap().to_owned();
    let expected = format!(
        "error: the environment of profile `{name}` runs here, not `epicenter`\n\nhint: stop it first with `devenv down`\n"
    );
    assert_eq!(told(&project, &run), (5, expected));
}

#[test]
fn a_failing_hook_is_shown_and_ends_the_boot() {
    let hooks = "[hooks]\nafter_ready = [\"echo first; echo migration failed >&2; exit 7\"]\n";
    let project = Project::with(&format!("{MINIMAL}{hooks}"));
    let run = project.devenv(&["up", "-d"]);
    let (code, text) = told(&project, &run);
    assert_eq!(code, 1);
    assert!(text.contains("error: hook after_ready `echo first;"), "{text}");
    assert!(
        text.contains("failed: exit status: 7") && text.contains("\n  migration failed"),
        "{text}"
    );
    nothing_runs(&project);
}

#[test]
fn not_ready_in_time_is_exit_4_and_leaves_nothing() {
    let project = Project::with(&format!("{MINIMAL}[hooks]\nbefore_up = [\"sleep 30\"]\n"));
    for arguments in [&["up", "-d", "--timeout", "300ms"][..], &["up", "--timeout", "300ms"]] {
        let run = project.devenv(arguments);
        let (code, text) = told(&project, &run);
        assert!(code == 4 && text.contains("error: not ready after 300 ms"), "{code} {text}");
        assert!(text.contains("hint: "), "{text}");
        nothing_runs(&project);
    }
}

#[test]
fn a_state_file_that_is_none_is_told_and_kept() {
    let project = minimal();
    project.devenv(&["down"]).success();
    for left in ["state.db-wal", "state.db-shm"] {
        let _ = std::fs::remove_file(project.path().join(".devenv").join(left));
    }
    let garbage =
        "this is no database, but long enough to be taken for one by its size\n".repeat(100);
    project.write(".devenv/state.db", &garbage);
    let run = project.devenv(&["up", "-d"]);
    let (code, text) = told(&project, &run);
    assert!(text.contains("state.db") && text.contains("\n\nhint: "), "{text}");
    assert!(code == 1 || code == 5, "{code} {text}");
    assert_eq!(project.read(".devenv/state.db"), garbage, "nothing was overwritten");
    nothing_runs(&project);
}

#[test]
fn a_directory_that_cannot_be_written_is_named() {
    // Modes mean nothing to root; a file in the place of the directory does.
    let project = Project::with(MINIMAL);
    project.write(".devenv", "a file");
    let run = project.devenv(&["up", "-d"]);
    let (code, text) = told(&project, &run);
    assert!(code == 5 && text.starts_with("error: cannot write [DIR]/.devenv"), "{code} {text}");
    std::fs::remove_file(project.path().join(".devenv")).unwrap();
}

#[test]
fn a_stale_socket_is_no_obstacle() {
    let project = Project::with(MINIMAL);
    std::fs::create_dir(project.path().join(".devenv")).unwrap();
    drop(
        std::os::unix::net::UnixListener::bind(project.path().join(".devenv/control.sock"))
            .unwrap(),
    );
    nothing_runs(&project);
    project.up();
}

#[test]
fn nonsense_on_the_socket_does_not_hurt_the_daemon() {
    use std::io::{Read, Write};
    let project = minimal();
    let talk = |words: &[u8]| {
        let path = project.path().join(".devenv/control.sock");
        let mut stream = std::os::unix::net::UnixStream::connect(path).unwrap();
        // The daemon may have hung up before the end of what is far too long.
        let _ = stream.write_all(words);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        answer
    };
    assert!(talk(b"hello\n").contains("daemon-version"));
    assert!(talk(b"{\"version\":99,\"ask\":{\"kind\":\"status\"}}\n").contains("not version 99"));
    talk(&vec![b'x'; 1 << 20]);
    talk(b"");
    assert_eq!(project.status()["state"], "ready");
}

#[test]
fn mistakes_in_arguments_are_exit_2() {
    let project = Project::new();
    for arguments in [&["upp"][..], &["up", "--timeout", "soon"], &["env", "--format", "xml"], &[]]
    {
        project.devenv(arguments).ends(2);
    }
    let json = project.devenv(&["up", "--timeout", "soon", "--json"]).ends(2);
    assert_eq!(error(&json)["code"], "usage");
}

#[test]
fn init_never_overwrites() {
    let project = Project::new();
    project.devenv(&["init", "--profile", "minimal"]).success();
    let written = project.read("devenv.toml");
    project.devenv(&["profile", "validate"]).success();
    let again: Run = project.devenv(&["init"]);
    let expected = "error: [DIR]/devenv.toml is there already; nothing was written\n\nhint: edit it, or remove it first\n";
    assert_eq!(told(&project, &again), (1, expected.to_owned()));
    assert_eq!(project.read("devenv.toml"), written);
}
