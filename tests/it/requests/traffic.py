"""Calls of boto3 that the request journal is read for; faults are seen as boto3 sees them."""

import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, ResponseStreamingError

plain = Config(retries={"total_max_attempts": 1}, read_timeout=20)
s3 = boto3.client("s3", config=plain)
sqs = boto3.client("sqs", config=plain)
secrets = boto3.client("secretsmanager", config=plain)
ses = boto3.client("sesv2", config=plain)
iam = boto3.client("iam", config=plain)


def refused(call, code, status):
    try:
        call()
    except ClientError as error:
        found = error.response
        assert found["Error"]["Code"] == code, found
        assert found["ResponseMetadata"]["HTTPStatusCode"] == status, found
        return
    raise AssertionError(f"{code} was expected")


def cut(call, kind):
    try:
        call()
    except kind:
        return
    raise AssertionError(f"{kind} was expected")


def calls():
    s3.create_bucket(Bucket="uploads")
    s3.put_object(Bucket="uploads", Key="reports/1.txt", Body=b"x" * 10_000)
    s3.put_bucket_cors(
        Bucket="uploads",
        CORSConfiguration={"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}]},
    )
    url = sqs.create_queue(QueueName="jobs")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="small")
    sqs.send_message(QueueUrl=url, MessageBody="long " * 5_000)
    secrets.create_secret(Name="prod/db", SecretString="hunter2")
    refused(lambda: ses.get_email_identity(EmailIdentity="no@example.com"), "NotFoundException", 404)
    iam.create_user(UserName="jane")
    refused(lambda: s3.get_object(Bucket="uploads", Key="none"), "NoSuchKey", 404)


def faults():
    refused(lambda: s3.put_object(Bucket="uploads", Key="reports/2", Body=b"y"), "SlowDown", 503)
    s3.put_object(Bucket="uploads", Key="other", Body=b"y")
    cut(lambda: sqs.get_queue_url(QueueName="jobs"), ConnectionClosedError)
    cut(lambda: s3.get_object(Bucket="uploads", Key="reports/1.txt")["Body"].read(), ResponseStreamingError)
    refused(lambda: [iam.list_users() for _ in range(30)], "ThrottlingException", 400)
    refused(lambda: secrets.get_secret_value(SecretId="prod/db"), "InternalServiceError", 500)
    assert secrets.get_secret_value(SecretId="prod/db")["SecretString"] == "hunter2"


{"calls": calls, "faults": faults}[sys.argv[1]]()
