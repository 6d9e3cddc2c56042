"""sts.py ENDPOINT before|after: STS as boto3 and the AWS CLI meet it, before and after a kill -9."""

import base64
import json
import pathlib
import subprocess
import sys

import boto3
import requests
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

ENDPOINT, PART = sys.argv[1], sys.argv[2]
KEPT = pathlib.Path("sts-session.json")


def client(service="sts", credentials=None, **more):
    if credentials:
        more |= {"aws_access_key_id": credentials["AccessKeyId"],
                 "aws_secret_access_key": credentials["SecretAccessKey"],
                 "aws_session_token": credentials.get("SessionToken")}
    return boto3.client(service, endpoint_url=ENDPOINT, **more)


def refused(call, code, words):
    try:
        call()
    except ClientError as error:
        given = error.response["Error"]
        assert given["Code"] == code and words in given["Message"], given
    else:
        raise AssertionError(f"{code} expected")


def who(credentials=None):
    return client(credentials=credentials).get_caller_identity()["Arn"]


def users_and_roles():
    iam, sts = client("iam"), client()
    iam.create_user(UserName="sally")
    key = iam.create_access_key(UserName="sally")["AccessKey"]
    assert who(key) == "arn:aws:iam::000000000000:user/sally"
    assert client("iam", key).get_user()["User"]["UserName"] == "sally"
    trust = json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": "000000000000"}, "Action": ["sts:AssumeRole", "sts:TagSession"]}]})
    role = iam.create_role(RoleName="reader", AssumeRolePolicyDocument=trust)["Role"]
    assume = lambda credentials=None, **more: client(credentials=credentials).assume_role(
        **{"RoleArn": role["Arn"], "RoleSessionName": "me", **more})
    got = assume(key)
    assert got["AssumedRoleUser"] == {"AssumedRoleId": f"{role['RoleId']}:me",
                                      "Arn": "arn:aws:sts::000000000000:assumed-role/reader/me"}
    assert who(got["Credentials"]) == got["AssumedRoleUser"]["Arn"]
    refused(lambda: assume(DurationSeconds=3601), "ValidationError", "exceeds the MaxSessionDuration")
    refused(lambda: assume(RoleSessionName="a:b"), "ValidationError",
            "failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*")
    refused(lambda: assume(RoleArn="nothing-valid-in-here"), "ValidationError", "nothing-valid-in-here is invalid")
    tag = lambda key, value="v": {"Key": key, "Value": value}
    refused(lambda: assume(Tags=[tag("a"), tag("A")]), "InvalidParameterValue",
            "Duplicate tag keys found. Please note that Tag keys are case insensitive.")
    refused(lambda: assume(Tags=[tag("a")], TransitiveTagKeys=["b"]), "InvalidParameterValue",
            "The specified transitive tag key must be included in the requested tags.")
    first = assume(Tags=[tag("a")], TransitiveTagKeys=["a"])["Credentials"]
    refused(lambda: assume(first, Tags=[tag("A")]), "InvalidParameterValue",
            "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key")
    refused(lambda: client(credentials=first).get_session_token(), "AccessDenied", "session credentials")
    other = client().assume_role(RoleArn="arn:aws:iam::123456789012:role/any", RoleSessionName="me")["Credentials"]
    assert who(other) == "arn:aws:sts::123456789012:assumed-role/any/me"
    token = client(credentials=key).get_session_token()["Credentials"]
    assert who(token) == "arn:aws:iam::000000000000:user/sally"
    federated = sts.get_federation_token(Name="bob")
    assert federated["FederatedUser"] == {"FederatedUserId": "000000000000:bob",
                                          "Arn": "arn:aws:sts::000000000000:federated-user/bob"}
    assert federated["PackedPolicySize"] == 0 and who(federated["Credentials"]).endswith(":federated-user/bob")
    assert sts.get_access_key_info(AccessKeyId=other["AccessKeyId"])["Account"] == "123456789012"
    refused(lambda: sts.decode_authorization_message(EncodedMessage="rain"), "InvalidAuthorizationMessageException", "")
    KEPT.write_text(json.dumps(got["Credentials"], default=str))


def web_identity():
    claims = {"iss": "https://id.example", "sub": "me", "aud": "app"}
    token = ".".join(["e30", base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("="), "sig"])
    sts = client(config=Config(signature_version=UNSIGNED))
    assume = lambda token: sts.assume_role_with_web_identity(
        RoleArn="arn:aws:iam::000000000000:role/reader", RoleSessionName="web", WebIdentityToken=token)
    got = assume(token)
    assert (got["SubjectFromWebIdentityToken"], got["Audience"]) == ("me", "app")
    assert who(got["Credentials"]).endswith("assumed-role/reader/web")
    refused(lambda: assume("not.a.token"), "InvalidIdentityToken", "not a valid JWT")


def command_line():
    aws = [sys.executable, "-m", "awscli", "--endpoint-url", ENDPOINT, "sts"]
    run = lambda *words: json.loads(subprocess.run([*aws, *words], check=True, capture_output=True).stdout)
    assert run("get-caller-identity")["Account"] == "000000000000"


def main():
    if PART == "before":
        users_and_roles()
        web_identity()
        command_line()
        return
    kept = json.loads(KEPT.read_text())
    assert who(kept) == "arn:aws:sts::000000000000:assumed-role/reader/me"
    answer = requests.post(f"{ENDPOINT}/_devenv/clock", json={"advance": "61m"})
    assert answer.status_code == 200, answer.text
    refused(lambda: who(kept), "ExpiredToken", "The security token included in the request is expired")
    refused(lambda: client("sqs", kept).list_queues(), "ExpiredToken", "expired")
    refused(lambda: client("s3", kept).list_buckets(), "ExpiredToken", "The provided token has expired.")


if __name__ == "__main__":
    main()
