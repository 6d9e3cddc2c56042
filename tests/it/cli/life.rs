//! From `up` to `down`: in the background, in the foreground, twice, at once, and after `kill -9`.

use super::{MINIMAL, daemon_pid, error, minimal, row, told};
use crate::support::{Project, Run, is_alive, kill_9, wait_for};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(20);

#[test]
fn up_status_down() {
    let project = Project::with(MINIMAL);
    let up = project.devenv(&["up", "-d"]).success();
    assert!(up.stdout.starts_with("gateway  http://127.0.0.1:"), "{}", up.stdout);
    assert!(up.stdout.ends_with("\nready\n"), "{}", up.stdout);
    let status = project.status();
    assert_eq!((status["schema"].as_u64(), status["state"].as_str()), (Some(1), Some("ready")));
    let sts = row(&project, "sts");
    assert_eq!((sts["kind"].as_str(), sts["state"].as_str()), (Some("emulated"), Some("healthy")));
    assert!(sts["reason"].is_null() && sts["restarts"] == 0, "{sts}");
    let endpoint = status["endpoint"].as_str().unwrap();
    assert_eq!(endpoint, format!("http://{}", sts["address"].as_str().unwrap()));
    let pid = daemon_pid(&project);
    project.devenv(&["down"]).success();
    assert!(!is_alive(pid));
    assert!(!project.path().join(".devenv/control.sock").exists());
}

#[test]
fn the_state_is_closed_to_other_users_and_to_git() {
    let project = minimal();
    let mode = |name: &str| {
        let path = project.path().join(".devenv").join(name);
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    };
    assert_eq!((mode(""), mode("control.sock"), mode("lock")), (0o700, 0o600, 0o600));
    assert_eq!(project.read(".devenv/.gitignore"), "*\n");
}

#[test]
fn a_second_up_joins_the_first() {
    let project = minimal();
    let pid = daemon_pid(&project);
    for arguments in [&["up", "-d"][..], &["up"]] {
        let again = project.devenv(arguments).success();
        assert!(again.stdout.ends_with("\nready\n"), "{}", again.stdout);
        assert!(again.stderr.contains(&format!("already running, daemon pid {pid}")));
    }
    assert_eq!(daemon_pid(&project), pid);
}

