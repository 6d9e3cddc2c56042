"""What each store holds, to the last detail; the clock stands still.

fill    things of every kind, and in `kept.json` what only the caller knows (handles, ciphertexts)
look    prints all that can be seen of them as JSON, without what belongs to the request
after   what was known before still holds: handles, deduplication, delays, ciphertexts
"""

import base64
import hashlib
import json
import os
import sys
import urllib.request

import boto3

ENDPOINT = os.environ["AWS_ENDPOINT_URL"]
s3, sqs, ses, sesv2 = (boto3.client(name) for name in ["s3", "sqs", "ses", "sesv2"])
secrets, kms, ssm = (boto3.client(name) for name in ["secretsmanager", "kms", "ssm"])
QUEUES = [f"{ENDPOINT}/000000000000/{name}" for name in ["plain", "ordered.fifo"]]


def page(path, body=None):
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(ENDPOINT + path, data)) as answer:
        return json.load(answer)


def fill():
    sqs.create_queue(QueueName="plain", Attributes={"VisibilityTimeout": "600"})
    for body in ["taken", "waits"]:
        sqs.send_message(QueueUrl=QUEUES[0], MessageBody=body)
    taken = sqs.receive_message(QueueUrl=QUEUES[0], MaxNumberOfMessages=1)["Messages"][0]
    sqs.send_message(QueueUrl=QUEUES[0], MessageBody="later", DelaySeconds=900)
    sqs.create_queue(QueueName="ordered.fifo", Attributes={"FifoQueue": "true"})
    first = sqs.send_message(QueueUrl=QUEUES[1], MessageBody="1", MessageGroupId="g", MessageDeduplicationId="d")

    s3.create_bucket(Bucket="kept")
    s3.put_bucket_versioning(Bucket="kept", VersioningConfiguration={"Status": "Enabled"})
    for body in [b"small", os.urandom(300_000)]:
        s3.put_object(Bucket="kept", Key="twice", Body=body, Metadata={"m": "v"}, Tagging="a=b")
    s3.put_object(Bucket="kept", Key="gone", Body=b"x")
    s3.delete_object(Bucket="kept", Key="gone")
    upload = s3.create_multipart_upload(Bucket="kept", Key="open")["UploadId"]
    s3.upload_part(Bucket="kept", Key="open", UploadId=upload, PartNumber=1, Body=os.urandom(100_000))

    ses.verify_email_identity(EmailAddress="me@example.com")
    for subject in ["one", "two"]:
        message = {"Subject": {"Data": subject}, "Body": {"Text": {"Data": subject * 20_000}}}
        ses.send_email(Source="me@example.com", Destination={"ToAddresses": ["you@example.com"]}, Message=message)

    secrets.create_secret(Name="versions", SecretString="old")
    secrets.put_secret_value(SecretId="versions", SecretString="new")
    secrets.create_secret(Name="scheduled", SecretString="x")
    secrets.delete_secret(SecretId="scheduled", RecoveryWindowInDays=7)
    key = kms.create_key(Description="kept")["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName="alias/kept", TargetKeyId=key)
    ciphertext = kms.encrypt(KeyId=key, Plaintext=b"in clear")["CiphertextBlob"]
    idle = kms.create_key(Description="idle")["KeyMetadata"]["KeyId"]
    kms.disable_key(KeyId=idle)
    for value in ["1", "2"]:
        ssm.put_parameter(Name="/a/b", Value=value, Type="SecureString", Overwrite=True)
    with open("kept.json", "w") as file:
        json.dump({"handle": taken["ReceiptHandle"], "first": first["MessageId"], "upload": upload,
                   "ciphertext": base64.b64encode(ciphertext).decode()}, file)


def kept():
    with open("kept.json") as file:
        return json.load(file)


def look():
    known = kept()
    seen = {}

    def see(name, answer):
        answer.pop("ResponseMetadata", None)
        seen[name] = answer

    for queue in QUEUES:
        see(queue.rsplit("/", 1)[1], sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"]))
    versions = s3.list_object_versions(Bucket="kept")
    see("versions", versions)
    for version in versions["Versions"]:
        which = {"Bucket": "kept", "Key": version["Key"], "VersionId": version["VersionId"]}
        body = s3.get_object(**which)["Body"].read()
        seen[f"body {version['VersionId']}"] = hashlib.sha256(body).hexdigest()
        see(f"head {version['VersionId']}", s3.head_object(**which))
    see("tags", s3.get_object_tagging(Bucket="kept", Key="twice"))
    see("uploads", s3.list_multipart_uploads(Bucket="kept"))
    see("parts", s3.list_parts(Bucket="kept", Key="open", UploadId=known["upload"]))
    seen["mails"] = page("/_aws/ses")
    see("quota", ses.get_send_quota())
    # First, as it leaves the day of the access.
    for stage in ["AWSCURRENT", "AWSPREVIOUS"]:
        see(stage, secrets.get_secret_value(SecretId="versions", VersionStage=stage))
    see("secret", secrets.describe_secret(SecretId="versions"))
    see("scheduled", secrets.describe_secret(SecretId="scheduled"))
    for listed in kms.list_keys()["Keys"]:
        see(f"key {listed['KeyId']}", kms.describe_key(KeyId=listed["KeyId"]))
    see("aliases", kms.list_aliases())
    seen["clear"] = kms.decrypt(CiphertextBlob=base64.b64decode(known["ciphertext"]))["Plaintext"].decode()
    see("parameter", ssm.get_parameter_history(Name="/a/b", WithDecryption=True))
    clock = page("/_devenv/clock")
    seen["clock"] = [clock["now"], clock["frozen"]]
    assert seen["clear"] == "in clear" and len(seen["mails"]["messages"]) == 2, seen
    print(json.dumps(seen, default=str, sort_keys=True, indent=1))


def bodies():
    messages = sqs.receive_message(QueueUrl=QUEUES[0], MaxNumberOfMessages=10, VisibilityTimeout=0)
    return sorted(message["Body"] for message in messages.get("Messages", []))


def after():
    known = kept()
    again = sqs.send_message(QueueUrl=QUEUES[1], MessageBody="1", MessageGroupId="g", MessageDeduplicationId="d")
    assert again["MessageId"] == known["first"], "it is a duplicate still"
    assert bodies() == ["waits"], "one is in flight, one is delayed"
    page("/_devenv/clock", {"advance": "599s"})
    assert bodies() == ["waits"]
    page("/_devenv/clock", {"advance": "1s"})
    assert bodies() == ["taken", "waits"], "its time was up"
    page("/_devenv/clock", {"advance": "5m"})
    assert bodies() == ["later", "taken", "waits"], "its delay was over"
    page("/_devenv/clock", {"advance": "7d"})
    assert "scheduled" not in [s["Name"] for s in secrets.list_secrets(IncludePlannedDeletion=True)["SecretList"]]


def in_flight():
    sqs.change_message_visibility(QueueUrl=QUEUES[0], ReceiptHandle=kept()["handle"], VisibilityTimeout=600)


{"fill": fill, "look": look, "after": after, "in-flight": in_flight}[sys.argv[1]]()
