"""boto3 1.26 of 2023: no endpoint from the environment, no checksums of its own, SQS by the query protocol."""

import io
import os

import boto3
from botocore.exceptions import ClientError

assert boto3.__version__.startswith("1.26."), boto3.__version__
endpoint = os.environ["AWS_ENDPOINT_URL"]
s3 = boto3.client("s3", endpoint_url=endpoint)
s3.create_bucket(Bucket="older")
large = os.urandom(1 << 20) * 20
s3.upload_fileobj(io.BytesIO(large), "older", "large")
head = s3.head_object(Bucket="older", Key="large")
assert head["ContentLength"] == len(large) and head["ETag"].endswith('-3"'), head
back = io.BytesIO()
s3.download_fileobj("older", "large", back)
assert back.getvalue() == large
s3.put_object(Bucket="older", Key="ü/a +b", Body=b"text", Metadata={"who": "me"}, ContentType="text/plain")
got = s3.get_object(Bucket="older", Key="ü/a +b", Range="bytes=1-2")
assert (got["Body"].read(), got["Metadata"], got["ContentType"]) == (b"ex", {"who": "me"}, "text/plain")
for algorithm in ("CRC32", "CRC32C", "SHA1", "SHA256"):
    if algorithm == "CRC32C":
        continue  # wants another package
    put = s3.put_object(Bucket="older", Key=algorithm, Body=b"text", ChecksumAlgorithm=algorithm)
    shown = s3.head_object(Bucket="older", Key=algorithm, ChecksumMode="ENABLED")
    assert shown[f"Checksum{algorithm}"] == put[f"Checksum{algorithm}"], shown
pages = s3.get_paginator("list_objects_v2").paginate(Bucket="older", PaginationConfig={"PageSize": 2})
keys = [entry["Key"] for page in pages for entry in page["Contents"]]
assert keys == ["CRC32", "SHA1", "SHA256", "large", "ü/a +b"], keys
try:
    s3.get_object(Bucket="older", Key="missing")
    raise AssertionError("a missing key was found")
except s3.exceptions.NoSuchKey as error:
    assert error.response["Error"]["Key"] == "missing"
rules = {"Rules": [{"ID": "old", "Filter": {"Prefix": "logs/"}, "Status": "Enabled", "Expiration": {"Days": 1}}]}
s3.put_bucket_lifecycle_configuration(Bucket="older", LifecycleConfiguration=rules)
s3.put_bucket_cors(Bucket="older", CORSConfiguration={"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}]})
s3.put_bucket_tagging(Bucket="older", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
assert s3.get_bucket_lifecycle_configuration(Bucket="older")["Rules"] == rules["Rules"]
s3.delete_objects(Bucket="older", Delete={"Objects": [{"Key": key} for key in keys]})
s3.delete_bucket(Bucket="older")
try:
    s3.head_bucket(Bucket="older")
    raise AssertionError("a deleted bucket was found")
except ClientError as error:
    assert error.response["Error"]["Code"] == "404"

sqs = boto3.client("sqs", endpoint_url=endpoint)
url = sqs.create_queue(QueueName="older")["QueueUrl"]
sent = sqs.send_message(QueueUrl=url, MessageBody="hello", MessageAttributes={"n": {"DataType": "Number", "StringValue": "1"}})
[message] = sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"])["Messages"]
assert (message["Body"], message["MessageId"]) == ("hello", sent["MessageId"])
sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
secrets = boto3.client("secretsmanager", endpoint_url=endpoint)
secrets.create_secret(Name="older", SecretString="s")
assert secrets.get_secret_value(SecretId="older")["SecretString"] == "s"
