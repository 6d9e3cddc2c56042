//! SQS: scripts over virtual time on the pure core, the state machine against a model, and the gateway
//! as boto3 and bare awsQuery clients meet it.

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
    Run::of(command.arg(script(name)).arg(endpoint).env("AWS_EC2_METADATA_DISABLED", "true"))
        .success();
}

#[test]
fn boto3_lives_with_queues() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = Runtime::new().unwrap();
    let gateway = runtime.block_on(gateway(dir.path()));
    run("sqs/boto3_life.py", &gateway);
    runtime.block_on(gateway.shutdown());
}
