//! S3 as boto3 meets it; what survives a crash; what the seeder makes of a profile's buckets.

use crate::support::{Project, Run, kill_9, python, script, wait_for};
use devenv::base::Caller;
use devenv::edge::{Auth, Gateway, GatewayConfig};
use devenv::services::Service;
use devenv::services::s3::BucketSpec;
use serde_json::json;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use tokio::runtime::Runtime;

async fn gateway(state_dir: &Path) -> Gateway {
    let free = "127.0.0.1:0".parse().unwrap();
    Gateway::start(GatewayConfig::new(free, state_dir.to_owned())).await.unwrap()
}

/// Runs a script in a directory of its own.
fn run(name: &str, gateway: &Gateway) {
    run_with(name, gateway, &[]);
}

fn run_with(name: &str, gateway: &Gateway, arguments: &[&OsStr]) {
    let (endpoint, dir) = (format!("http://{}", gateway.address()), tempfile::tempdir().unwrap());
    let mut command = Command::new(python());
    command.arg(script(name)).arg(endpoint).args(arguments).current_dir(dir.path());
    command.env("AWS_EC2_METADATA_DISABLED", "true").env("PYTHONDONTWRITEBYTECODE", "1");
    Run::of(command.env_remove("AWS_PROFILE").env("AWS_CONFIG_FILE", "nowhere")).success();
}

fn boto3(name: &str) {
    let dir = tempfile::tempdir().unwrap();
    let runtime = Runtime::new().unwrap();
    let gateway = runtime.block_on(gateway(dir.path()));
    run(name, &gateway);
    runtime.block_on(gateway.shutdown());
}

/// Files below `blobs/`.
fn blob_files(state_dir: &Path) -> usize {
    let shards = std::fs::read_dir(state_dir.join("blobs")).unwrap();
    shards.map(|shard| std::fs::read_dir(shard.unwrap().path()).unwrap().count()).sum()
}

#[test]
fn buckets_and_objects() {
    boto3("s3/objects.py");
}

#[test]
fn listings() {
    boto3("s3/lists.py");
}

#[test]
fn versions() {
    boto3("s3/versions.py");
}

#[test]
fn uploads_in_parts_and_copies() {
    boto3("s3/multipart.py");
}

#[test]
fn edges_that_recordings_settle() {
    boto3("s3/edges.py");
}

#[test]
fn bucket_configuration_and_cors() {
    boto3("s3/configuration.py");
}

#[test]
fn nothing_stale_is_shown_of_what_is_known_by_heart() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = Runtime::new().unwrap();
    let gateway = runtime.block_on(gateway(dir.path()));
    run_with("s3/stale.py", &gateway, &[dir.path().join("state.db").as_os_str()]);
    runtime.block_on(gateway.services().s3.reset()).unwrap();
    run("s3/stale_reset.py", &gateway);
    runtime.block_on(gateway.shutdown());
}

#[test]
fn annotations_and_metadata_configurations() {
    boto3("s3/annotations.py");
}

#[test]
fn objects_are_sealed_by_keys_of_kms() {
    boto3("s3/sealed.py");
}

#[test]
fn what_aws_was_recorded_to_answer() {
    boto3("s3/recorded.py");
}

#[test]
fn access_by_policy_and_acl() {
    boto3("s3/access.py");
}

#[test]
fn events_lifecycle_and_replication() {
    boto3("s3/over_time.py");
}

#[test]
fn every_acknowledged_write_is_told_of_and_replicated_after_kills_under_load() {
    let project = Project::with("extends = \"minimal\"\nport = \"auto\"\n");
    let command = |name: &str, arguments: &[&str]| {
        let mut command = project.command(python());
        let endpoint = project.status()["endpoint"].as_str().unwrap().to_owned();
        command.arg(script(name)).arg(endpoint).args(arguments);
        command.env("AWS_EC2_METADATA_DISABLED", "true").env("PYTHONDONTWRITEBYTECODE", "1");
        command
    };
    project.up();
    Run::of(&mut command("s3/notify_begin.py", &[])).success();
    let mut keys = Vec::new();
    for round in 0..3u64 {
        project.up();
        let daemon = project.status()["pid"].as_u64().unwrap() as u32;
        let mut load = command("s3/notify_load.py", &[&round.to_string()]);
        let mut load = load.stdout(Stdio::piped()).spawn().unwrap();
        let mut words = BufReader::new(load.stdout.take().unwrap());
        words.read_until(b'\n', &mut keys).unwrap();
        std::thread::sleep(Duration::from_millis(400 + 171 * round));
        kill_9(daemon);
        words.read_to_end(&mut keys).unwrap();
        load.wait().unwrap();
    }
    project.up();
    let mut check = command("s3/notify_check.py", &[]);
    let mut check = check.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    check.stdin.take().unwrap().write_all(&keys).unwrap();
    let output = check.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn locks_keys_and_configurations_with_ids() {
    boto3("s3/locks.py");
}

#[test]
fn form_uploads_and_websites() {
    boto3("s3/forms.py");
}

#[test]
fn signatures_are_verified_in_strict_mode() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = Runtime::new().unwrap();
    let free = "127.0.0.1:0".parse().unwrap();
    let mut config = GatewayConfig::new(free, dir.path().to_owned());
    config.auth = Auth::Strict;
    let gateway = runtime.block_on(Gateway::start(config)).unwrap();
    run("s3/strict.py", &gateway);
    runtime.block_on(gateway.shutdown());
}

