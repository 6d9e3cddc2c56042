"""A disk that fills up below a running environment. Arguments: the devenv binary, a small disk.

Run in a namespace of its own, so that the disk is a tmpfs and nobody else's. What was acknowledged
is there afterwards, whatever was refused; what is deleted makes room; kill -9 loses nothing.
"""

import atexit
import json
import os
import signal
import subprocess
import sys
import time

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

DEVENV, PROJECT = sys.argv[1:]
FULL = "the disk that holds devenv's state is full"
os.chdir(PROJECT)
with open("devenv.toml", "w") as file:
    file.write('extends = "minimal"\nport = "auto"\n')


def devenv(*arguments):
    run = subprocess.run([DEVENV, *arguments], capture_output=True, text=True)
    assert run.returncode == 0, f"{arguments}: {run.returncode} {run.stdout} {run.stderr}"
    return run.stdout


def clients():
    endpoint = json.loads(devenv("status", "--json"))["endpoint"]
    more = dict(endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="test",
                aws_secret_access_key="test")
    config = Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"})
    return [boto3.client(name, config=config, **more) for name in ("s3", "sqs")]


def content(number, size):
    return (f"{number:08d}" * (size // 8 + 1)).encode()[:size]


def refused(call, **arguments):
    """The refusal of a call, or None."""
    try:
        call(**arguments)
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        told = error.response["Error"]
        assert status >= 500, f"{status}: {error}"
        # As S3 says it; SQS has a code of its own.
        assert told["Code"] in ("InternalError", "InternalFailure"), told
        return error.response["Error"]["Message"]
    return None


def fill(size):
    """Puts objects until one is refused."""
    for number in range(1000):
        key = f"{size}/{number}"
        why = refused(s3.put_object, Bucket="box", Key=key, Body=content(number, size))
        if why is not None:
            assert FULL in why, why
            return
        kept[key] = (number, size)
    raise AssertionError("the disk never was full")


def check():
    listed = [o["Key"] for page in s3.get_paginator("list_objects_v2").paginate(Bucket="box")
              for o in page.get("Contents", [])]
    assert sorted(listed) == sorted(kept), f"{set(listed) ^ set(kept)}"
    for key, (number, size) in kept.items():
        got = s3.get_object(Bucket="box", Key=key)["Body"].read()
        assert got == content(number, size), f"{key} has other bytes"


def fill_from_outside():
    """Another program takes the last byte."""
    with open("other", "wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            pass


def again():
    os.kill(json.loads(devenv("status", "--json"))["pid"], signal.SIGKILL)
    devenv("up", "-d")
    return clients()


def make_room(prefix):
    """Deletes objects until writes go on."""
    for key in [k for k in kept if k.startswith(prefix)]:
        s3.delete_object(Bucket="box", Key=key)
        del kept[key]
    # The files of deleted objects go a moment later.
    for _ in range(200):
        if refused(s3.put_object, Bucket="box", Key="anew", Body=content(7, 200_000)) is None:
            kept["anew"] = (7, 200_000)
            return
        time.sleep(0.05)
    raise AssertionError("deleting made no room")


def upload_part(number, size):
    return s3.upload_part(**parts, PartNumber=number, Body=content(number, size))["ETag"]


kept = {}
atexit.register(subprocess.run, [DEVENV, "down"], capture_output=True)
devenv("up", "-d")
s3, sqs = clients()
s3.create_bucket(Bucket="box")
queue = sqs.create_queue(QueueName="q")["QueueUrl"]
parts = {"Bucket": "box", "Key": "parts"}
parts["UploadId"] = s3.create_multipart_upload(**parts)["UploadId"]
first = upload_part(1, 300_000)
fill(1_000_000)
fill(100_000)
fill(20_000)
# Bodies this small lie in the state file itself.
fill(4_000)
fill(10)
check()
# A part, an annotation, what would replace an object: refused, and all is as it was.
why = refused(upload_part, number=1, size=1_000_000)
assert why is not None and FULL in why, why
assert [p["ETag"] for p in s3.list_parts(**parts)["Parts"]] == [first]
over = next(iter(kept))
why = refused(s3.put_object, Bucket="box", Key=over, Body=b"other" * 300_000)
assert why is not None and FULL in why, why
why = refused(s3.put_object_annotation, Bucket="box", Key=over, AnnotationName="a", AnnotationPayload=b"a" * 200_000)
assert why is not None and FULL in why, why
assert not s3.list_object_annotations(Bucket="box", Key=over).get("Annotations")
check()
why = refused(sqs.send_message, QueueUrl=queue, MessageBody="m" * 200_000)
assert why is not None and FULL in why, why
check()
make_room("1000000/")
sizes = {p["PartNumber"]: p["Size"] for p in s3.list_parts(**parts)["Parts"]}
s3.complete_multipart_upload(**parts, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": first}]})
kept["parts"] = (1, sizes[1])
sqs.send_message(QueueUrl=queue, MessageBody="m" * 10_000)
check()
fill(300_000)
s3, sqs = again()
check()
assert len(sqs.receive_message(QueueUrl=queue).get("Messages", [])) == 1
make_room("300000/")
check()
devenv("down")
fill_from_outside()
devenv("up", "-d")
s3, sqs = clients()
check()
why = refused(s3.put_object, Bucket="box", Key="more", Body=content(9, 200_000))
assert why is not None and FULL in why, why
for key in [k for k in kept if k.startswith("4000/")]:
    s3.delete_object(Bucket="box", Key=key)
    del kept[key]
check()
os.remove("other")
s3.put_object(Bucket="box", Key="last", Body=content(8, 200_000))
kept["last"] = (8, 200_000)
s3, sqs = again()
check()
