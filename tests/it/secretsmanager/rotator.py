"""A rotation function as a program: the event on standard input, Secrets Manager by the standard variables.

It writes down its steps, waits while `hold` exists, and fails, saying too much, while `fail` exists.
"""

import json
import pathlib
import sys
import time

event = json.load(sys.stdin)
step, secret, token = event["Step"], event["SecretId"], event["ClientRequestToken"]
assert event["RotationToken"], event
with open("steps.log", "a") as log:
    log.write(f"{step} {token}\n")
if step != "setSecret":
    import boto3

    sm = boto3.client("secretsmanager")
if step == "createSecret":
    sm.get_secret_value(SecretId=secret)
    try:
        sm.get_secret_value(SecretId=secret, VersionId=token, VersionStage="AWSPENDING")
    except sm.exceptions.ResourceNotFoundException:
        password = sm.get_random_password(PasswordLength=40, ExcludePunctuation=True)
        sm.put_secret_value(
            SecretId=secret,
            ClientRequestToken=token,
            SecretString=password["RandomPassword"],
            VersionStages=["AWSPENDING"],
        )
elif step == "setSecret":
    pathlib.Path("holding").touch()
    while pathlib.Path("hold").exists():
        time.sleep(0.05)
elif step == "testSecret":
    pending = sm.get_secret_value(SecretId=secret, VersionId=token, VersionStage="AWSPENDING")
    if pathlib.Path("fail").exists():
        sys.exit(f"the partner does not take {pending['SecretString']}")
elif step == "finishSecret":
    versions = sm.describe_secret(SecretId=secret)["VersionIdsToStages"]
    current = next(v for v, stages in versions.items() if "AWSCURRENT" in stages)
    if current != token:
        sm.update_secret_version_stage(
            SecretId=secret,
            VersionStage="AWSCURRENT",
            MoveToVersionId=token,
            RemoveFromVersionId=current,
        )
