"""enforce_cli.py ENDPOINT: `auth = "enforce"` as the AWS CLI meets it: a role's session, whose policy
lets it do one thing. The environment's own keys are root."""

import json
import os
import subprocess
import sys

ENDPOINT = sys.argv[1]
TRUST = {"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"AWS": "000000000000"}, "Action": "sts:AssumeRole"}]}


def aws(*words, session=None, code=0):
    """`aws WORDS...` as `session`, or as root: its answer, or a failure's text."""
    environment = dict(os.environ)
    if session:
        environment |= {"AWS_ACCESS_KEY_ID": session["AccessKeyId"],
                        "AWS_SECRET_ACCESS_KEY": session["SecretAccessKey"],
                        "AWS_SESSION_TOKEN": session["SessionToken"]}
    command = [sys.executable, "-m", "awscli", "--endpoint-url", ENDPOINT, *words]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == code, (words, done.returncode, done.stdout, done.stderr)
    if code:
        return done.stderr
    try:
        return json.loads(done.stdout)
    except ValueError:
        return done.stdout


def denied(service, operation, action, resource, *words):
    said = aws(service, *words, session=SESSION, code=255)
    assert f"when calling the {operation} operation" in said, said
    assert f"User: {WHO} is not authorized to perform: {action} on resource: {resource}" in said, said


def policy(*statements):
    text = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    aws("iam", "put-role-policy", "--role-name", "cli", "--policy-name", "p", "--policy-document", text)


aws("iam", "create-role", "--role-name", "cli", "--assume-role-policy-document", json.dumps(TRUST))
ROLE = "arn:aws:iam::000000000000:role/cli"
SESSION = aws("sts", "assume-role", "--role-arn", ROLE, "--role-session-name", "build")["Credentials"]
WHO = "arn:aws:sts::000000000000:assumed-role/cli/build"
assert aws("sts", "get-caller-identity", session=SESSION)["Arn"] == WHO

aws("s3api", "create-bucket", "--bucket", "cli-files")
url = aws("sqs", "create-queue", "--queue-name", "cli-jobs")["QueueUrl"]
queue = "arn:aws:sqs:us-east-1:000000000000:cli-jobs"
secret = aws("secretsmanager", "create-secret", "--name", "cli/db", "--secret-string", "x")["ARN"]

denied("sqs", "SendMessage", "sqs:SendMessage", queue, "send-message", "--queue-url", url, "--message-body", "x")
denied("secretsmanager", "GetSecretValue", "secretsmanager:GetSecretValue", secret,
       "get-secret-value", "--secret-id", "cli/db")
denied("s3api", "PutObject", "s3:PutObject", "arn:aws:s3:::cli-files/own/a",
       "put-object", "--bucket", "cli-files", "--key", "own/a")
denied("iam", "GetRole", "iam:GetRole", ROLE, "get-role", "--role-name", "cli")

own = {"Effect": "Allow", "Action": ["s3:PutObject", "s3:GetObject"], "Resource": "arn:aws:s3:::cli-files/own/*"}
policy(own, {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::cli-files",
             "Condition": {"StringLike": {"s3:prefix": "own/*"}}})
here = os.path.abspath(__file__)
aws("s3", "cp", here, "s3://cli-files/own/a", session=SESSION)
assert "own/a" in json.dumps(aws("s3api", "list-objects-v2", "--bucket", "cli-files", "--prefix", "own/", session=SESSION))
for words in (["cp", here, "s3://cli-files/other"], ["ls", "s3://cli-files/"], ["rm", "s3://cli-files/own/a"]):
    said = aws("s3", *words, session=SESSION, code=255 if words[0] == "ls" else 1)
    assert "AccessDenied" in said and "is not authorized to perform: s3:" in said, said
policy(own, {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": queue})
aws("sqs", "send-message", "--queue-url", url, "--message-body", "x", session=SESSION)
denied("sqs", "ReceiveMessage", "sqs:ReceiveMessage", queue, "receive-message", "--queue-url", url)