#[test]
fn presigned_urls_and_raw_requests() {
    boto3("s3/raw.py");
}

#[test]
fn what_was_acknowledged_survives_a_gateway_that_never_shut_down() {
    let dir = tempfile::tempdir().unwrap();
    let first = Runtime::new().unwrap();
    let crashed = first.block_on(gateway(dir.path()));
    run("s3/before_crash.py", &crashed);
    // Nobody says goodbye: the tasks end where they stand, the state file is never closed.
    std::mem::forget(crashed);
    first.shutdown_background();
    let second = Runtime::new().unwrap();
    let gateway = second.block_on(gateway(dir.path()));
    run("s3/after_crash.py", &gateway);
    // Two versions of `large`, the part, and the version below the delete marker.
    wait_for("orphans to be swept", Duration::from_secs(60), || {
        (blob_files(dir.path()) == 4).then_some(())
    });
    second.block_on(gateway.services().s3.reset()).unwrap();
    wait_for("bodies to go", Duration::from_secs(60), || {
        (blob_files(dir.path()) == 0).then_some(())
    });
    second.block_on(gateway.shutdown());
}

#[test]
fn declared_buckets_show_what_the_profile_says() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = Runtime::new().unwrap();
    let gateway = runtime.block_on(gateway(dir.path()));
    let caller = Caller::internal("000000000000", "us-east-1", "http://127.0.0.1:4566");
    let settings = json!({
        "encryption": {"algorithm": "aws:kms", "key": "epicenter"},
        "lifecycle": [{"id": "archive", "expire_days": 2555, "transitions": [
            {"days": 90, "storage_class": "STANDARD_IA"}, {"days": 365, "storage_class": "GLACIER"}]}],
        "cors": [{"origins": ["*"], "methods": ["GET", "PUT"], "headers": ["*"], "expose": ["ETag"], "max_age": 3600}],
        "replication": {"bucket": "replica"},
        "notifications": [{"queue": "q", "events": ["s3:ObjectCreated:*"], "prefix": "in/"}],
        "tags": {"team": "clinic"},
        "seed": ["fixtures"],
    });
    let settings = settings.as_object().unwrap().clone().into_iter().collect();
    let spec = BucketSpec { versioning: true, public: true, object_lock: false, settings };
    // A second boot makes the same of it.
    for _ in 0..2 {
        let s3 = gateway.services().s3.clone();
        let stored = runtime.block_on(s3.provision(&caller, "declared", spec.clone())).unwrap();
        assert_eq!(stored, ["seed"]);
    }
    run("s3/declared.py", &gateway);
    runtime.block_on(gateway.shutdown());
}

/// Rounds of random operations, each ended by `kill -9`.
const CRASHES: u64 = 6;

#[test]
fn random_operations_and_kills_leave_what_a_model_says() {
    let project = Project::with("extends = \"minimal\"\nport = \"auto\"\n");
    let seed = std::time::UNIX_EPOCH.elapsed().unwrap().subsec_nanos() as u64;
    let load = |round: u64, seconds: &str| {
        project.up();
        let status = project.status();
        let mut load = project.command(python());
        load.arg(script("s3/crash.py")).arg(status["endpoint"].as_str().unwrap()).arg("model.json");
        load.arg((seed + round).to_string()).arg(seconds).env("AWS_EC2_METADATA_DISABLED", "true");
        let load = load.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        (load, status["pid"].as_u64().unwrap() as u32)
    };
    for round in 0..CRASHES {
        let (mut load, daemon) = load(round, "60");
        let mut words = BufReader::new(load.stdout.take().unwrap());
        words.read_line(&mut String::new()).unwrap();
        std::thread::sleep(Duration::from_millis(200 + (seed >> round) % 900));
        kill_9(daemon);
        let output = load.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "seed {seed}, round {round}:\n{stderr}");
    }
    let (load, _) = load(CRASHES, "0");
    let output = load.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "seed {seed}, at the end:\n{stderr}");
    // Everything was deleted: no body may be left, whichever crash it is from.
    let state = project.path().join(".devenv");
    wait_for("orphans to be swept", Duration::from_secs(60), || {
        (blob_files(&state) == 0).then_some(())
    });
}
