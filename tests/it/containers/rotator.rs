//! Rotation functions in containers: one that does a step and ends, one that listens as Lambda's runtime
//! interface emulator does, and one that fails and says too much.

use super::{docker, engine_host, project};
use crate::support::{Run, python, script, wait_for};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;

/// One step, by plain requests.
const ROTATE: &str = r#"#!/bin/sh
set -eu
member() { printf '%s' "$DEVENV_ROTATION_EVENT" | sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }
call() {
    wget -q -O - --header 'Content-Type: application/x-amz-json-1.1' --header "X-Amz-Target: secretsmanager.$1" \
        --header "Authorization: AWS4-HMAC-SHA256 Credential=$AWS_ACCESS_KEY_ID/20200101/$AWS_REGION/secretsmanager/aws4_request, SignedHeaders=host, Signature=x" \
        --post-data "$2" "$AWS_ENDPOINT_URL"
}
id=$(member SecretId) token=$(member ClientRequestToken)
case $(member Step) in
createSecret)
    call PutSecretValue "{\"SecretId\":\"$id\",\"ClientRequestToken\":\"$token\",\"SecretString\":\"boxed-$token\",\"VersionStages\":[\"AWSPENDING\"]}" ;;
testSecret)
    value=$(call GetSecretValue "{\"SecretId\":\"$id\",\"VersionId\":\"$token\"}" | sed 's/.*"SecretString":"\([^"]*\)".*/\1/')
    case $id in *failing*) echo "the partner does not take $value"; exit 3 ;; esac ;;
finishSecret)
    current=$(call GetSecretValue "{\"SecretId\":\"$id\"}" | sed 's/.*"VersionId":"\([^"]*\)".*/\1/')
    [ "$current" = "$token" ] || call UpdateSecretVersionStage "{\"SecretId\":\"$id\",\"VersionStage\":\"AWSCURRENT\",\"MoveToVersionId\":\"$token\",\"RemoveFromVersionId\":\"$current\"}" ;;
esac
"#;

/// One request of HTTP on standard input and output; what it brings is the event.
const ANSWER: &str = r#"#!/bin/sh
while read -r line; do
    line=$(printf '%s' "$line" | tr -d '\r')
    case $line in
    '') break ;;
    [Cc]ontent-[Ll]ength:*) length=${line#*: } ;;
    esac
done
DEVENV_ROTATION_EVENT=$(head -c "$length")
export DEVENV_ROTATION_EVENT
/rotate >/dev/null && printf 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nnull'
"#;

/// Makes an image whose program is `command`.
fn image(tag: &str, command: &str) {
    let place = tempfile::tempdir().unwrap();
    for (name, text) in [("rotate", ROTATE), ("answer", ANSWER)] {
        let path = place.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    }
    let file = format!("FROM devenv-test/busybox\nCOPY rotate answer /\nCMD {command}\n");
    std::fs::write(place.path().join("Dockerfile"), file).unwrap();
    // The classic builder, which every engine has.
    let mut build = Command::new("docker");
    build.args(["build", "-t", tag]).arg(place.path());
    Run::of(build.env("DOCKER_HOST", engine_host()).env("DOCKER_BUILDKIT", "0")).success();
}

/// Containers of rotation functions at the engine.
fn left(name: &str) -> String {
    let filter = format!("label=dev.devenv.part=rotator-{name}");
    docker(&["ps", "-aq", "--filter", &filter]).success().stdout
}

#[test]
fn functions_in_containers_rotate_and_are_gone_after_each_step() {
    image("devenv-test/rotate-once", r#"["/rotate"]"#);
    image("devenv-test/rotate-listening", r#"["nc", "-ll", "-p", "8080", "-e", "/answer"]"#);
    let project = project(
        r#"
extends = "minimal"
port = "auto"
[rotators.box-once]
container = "devenv-test/rotate-once"
timeout = "5m"
[rotators.box-listening]
container = "devenv-test/rotate-listening"
timeout = "5m"
"#,
    );
    project.up();
    let mut command = project.command(python());
    command.arg(script("containers/rotator.py")).env("PYTHONDONTWRITEBYTECODE", "1");
    let run = Run::of(command.envs(project.environment()));
    let log = std::fs::read_to_string(project.path().join(".devenv/logs/daemon.log"));
    let log = log.unwrap_or_default();
    assert_eq!(run.code, Some(0), "{}\n{}\n-- log\n{log}", run.stdout, run.stderr);
    for name in ["box-once", "box-listening"] {
        wait_for("the container's removal", Duration::from_secs(60), || {
            left(name).is_empty().then_some(())
        });
    }
    project.devenv(&["down"]).success();
}
