//! Processes: their end, their output, and the daemon that dies before them.

use super::*;
use devenv::runtime::{ExitReport, Probe, RunAs, StopSignal, adopt, logs, process, spawn};
use std::path::Path;

/// A shell script as a service.
fn script(name: &str, text: &str, dir: &Path) -> Launch {
    Launch {
        name: name.into(),
        program: "/bin/sh".into(),
        args: vec!["-c".into(), text.into()],
        env: vec![("GREETING".into(), "hello".into())],
        dir: dir.to_owned(),
        run_as: RunAs::Current,
        probe: Probe::Tcp { host: "127.0.0.1".into(), port: 1 },
        stop: StopSignal::Terminate,
        stop_grace: Duration::from_millis(300),
        version: "1".into(),
        note: None,
        address: "127.0.0.1:4711".into(),
    }
}

async fn texts(dirs: &Dirs, name: &str, count: usize) -> Vec<String> {
    for _ in 0..200 {
        let lines = logs::read(dirs, name, None, 1000).expect("log");
        if lines.len() >= count {
            return lines.into_iter().map(|line| line.text).collect();
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{name} wrote less than {count} lines");
}

#[tokio::test]
async fn output_is_logged_and_the_exit_status_told() {
    let place = place();
    let launch =
        script("job", "echo $GREETING; echo [$CARGO_PKG_NAME] >&2; exit 3", &place.dirs.state);
    let mut running = spawn(&launch, &place.dirs).expect("started");
    let report = running.wait().await;
    assert_eq!(report, ExitReport { code: Some(3), signal: None });
    assert_eq!(report.to_string(), "exited with status 3");
    assert_eq!(running.wait().await, report, "asking twice is fine");
    assert_eq!(texts(&place.dirs, "job", 2).await, ["hello", "[]"], "nothing else is inherited");
}

#[tokio::test]
async fn a_service_that_does_not_stop_is_killed_after_its_grace() {
    let place = place();
    let launch = script(
        "stubborn",
        "trap '' TERM; echo up; while :; do sleep 0.05; done",
        &place.dirs.state,
    );
    let mut running = spawn(&launch, &place.dirs).expect("started");
    texts(&place.dirs, "stubborn", 1).await;
    let report = running.stop(launch.stop, launch.stop_grace).await;
    assert_eq!(report.signal, Some(9), "{report}");
    assert!(process::left_over(&place.dirs, "stubborn").is_none(), "no zombie counts as left over");
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named() {
    let place = place();
    let mut launch = script("ghost", "", &place.dirs.state);
    launch.program = "/no/such/program".into();
    let problem = spawn(&launch, &place.dirs).expect_err("missing");
    assert_eq!((problem.code, problem.exit.code()), ("binary-missing", 5));
    assert!(problem.message.contains("/no/such/program"), "{problem}");
}

/// Starts the service by another process that is killed at once, as a daemon would be.
fn orphan(launch: &Launch, dirs: &Dirs) -> u32 {
    let running = spawn(launch, dirs).expect("started");
    let pid = running.pid();
    // A dropped `Running` neither stops nor forgets its process.
    drop(running);
    pid
}

#[tokio::test]
async fn a_child_of_a_killed_daemon_is_adopted_with_its_output() {
    let place = place();
    let text = "echo one; while [ ! -e go ]; do sleep 0.02; done; echo two; sleep 60";
    let launch = script("kept", text, &place.dirs.state);
    let pid = orphan(&launch, &place.dirs);
    texts(&place.dirs, "kept", 1).await;
    let mut adopted = adopt(&launch, &place.dirs).expect("looked").expect("adopted");
    assert_eq!((adopted.pid(), adopted.adopted()), (pid, true));
    std::fs::write(place.dirs.state.join("go"), "").expect("file");
    assert_eq!(texts(&place.dirs, "kept", 2).await, ["one", "two"]);
    adopted.signal(StopSignal::Terminate);
    assert_eq!(adopted.wait().await.to_string(), "ended");
    assert!(adopt(&launch, &place.dirs).expect("looked").is_none(), "it is gone");
}

#[tokio::test]
async fn a_child_that_runs_something_else_is_stopped_not_adopted() {
    let place = place();
    let launch = script("other", "echo up; sleep 60", &place.dirs.state);
    orphan(&launch, &place.dirs);
    texts(&place.dirs, "other", 1).await;
    let changed = script("other", "echo changed; sleep 60", &place.dirs.state);
    assert!(process::left_over(&place.dirs, "other").is_some());
    assert!(adopt(&changed, &place.dirs).expect("looked").is_none());
    assert!(process::left_over(&place.dirs, "other").is_none(), "it was stopped");
}

#[tokio::test]
async fn a_recycled_pid_is_left_alone() {
    let place = place();
    let launch = script("stale", "sleep 60", &place.dirs.state);
    let mut running = spawn(&launch, &place.dirs).expect("started");
    let record = place.dirs.run.join("stale.json");
    let text = std::fs::read_to_string(&record).expect("record");
    let stale = text.replace("\"start_time\":\"", "\"start_time\":\"another boot ");
    std::fs::write(&record, stale).expect("record");
    assert!(adopt(&launch, &place.dirs).expect("looked").is_none());
    let alive = tokio::time::timeout(Duration::from_millis(50), running.wait()).await;
    assert!(alive.is_err(), "the stranger with that pid still runs");
    running.kill();
    running.wait().await;
}

#[tokio::test]
async fn a_ports_holder_from_a_killed_daemon_keeps_its_port() {
    use devenv::profile::Port;
    use devenv::runtime::ports::{claim, claim_or_keep};
    let place = place();
    let port = free_port();
    let settings = redis(&[]);
    let launch = prepare_redis(&settings, port, &place.dirs).await.expect("prepared");
    let mut running = start(&launch, &place.dirs).await;
    let taken = claim(Port::Fixed(port), "redis", &mut vec![]).expect_err("taken");
    assert!(taken.message.contains(&format!("pid {}", running.pid())), "{taken}");
    let kept = claim_or_keep(Port::Fixed(port), "redis", &place.dirs, &mut vec![]);
    assert_eq!(kept, Ok(port));
    running.stop(launch.stop, launch.stop_grace).await;
}