#[test]
fn many_ups_at_once_make_one_environment() {
    let project = Project::with(MINIMAL);
    let runs: Vec<_> = std::thread::scope(|scope| {
        let one = || project.devenv(&["up", "-d", "--json"]);
        let threads: Vec<_> = (0..6).map(|_| scope.spawn(one)).collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    let pids: Vec<_> = runs.into_iter().map(|r| r.success().json()["pid"].clone()).collect();
    assert!(pids.iter().all(|pid| *pid == pids[0]), "{pids:?}");
}

#[test]
fn two_directories_run_side_by_side() {
    let (one, other) = (minimal(), minimal());
    assert_ne!(one.status()["endpoint"], other.status()["endpoint"]);
}

#[test]
fn in_the_foreground_until_interrupted() {
    let project = Project::with(MINIMAL);
    let mut command = project.command(env!("CARGO_BIN_EXE_devenv"));
    let mut child = command.arg("up").stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let ready = lines.map_while(Result::ok).any(|line| line == "ready");
    assert!(ready);
    assert_eq!(u64::from(child.id()), u64::from(daemon_pid(&project)));
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    project.devenv(&["status"]).ends(3);
}

#[test]
fn after_kill_9_status_says_so_and_up_starts_anew() {
    let project = minimal();
    let pid = daemon_pid(&project);
    kill_9(pid);
    wait_for("the daemon's end", LIMIT, || (!is_alive(pid)).then_some(()));
    let status = project.devenv(&["status"]);
    let expected =
        "error: no environment runs in [DIR]\n\nhint: start it with `devenv up -d`\n".to_owned();
    assert_eq!(told(&project, &status), (3, expected));
    project.up();
    assert_ne!(daemon_pid(&project), pid);
}

#[test]
fn down_twice_says_that_nothing_runs() {
    let project = minimal();
    project.devenv(&["down"]).success();
    let again = project.devenv(&["down"]);
    let expected =
        "error: no environment runs in [DIR]\n\nhint: start it with `devenv up -d`\n".to_owned();
    assert_eq!(told(&project, &again), (3, expected));
    let json = project.devenv(&["down", "--json"]).ends(3);
    assert_eq!(error(&json)["code"], "not-running");
}

#[test]
fn down_with_volumes_asks_unless_told() {
    let project = minimal();
    let refused = project.devenv(&["down", "--volumes"]);
    let expected = "error: this deletes the state, and there is no terminal to ask on\n\nhint: say so beforehand: `devenv down --volumes --yes`\n";
    assert_eq!(told(&project, &refused), (2, expected.to_owned()));
    assert_eq!(project.status()["state"], "ready", "nothing was touched");
    project.devenv(&["down", "--volumes", "--yes"]).success();
    assert!(!project.path().join(".devenv").exists());
}

#[test]
fn ephemeral_state_goes_with_the_daemon() {
    let project = Project::with(MINIMAL);
    project.devenv(&["up", "-d", "--ephemeral"]).success();
    let state = project.status()["state_dir"].as_str().unwrap().to_owned();
    assert!(!std::path::Path::new(&state).starts_with(project.path()), "{state}");
    assert!(std::path::Path::new(&state).join("state.db").exists());
    project.devenv(&["down"]).success();
    assert!(!std::path::Path::new(&state).exists());
    assert!(!project.path().join(".devenv/state.db").exists());
}

#[test]
fn ephemeral_state_of_a_killed_daemon_is_removed_by_the_next() {
    let project = Project::with(MINIMAL);
    project.devenv(&["up", "-d", "--ephemeral"]).success();
    let state = project.status()["state_dir"].as_str().unwrap().to_owned();
    kill_9(daemon_pid(&project));
    project.up();
    assert!(!std::path::Path::new(&state).exists());
}

#[test]
fn ports_count_from_the_base() {
    let project = Project::with(MINIMAL);
    let base = 42_000 + u16::try_from(std::process::id() % 10_000).unwrap();
    project.devenv(&["up", "-d", "--port-base", &base.to_string()]).success();
    let endpoint = project.status()["endpoint"].as_str().unwrap().to_owned();
    let port: u16 = endpoint.rsplit(':').next().unwrap().parse().unwrap();
    assert!((base..base + 500).contains(&port), "{endpoint}");
}

#[test]
fn commands_work_from_below_the_project() {
    let project = minimal();
    project.write("src/deep/file", "");
    let mut command = project.command(env!("CARGO_BIN_EXE_devenv"));
    command.current_dir(project.path().join("src/deep")).args(["status", "--json"]);
    assert_eq!(Run::of(&mut command).success().json(), project.status());
}

#[test]
fn a_directory_too_deep_for_a_socket_still_has_an_environment() {
    let project = Project::new();
    let deep = format!("{}/{}", "d".repeat(60), "e".repeat(60));
    project.write(&format!("{deep}/devenv.toml"), MINIMAL);
    let run = |arguments: &[&str]| {
        let mut command = project.command(env!("CARGO_BIN_EXE_devenv"));
        Run::of(command.current_dir(project.path().join(&deep)).args(arguments))
    };
    run(&["up", "-d"]).success();
    run(&["status"]).success();
    run(&["down"]).success();
}

#[test]
fn without_a_profile_the_shipped_default_is_used_and_said() {
    let project = Project::new();
    let show = project.devenv(&["profile", "show", "--json"]).success();
    assert_eq!(show.json()["profile"]["name"], "default");
    let text = project.devenv(&["profile", "show"]).success();
    assert!(text.stderr.contains("using the shipped profile `default`"), "{}", text.stderr);
}

#[test]
fn parts_stop_start_and_restart_one_by_one() {
    let project = minimal();
    let stopped = project.devenv(&["stop", "gateway"]).success();
    assert!(stopped.stdout.contains("sts down\n"), "{}", stopped.stdout);
    assert_eq!(project.status()["state"], "ready", "what is not wanted is not missed");
    assert_eq!(row(&project, "sts")["state"], "down");
    project.devenv(&["wait", "sts", "--for", "down"]).success();
    project.devenv(&["start", "sts"]).success();
    assert_eq!(row(&project, "sts")["state"], "healthy");
    let since = row(&project, "sts")["since"].clone();
    project.devenv(&["restart", "gateway"]).success();
    let after = row(&project, "sts");
    assert!(after["state"] == "healthy" && after["since"] != since, "{after}");
    let alone = project.devenv(&["stop", "sts"]);
    let expected = "error: `sts` is served by the gateway, together with all AWS services\n\nhint: name `gateway` to stop or restart them together\n";
    assert_eq!(told(&project, &alone), (2, expected.to_owned()));
}

#[test]
fn waiting_in_vain_is_exit_4_with_the_state() {
    let project = minimal();
    let late = project.devenv(&["wait", "sts", "--for", "down", "--timeout", "100ms"]);
    let (code, text) = told(&project, &late);
    assert_eq!(code, 4);
    assert!(text.starts_with("error: sts is not down after 100 ms: it is healthy\n"), "{text}");
    let unknown = project.devenv(&["wait", "stss"]);
    let (code, text) = told(&project, &unknown);
    assert_eq!(code, 2);
    assert!(text.contains("has no service `stss`") && text.contains("did you mean `"), "{text}");
}

#[test]
fn status_watch_ends_with_the_environment() {
    let project = minimal();
    let mut command = project.command(env!("CARGO_BIN_EXE_devenv"));
    command.args(["status", "--watch", "--json"]).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || {
        let line = lines.next().unwrap().unwrap();
        serde_json::from_str::<serde_json::Value>(&line).unwrap()["state"].clone()
    };
    assert_eq!(next(), "ready");
    project.devenv(&["down"]).success();
    assert_eq!(next(), "stopping");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn hooks_see_the_environment_and_come_in_order() {
    let hooks = r#"
[hooks]
before_up = ["echo before ${AWS_ENDPOINT_URL#http} >> order"]
after_ready = ["echo after >> order", "test -n \"$DEVENV_STATE_DIR\""]
before_down = ["echo down >> order"]
"#;
    let project = Project::with(&format!("{MINIMAL}{hooks}"));
    project.up();
    let port = project.status()["endpoint"].as_str().unwrap().replace("http", "");
    assert_eq!(project.read("order"), format!("before {port}\nafter\n"));
    project.devenv(&["down"]).success();
    assert_eq!(project.read("order"), format!("before {port}\nafter\ndown\n"));
}

#[test]
fn the_daemons_log_is_there_after_its_end() {
    let project = Project::with(&format!("{MINIMAL}[hooks]\nafter_ready = [\"echo seeded\"]\n"));
    project.up();
    project.devenv(&["down"]).success();
    let logs = project.devenv(&["logs", "hooks"]).success();
    assert!(logs.stdout.contains(" seeded\n"), "{}", logs.stdout);
    let json = project.devenv(&["logs", "--json", "--since", "10m", "hooks"]).success().json();
    let last = json["lines"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((last["service"].as_str(), last["text"].as_str()), (Some("hooks"), Some("seeded")));
    project.devenv(&["logs", "nothing"]).ends(2);
}

#[test]
fn notes_stand_below_the_services_once_each() {
    let more = "[s3.buckets.one]\nseed = [\"objects\"]\n";
    let project = Project::with(&format!("{MINIMAL}{more}"));
    let up = project.devenv(&["up", "-d"]).success();
    let seed = "note: s3: seed of one is stored and shown, and not carried out yet";
    assert_eq!(up.stderr.matches(seed).count(), 1, "{}", up.stderr);
    let table = project.devenv(&["status"]).success().stdout;
    assert_eq!(table.matches(seed).count(), 1, "{table}");
    let (rows, notes) = table.split_once("\nnote: ").unwrap();
    assert!(!rows.contains("not carried out") && notes.contains("seed of one"), "{table}");
    let s3 = row(&project, "s3");
    assert!(s3["reason"].is_null() && s3["note"].as_str().unwrap().contains("seed"), "{s3}");
    assert!(row(&project, "sqs")["note"].is_null());
}
