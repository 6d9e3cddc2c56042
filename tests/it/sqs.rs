//! SQS: scripts over virtual time on the pure core, the state machine against its rules, and the gateway
//! as clients of both protocols meet it.

mod random;
mod script;

use crate::support::{Project, Run, kill_9, python, script as file};
use devenv::edge::{Gateway, GatewayConfig};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use tokio::runtime::Runtime;

async fn gateway(state_dir: &Path) -> Gateway {
    let free = "127.0.0.1:0".parse().unwrap();
    Gateway::start(GatewayConfig::new(free, state_dir.to_owned())).await.unwrap()
}

fn run(name: &str, gateway: &Gateway, arguments: &[&str]) {
    let endpoint = format!("http://{}", gateway.address());
    let mut command = Command::new(python());
    command.arg(file(name)).arg(endpoint).args(arguments);
    Run::of(command.env("AWS_EC2_METADATA_DISABLED", "true")).success();
}

#[test]
fn scripts_run_on_the_pure_core() {
    let files = script::files(false);
    assert!(files.len() > 5, "{files:?}");
    files.iter().for_each(|file| script::play(file, false));
}

#[test]
fn scripts_run_alike_when_every_step_is_after_a_restart() {
    let mut files = script::files(false);
    files.retain(|file| !file.to_string_lossy().contains("memory_"));
    files.iter().for_each(|file| script::play(file, true));
}

#[test]
fn scripts_without_time_run_through_the_gateway_in_both_protocols() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = Runtime::new().unwrap();
    let files = script::files(true);
    let files: Vec<&str> = files.iter().map(|f| f.to_str().unwrap()).collect();
    for protocol in ["json", "query"] {
        let gateway = runtime.block_on(gateway(&dir.path().join(protocol)));
        run("sqs/scripts.py", &gateway, &[&[protocol][..], &files].concat());
        runtime.block_on(gateway.shutdown());
    }
}

#[test]
fn boto3_lives_with_queues_in_both_protocols() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = Runtime::new().unwrap();
    for protocol in ["json", "query"] {
        let gateway = runtime.block_on(gateway(&dir.path().join(protocol)));
        run("sqs/boto3_life.py", &gateway, &[protocol]);
        runtime.block_on(gateway.shutdown());
    }
}

#[test]
fn what_was_answered_is_there_after_the_gateway_is_gone_without_farewell() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = Runtime::new().unwrap();
    let first = runtime.block_on(gateway(dir.path()));
    run("sqs/before_restart.py", &first, &[]);
    // Not shut down: all that the next one finds was on disk when its answer left.
    let copy = tempfile::tempdir().unwrap();
    for name in ["state.db", "state.db-wal"] {
        std::fs::copy(dir.path().join(name), copy.path().join(name)).unwrap();
    }
    let second = runtime.block_on(gateway(copy.path()));
    run("sqs/after_restart.py", &second, &[]);
    runtime.block_on(second.shutdown());
    runtime.block_on(first.shutdown());
}

#[test]
fn a_stop_does_not_wait_for_long_polls() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = Runtime::new().unwrap();
    let gateway = runtime.block_on(gateway(dir.path()));
    let endpoint = format!("http://{}", gateway.address());
    let mut poll = Command::new(python());
    poll.arg(file("sqs/poll.py")).arg(endpoint).env("AWS_EC2_METADATA_DISABLED", "true");
    let mut poll = poll.stdout(Stdio::piped()).spawn().unwrap();
    // The poll says so when its queue is there; a moment later it waits.
    let mut ready = [0; 1];
    std::io::Read::read_exact(poll.stdout.as_mut().unwrap(), &mut ready).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    let started = std::time::Instant::now();
    runtime.block_on(gateway.shutdown());
    let took = started.elapsed();
    assert!(took < Duration::from_millis(450), "{took:?}");
    assert!(poll.wait().unwrap().success(), "the poll was answered, not cut off");
}

#[test]
fn a_thousand_long_polls_wait_and_each_message_wakes_one() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = Runtime::new().unwrap();
    let gateway = runtime.block_on(gateway(dir.path()));
    run("sqs/many_polls.py", &gateway, &[]);
    runtime.block_on(gateway.shutdown());
}

#[test]
fn every_acknowledged_message_is_accounted_for_after_kills_under_load() {
    let project = Project::with("extends = \"minimal\"\nport = \"auto\"\n");
    let python = |name: &str| {
        let mut command = project.command(python());
        command.arg(file(name)).env("AWS_EC2_METADATA_DISABLED", "true");
        command
    };
    let mut said = Vec::new();
    for round in 0..5u64 {
        project.up();
        let status = project.status();
        let daemon = status["pid"].as_u64().unwrap() as u32;
        let mut load = python("sqs/crash_load.py");
        load.arg(status["endpoint"].as_str().unwrap()).arg(round.to_string());
        let mut load = load.stdout(Stdio::piped()).spawn().unwrap();
        let mut words = BufReader::new(load.stdout.take().unwrap());
        // However long Python takes to start; from its first word on any moment is as good as another.
        words.read_until(b'\n', &mut said).unwrap();
        std::thread::sleep(Duration::from_millis(300 + 137 * round));
        kill_9(daemon);
        words.read_to_end(&mut said).unwrap();
        load.wait().unwrap();
    }
    project.up();
    let mut check = python("sqs/crash_check.py");
    check.arg(project.status()["endpoint"].as_str().unwrap());
    let mut check = check.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    check.stdin.take().unwrap().write_all(&said).unwrap();
    let output = check.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
