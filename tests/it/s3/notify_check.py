"""Accounts for every key that notify_load.py printed: each has an event and a replica."""

import json
import sys
import time

import boto3

from common import ENDPOINT, s3

sqs = boto3.client("sqs", endpoint_url=ENDPOINT, region_name="us-east-1",
                   aws_access_key_id="test", aws_secret_access_key="test")
url = sqs.get_queue_url(QueueName="told")["QueueUrl"]
acknowledged = set(sys.stdin.read().split())
assert len(acknowledged) > 20, f"only {len(acknowledged)} were written"
told, quiet = set(), 0
while quiet < 3:
    messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=600, WaitTimeSeconds=1)
    quiet = 0 if messages.get("Messages") else quiet + 1
    for message in messages.get("Messages", []):
        for record in json.loads(message["Body"]).get("Records", []):
            told.add(record["s3"]["object"]["key"])
silent = acknowledged - told
assert not silent, f"nobody was told of {sorted(silent)[:5]}"
deadline = time.monotonic() + 20
while True:
    pages = s3.get_paginator("list_object_versions").paginate(Bucket="replica")
    replicas = [version["Key"] for page in pages for version in page.get("Versions", [])]
    missing = acknowledged - set(replicas)
    if not missing or time.monotonic() > deadline:
        break
    time.sleep(0.1)
assert not missing, f"no replica of {sorted(missing)[:5]}"
assert len(replicas) == len(set(replicas)), "a replica was made twice"
