"""What the S3 scripts share: a client, and checks that say what they met."""

import json
import sys
import time
import urllib.request

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ENDPOINT = sys.argv[1]


def client(region="us-east-1", key="test", endpoint=ENDPOINT, **config):
    config.setdefault("s3", {"addressing_style": "path"})
    config.setdefault("retries", {"max_attempts": 1})
    return boto3.client(
        "s3", endpoint_url=endpoint, region_name=region,
        aws_access_key_id=key, aws_secret_access_key="test", config=Config(**config))


def kms(region="us-east-1"):
    return boto3.client("kms", endpoint_url=ENDPOINT, region_name=region, aws_access_key_id="test",
                        aws_secret_access_key="test", config=Config(retries={"max_attempts": 1}))


s3 = client()


def same(got, wanted):
    assert got == wanted, f"got {got!r}, wanted {wanted!r}"


def refused(code, status, call, **arguments):
    """The call must be refused with this code and status; hands back the error's members."""
    try:
        call(**arguments)
    except ClientError as error:
        found = error.response["Error"]
        met = error.response["ResponseMetadata"]["HTTPStatusCode"]
        assert (found["Code"], met) == (code, status), f"{found} {met}, wanted {code} {status}"
        assert error.response["ResponseMetadata"]["RequestId"], "no request id"
        return found
    raise AssertionError(f"{call.__name__}({arguments}) was not refused with {code}")


def advance(by):
    """Moves devenv's clock."""
    order = json.dumps({"advance": by}).encode()
    request = urllib.request.Request(f"{ENDPOINT}/_devenv/clock", data=order, method="POST")
    request.add_header("content-type", "application/json")
    urllib.request.urlopen(request).read()


def until(what, view):
    """Waits until the view shows something, and hands it back."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = view()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"{what} did not come about in a minute")


def body(bucket, key, **more):
    return s3.get_object(Bucket=bucket, Key=key, **more)["Body"].read()
