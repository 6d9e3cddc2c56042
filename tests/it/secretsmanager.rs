//! Secrets Manager as boto3 meets it, before and after a restart; and what the seeder does to secrets.

mod rotations;

use crate::support::{Run, python, script};
use devenv::base::Caller;
use devenv::edge::{Auth, Gateway, GatewayConfig};
use devenv::services::secretsmanager::Provisioned;
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
fn boto3_finds_what_it_put_and_finds_it_again_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = Runtime::new().unwrap();
    for name in ["secretsmanager/life.py", "secretsmanager/after_restart.py"] {
        let gateway = runtime.block_on(gateway(dir.path()));
        run(name, &gateway);
        runtime.block_on(gateway.shutdown());
    }
}

#[test]
fn under_strict_auth_only_right_signatures_get_in() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = Runtime::new().unwrap();
    let free = "127.0.0.1:0".parse().unwrap();
    let config =
        GatewayConfig { auth: Auth::Strict, ..GatewayConfig::new(free, dir.path().to_owned()) };
    let gateway = runtime.block_on(Gateway::start(config)).unwrap();
    run("secretsmanager/strict.py", &gateway);
    runtime.block_on(gateway.shutdown());
}

#[test]
fn a_declared_secret_follows_the_profile_until_somebody_changes_it() {
    let dir = tempfile::tempdir().unwrap();
    let caller = Caller::internal("000000000000", "us-east-1", "http://127.0.0.1:4566");
    let put = |value: &'static str| {
        let (dir, caller) = (dir.path().to_owned(), caller.clone());
        Runtime::new().unwrap().block_on(async move {
            // A restart between any two: what the seeder put is known from the disk.
            let gateway = gateway(&dir).await;
            let service = gateway.services().secretsmanager.clone();
            let came = service.provision(&caller, "db", value.into(), None).await.unwrap();
            assert!(service.holds(&caller, "db").await.unwrap());
            gateway.shutdown().await;
            came
        })
    };
    assert_eq!(put("port=5432"), Provisioned::Created);
    assert_eq!(put("port=5432"), Provisioned::Unchanged);
    assert_eq!(put("port=5433"), Provisioned::Updated);
    Runtime::new().unwrap().block_on(async {
        let gateway = gateway(dir.path()).await;
        let endpoint = format!("http://{}", gateway.address());
        let code = format!(
            "import boto3; boto3.client('secretsmanager', endpoint_url='{endpoint}', \
             region_name='us-east-1', aws_access_key_id='test', aws_secret_access_key='test')\
             .put_secret_value(SecretId='db', SecretString='mine')"
        );
        Run::of(Command::new(python()).args(["-c", &code])).success();
        gateway.shutdown().await;
    });
    assert_eq!(put("port=5434"), Provisioned::KeptChanged);
    assert_eq!(put("mine"), Provisioned::Unchanged);
}

#[test]
fn every_operation_of_the_model_answers_in_its_shape_and_awss_cache_reads_it() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = Runtime::new().unwrap();
    let gateway = runtime.block_on(gateway(dir.path()));
    run("secretsmanager/every.py", &gateway);
    run("secretsmanager/caching.py", &gateway);
    runtime.block_on(gateway.shutdown());
}
