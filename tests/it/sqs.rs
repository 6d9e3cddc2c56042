//! SQS: scripts over virtual time on the pure core, the state machine against its rules, and the gateway
//! as clients of both protocols meet it.

mod random;
mod script;

use crate::support::{Run, python, script as file};
use devenv::edge::{Gateway, GatewayConfig};
use std::path::Path;
use std::process::Command;
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
    script::files(false).iter().for_each(|file| script::play(file, true));
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
    let mut poll = poll.stdout(std::process::Stdio::piped()).spawn().unwrap();
    // The poll says so when its queue is there; a moment later it waits.
    let mut ready = [0; 1];
    std::io::Read::read_exact(poll.stdout.as_mut().unwrap(), &mut ready).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(300));
    let started = std::time::Instant::now();
    runtime.block_on(gateway.shutdown());
    let took = started.elapsed();
    assert!(took < std::time::Duration::from_millis(450), "{took:?}");
    assert!(poll.wait().unwrap().success(), "the poll was answered, not cut off");
}
