//! SQS: scripts over virtual time on the pure core, the state machine against its rules, and the gateway
//! as clients of both protocols meet it.

mod crash;
mod gone;
mod http;
mod random;
mod script;

use crate::support::{
    Project, Run, kill_9, node, node_modules, python, python_packages, script as file,
};
use devenv::edge::{Gateway, GatewayConfig};
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
    // The journal first: what is settled meanwhile is then in both, and counts once.
    for name in ["state.journal", "state.db", "state.db-wal"] {
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
fn real_workers_and_the_boto3_of_the_query_protocol_find_their_way() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = Runtime::new().unwrap();
    let gateway = runtime.block_on(gateway(dir.path()));
    run("sqs/workers.py", &gateway, &[]);
    let endpoint = format!("http://{}", gateway.address());
    let mut command = Command::new(python());
    command
        .arg(file("sqs/old_boto3.py"))
        .arg(&endpoint)
        .env("PYTHONPATH", python_packages("boto3-1.26"));
    Run::of(command.env("AWS_EC2_METADATA_DISABLED", "true")).success();
    let mut consumer = Command::new(node());
    consumer.arg(file("sqs/consumer.mjs")).arg(&endpoint);
    consumer.env("DEVENV_TEST_NODE_MODULES", node_modules());
    Run::of(&mut consumer).success();
    runtime.block_on(gateway.shutdown());
}

#[test]
fn strict_mode_has_awss_waits_and_keeps_them_over_reset_and_restart() {
    let profile = "extends = \"minimal\"\nport = \"auto\"\n[sqs]\nmode = \"strict\"\n";
    let project = Project::with(profile);
    let purged_twice = || {
        let endpoint = project.status()["endpoint"].as_str().unwrap().to_owned();
        let mut client = http::Client::new(endpoint.strip_prefix("http://").unwrap());
        let queue = serde_json::json!({"QueueUrl": "q"});
        client.must("CreateQueue", &serde_json::json!({"QueueName": "q"}));
        let first = client.sqs("PurgeQueue", &queue).unwrap().0;
        (first, client.sqs("PurgeQueue", &queue).unwrap())
    };
    project.up();
    let (first, (status, body)) = purged_twice();
    assert_eq!((first, status), (200, 403), "{body}");
    assert_eq!(body["__type"], "com.amazonaws.sqs#PurgeQueueInProgress");
    kill_9(project.status()["pid"].as_u64().unwrap() as u32);
    project.up();
    assert_eq!(purged_twice().0, 403, "the wait is not over because of a restart");
    project.devenv(&["reset", "sqs", "--yes"]).success();
    let (first, (second, _)) = purged_twice();
    assert_eq!((first, second), (200, 403));
}

#[test]
fn as_many_messages_are_in_flight_as_aws_allows() {
    use devenv::services::sqs::limits;
    for (name, limit) in
        [("q", limits::IN_FLIGHT_STANDARD_MAX), ("q.fifo", limits::IN_FLIGHT_FIFO_MAX)]
    {
        let taken = script::Core::new().fill_in_flight(name, limit + 5);
        assert_eq!(taken, limit);
    }
}
