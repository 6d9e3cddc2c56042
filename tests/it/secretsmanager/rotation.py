"""Rotations by programs and addresses, in an environment. Arguments: a part of the test, and its own.

Every value that is ever seen goes to the file of `VALUES`, which the test looks for afterwards in
everything that was written.
"""

import json
import os
import pathlib
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import boto3
from botocore.exceptions import ClientError

sm = boto3.client("secretsmanager")
LIMIT = 60
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:"


def wait(what, look):
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        seen = look()
        if seen:
            return seen
        time.sleep(0.05)
    raise AssertionError(f"no {what} in {LIMIT} s")


def value(secret, stage="AWSCURRENT"):
    text = sm.get_secret_value(SecretId=secret, VersionStage=stage)["SecretString"]
    with open(os.environ["VALUES"], "a") as values:
        values.write(text + "\n")
    return text


def stages(secret):
    return sm.describe_secret(SecretId=secret).get("VersionIdsToStages", {})


def current(secret):
    return next(v for v, labels in stages(secret).items() if "AWSCURRENT" in labels)


def rotate(secret, **more):
    before = value(secret)
    token = sm.rotate_secret(SecretId=secret, **more)["VersionId"]
    wait(f"rotation of {secret}", lambda: current(secret) == token)
    done = lambda: "LastRotatedDate" in sm.describe_secret(SecretId=secret)
    wait(f"end of the rotation of {secret}", done)
    assert value(secret) != before, secret
    return token


def steps():
    return [line.split() for line in open("steps.log")]


def advance(by):
    subprocess.run([os.environ["DEVENV"], "clock", "advance", by], check=True, stdout=subprocess.DEVNULL)


def commands():
    # What the profile declared is not rotated at once, and says when it will be.
    declared = sm.describe_secret(SecretId="partner")
    assert declared["RotationEnabled"] and "LastRotatedDate" not in declared, declared
    assert declared["RotationRules"] == {"AutomaticallyAfterDays": 7}, declared
    assert declared["NextRotationDate"].strftime("%H:%M:%S"), declared
    token = rotate("partner")
    assert steps() == [[s, token] for s in ["createSecret", "setSecret", "testSecret", "finishSecret"]]
    # A generated secret of the profile has a function without having named one.
    before = value("random")
    rotate("random")
    assert len(value("random")) == len(before) == 24
    # The rules rotate it when the clock comes there.
    advance("8d")
    wait("scheduled rotation", lambda: current("partner") != token)
    wait("its end", lambda: len(steps()) == 8)
    # A secret elsewhere: the program finds itself in its region.
    elsewhere = boto3.client("secretsmanager", region_name="eu-west-1")
    elsewhere.create_secret(Name="elsewhere", SecretString="before-it-was-rotated")
    elsewhere.rotate_secret(SecretId="elsewhere", RotationLambdaARN=FUNCTION + "by-program")
    read = lambda: elsewhere.get_secret_value(SecretId="elsewhere")["SecretString"]
    wait("rotation elsewhere", lambda: read() != "before-it-was-rotated")
    # Only a test of the function.
    sm.create_secret(Name="later", SecretString="not-yet-rotated")
    sm.rotate_secret(
        SecretId="later",
        RotationLambdaARN=FUNCTION + "random-password",
        RotationRules={"ScheduleExpression": "rate(30 days)", "Duration": "2h"},
        RotateImmediately=False,
    )
    wait("end of the test", lambda: len(stages("later")) == 1)
    assert value("later") == "not-yet-rotated"
    failures()


def failures():
    pathlib.Path("fail").touch()
    was = current("partner")
    before = value("partner")
    token = sm.rotate_secret(SecretId="partner")["VersionId"]
    log = pathlib.Path(".devenv/logs/daemon.log")
    # The function has said the value aloud; the log has its words without it.
    wait("failure", lambda: "the partner does not take [redacted]" in log.read_text())
    value("partner", "AWSPENDING")
    assert stages("partner") == {**stages("partner"), was: ["AWSCURRENT"], token: ["AWSPENDING"]}
    assert value("partner") == before
    try:
        sm.rotate_secret(SecretId="partner")
        raise AssertionError("the rotation before has not come to its end")
    except ClientError as error:
        told = error.response["Error"]
        assert told["Code"] == "InvalidRequestException", told
        assert told["Message"] == "A previous rotation isn't complete. That rotation will be reattempted."
    pathlib.Path("fail").unlink()
    # The clock brings the next attempt.
    advance("2m")
    wait("end of the old rotation", lambda: current("partner") == token)
    value("partner")


def addresses(port):
    seen, failing = [], [True]

    class Function(BaseHTTPRequestHandler):
        def do_POST(self):
            event = json.loads(self.rfile.read(int(self.headers["content-length"])))
            seen.append(event["Step"])
            token, secret = event["ClientRequestToken"], event["SecretId"]
            body = {}
            if event["Step"] == "createSecret" and failing.pop() if failing else False:
                # As the Lambda runtime emulator tells of a failure.
                body = {"errorMessage": value(secret), "errorType": "PartnerDown"}
            elif event["Step"] == "createSecret":
                put = dict(ClientRequestToken=token, VersionStages=["AWSPENDING"])
                sm.put_secret_value(SecretId=secret, SecretString="by-an-address", **put)
            elif event["Step"] == "finishSecret":
                sm.update_secret_version_stage(
                    SecretId=secret,
                    VersionStage="AWSCURRENT",
                    MoveToVersionId=token,
                    RemoveFromVersionId=current(secret),
                )
            text = json.dumps(body).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", int(port)), Function)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sm.create_secret(Name="webhook", SecretString="before-the-address")
    token = sm.rotate_secret(SecretId="webhook", RotationLambdaARN=FUNCTION + "webhook")["VersionId"]
    wait("failure", lambda: len(seen) >= 1)
    advance("1m")
    wait("rotation", lambda: current("webhook") == token)
    assert value("webhook") == "by-an-address"
    wait("all steps", lambda: len(seen) >= 5)
    # There is no engine, and nothing pretends that there were.
    sm.create_secret(Name="boxed", SecretString="in-no-container")
    boxed = sm.rotate_secret(SecretId="boxed", RotationLambdaARN=FUNCTION + "boxed:live")["VersionId"]
    log = pathlib.Path(".devenv/logs/daemon.log")
    wait("refusal", lambda: "needs a container engine" in log.read_text())
    assert stages("boxed")[boxed] == ["AWSPENDING"]
    sm.cancel_rotate_secret(SecretId="boxed")


def hold():
    """Leaves a rotation in the middle of its second step."""
    pathlib.Path("hold").touch()
    pathlib.Path("holding").unlink()
    pathlib.Path("steps.log").unlink()
    value("partner")
    print(sm.rotate_secret(SecretId="partner")["VersionId"])
    wait("second step", pathlib.Path("holding").exists)
    value("partner", "AWSPENDING")


def after_kill(token):
    pathlib.Path("hold").unlink()
    wait("end of the rotation", lambda: current("partner") == token)
    value("partner")
    wait("last step", lambda: steps()[-1] == ["finishSecret", token])
    # One version, made once; the step that was under way was called again.
    assert [s for s, _ in steps()].count("createSecret") == 1, steps()
    assert [s for s, _ in steps()].count("setSecret") == 2, steps()
    assert {t for _, t in steps()} == {token}, steps()


globals()[sys.argv[1]](*sys.argv[2:])
