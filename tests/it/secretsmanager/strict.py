"""Signatures under `auth = "strict"`: the right secret is let in, everything else refused in the words
of each protocol. Argument: the endpoint."""

import sys
import urllib.request
from datetime import datetime, timedelta, timezone
from unittest import mock

import boto3
import botocore.auth
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

endpoint = sys.argv[1]


def client(service, key="test", secret="test", **more):
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        config=Config(retries={"total_max_attempts": 1}, **more),
    )


def refused(code, status, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error.response
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == status, error.response
        return error.response["Error"]
    raise AssertionError(f"{code} expected")


# awsQuery.
assert client("sts").get_caller_identity()["Account"] == "000000000000"
assert client("sts", "123456789012").get_caller_identity()["Account"] == "123456789012"
refused("SignatureDoesNotMatch", 403, client("sts", secret="wrong").get_caller_identity)
refused("InvalidClientTokenId", 403, client("sts", "AKIANOBODY").get_caller_identity)
unsigned = client("sts", signature_version=UNSIGNED)
refused("MissingAuthenticationToken", 403, unsigned.get_caller_identity)

# Temporary credentials act in their role's account, and only with their token.
role = "arn:aws:iam::123456789012:role/reader"
assumed = client("sts").assume_role(RoleArn=role, RoleSessionName="me")
temporary = assumed["Credentials"]


def session(service, token):
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=temporary["AccessKeyId"],
        aws_secret_access_key=temporary["SecretAccessKey"],
        aws_session_token=token,
    )


identity = session("sts", temporary["SessionToken"]).get_caller_identity()
assert identity["Account"] == "123456789012", identity
assert identity["Arn"] == assumed["AssumedRoleUser"]["Arn"], identity
assert identity["Arn"] == "arn:aws:sts::123456789012:assumed-role/reader/me", identity
refused("InvalidClientTokenId", 403, session("sts", "x").get_caller_identity)
refused("InvalidClientTokenId", 403, session("sts", None).get_caller_identity)
key = temporary["AccessKeyId"]
assert client("sts").get_access_key_info(AccessKeyId=key)["Account"] == "123456789012"
own = client("sts").get_session_token()["Credentials"]
assert own["AccessKeyId"].startswith("ASIA") and own["Expiration"] > datetime.now(timezone.utc)
refused("ValidationError", 400, client("sts").assume_role, RoleArn="x" * 20, RoleSessionName="me")

# awsJson 1.1.
sm = client("secretsmanager")
sm.create_secret(Name="a/b-c", SecretString='{"ü": "x y+z"}')
assert sm.get_secret_value(SecretId="a/b-c")["SecretString"] == '{"ü": "x y+z"}'
wrong = client("secretsmanager", secret="wrong")
refused("InvalidSignatureException", 400, wrong.get_secret_value, SecretId="a/b-c")
nobody = client("secretsmanager", "AKIANOBODY")
refused("UnrecognizedClientException", 400, nobody.get_secret_value, SecretId="a/b-c")
unsigned = client("secretsmanager", signature_version=UNSIGNED)
refused("MissingAuthenticationTokenException", 400, unsigned.get_secret_value, SecretId="a/b-c")

# awsJson 1.0 with the query protocol's codes.
refused("InvalidClientTokenId", 403, client("sqs", "AKIANOBODY").list_queues)
refused("SignatureDoesNotMatch", 403, client("sqs", secret="wrong").list_queues)

# restJson.
assert client("sesv2").list_email_identities()["EmailIdentities"] == []
refused("InvalidSignatureException", 403, client("sesv2", secret="x").list_email_identities)

# A clock that is wrong by more than a quarter of an hour.
late = datetime.now(timezone.utc).replace(tzinfo=None) - timedelta(minutes=16)
with mock.patch("botocore.auth.get_current_datetime", lambda *_, **__: late):
    told = refused("SignatureDoesNotMatch", 403, client("sts").get_caller_identity)
    assert told["Message"].startswith("Signature expired: "), told
    told = refused("RequestTimeTooSkewed", 403, client("s3").list_buckets)
    assert told["MaxAllowedSkewMilliseconds"] == "900000", told

# S3: headers, presigned URLs, tampering.
wrong = refused("SignatureDoesNotMatch", 403, client("s3", secret="wrong").list_buckets)
for member in ["AWSAccessKeyId", "StringToSign", "SignatureProvided", "CanonicalRequest"]:
    assert wrong[member], wrong
refused("InvalidAccessKeyId", 403, client("s3", "AKIANOBODY").list_buckets)
refused("AccessDenied", 403, client("s3", signature_version=UNSIGNED).list_buckets)


def status_of(url):
    try:
        with urllib.request.urlopen(url) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


s3 = client("s3", signature_version="s3v4")
what = dict(Bucket="bucket", Key="a key/ü+&.txt")
url = s3.generate_presigned_url("get_object", Params=what)
status, text = status_of(url)
# Past the gate: whatever S3 says of an object that is not there, it is nothing about signatures.
assert "Signature" not in text and "AccessDenied" not in text, (status, text)
status, text = status_of(url.replace("key", "kex", 1))
assert status == 403 and "<Code>SignatureDoesNotMatch</Code>" in text, (status, text)

# Version 2 is refused before anything is looked at.
old = client("s3", signature_version="s3")
status, text = status_of(old.generate_presigned_url("get_object", Params=what))
assert status == 400 and "Please use AWS4-HMAC-SHA256.</Message>" in text, (status, text)
