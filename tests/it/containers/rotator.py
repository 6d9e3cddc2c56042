"""Secrets that functions in containers rotate; one function fails, and what it says is not written down."""

import pathlib
import time

import boto3

sm = boto3.client("secretsmanager")
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:"


def wait(what, done):
    end = time.monotonic() + 240
    while not done():
        assert time.monotonic() < end, what
        time.sleep(0.1)


def rotate(name, function):
    sm.create_secret(Name=name, SecretString=f"first of {name}")
    return sm.rotate_secret(SecretId=name, RotationLambdaARN=FUNCTION + function)["VersionId"]


def stages(name, version):
    return sm.describe_secret(SecretId=name)["VersionIdsToStages"].get(version, [])


for function in ("box-once", "box-listening"):
    token = rotate(f"by-{function}", function)
    wait(function, lambda: "AWSCURRENT" in stages(f"by-{function}", token))
    assert sm.get_secret_value(SecretId=f"by-{function}")["SecretString"] == f"boxed-{token}"

token = rotate("failing", "box-once")
log = pathlib.Path(".devenv/logs/daemon.log")
wait("failure", lambda: "the container ended with 3" in log.read_text())
assert "the partner does not take" in log.read_text()
assert f"boxed-{token}" not in log.read_text()
assert stages("failing", token) == ["AWSPENDING"]
sm.cancel_rotate_secret(SecretId="failing")
