//! S3 as boto3 meets it.

use crate::support::{Run, python, script};
use devenv::edge::{Gateway, GatewayConfig};
use std::path::Path;
use std::process::Command;
use tokio::runtime::Runtime;

async fn gateway(state_dir: &Path) -> Gateway {
    let free = "127.0.0.1:0".parse().unwrap();
    Gateway::start(GatewayConfig::new(free, state_dir.to_owned())).await.unwrap()
}

fn run(name: &str, gateway: &Gateway) {
    let endpoint = format!("http://{}", gateway.address());
    let mut command = Command::new(python());
    command.arg(script(name)).arg(endpoint).env("AWS_EC2_METADATA_DISABLED", "true");
    Run::of(command.env_remove("AWS_PROFILE").env("AWS_CONFIG_FILE", "/nonexistent")).success();
}

fn boto3(name: &str) {
    let dir = tempfile::tempdir().unwrap();
    let runtime = Runtime::new().unwrap();
    let gateway = runtime.block_on(gateway(dir.path()));
    run(name, &gateway);
    runtime.block_on(gateway.shutdown());
}

#[test]
fn buckets_and_objects() {
    boto3("s3/objects.py");
}
