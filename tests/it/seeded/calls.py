"""The same calls to every service, and all answers on stdout as JSON: ids, handles, versions, instants."""
import json
import os
import sys
import uuid

import boto3

endpoint = os.environ["AWS_ENDPOINT_URL"]
name = sys.argv[1]
answers = []


def call(client, operation, **arguments):
    answer = getattr(client, operation)(**arguments)
    metadata = answer.pop("ResponseMetadata")
    headers = {k: v for k, v in metadata["HTTPHeaders"].items() if k.startswith("x-am")}
    if "Body" in answer:
        answer["Body"] = answer["Body"].read().decode()
    answers.append([operation, metadata.get("RequestId"), headers, answer])
    return answer


s3, sqs, ses = (boto3.client(name) for name in ("s3", "sqs", "ses"))
secrets, sts, iam, kms = (boto3.client(name) for name in ("secretsmanager", "sts", "iam", "kms"))

call(s3, "create_bucket", Bucket=name)
call(s3, "put_bucket_versioning", Bucket=name, VersioningConfiguration={"Status": "Enabled"})
for body in (b"one", b"two"):
    call(s3, "put_object", Bucket=name, Key="a", Body=body)
call(s3, "delete_object", Bucket=name, Key="a")
call(s3, "list_object_versions", Bucket=name)
call(s3, "create_multipart_upload", Bucket=name, Key="big")
queue = call(sqs, "create_queue", QueueName=name)["QueueUrl"]
for number in range(3):
    call(sqs, "send_message", QueueUrl=queue, MessageBody=f"message {number}")
call(sqs, "receive_message", QueueUrl=queue, MaxNumberOfMessages=2, AttributeNames=["All"])
call(ses, "verify_email_identity", EmailAddress="me@example.com")
text = {"Subject": {"Data": "s"}, "Body": {"Text": {"Data": "t"}}}
call(ses, "send_email", Source="me@example.com", Destination={"ToAddresses": ["you@example.com"]}, Message=text)
# Without one the client makes a random version id of its own.
token = {number: str(uuid.uuid5(uuid.NAMESPACE_DNS, name + number)) for number in "12"}
call(secrets, "create_secret", Name=name, SecretString="s", ClientRequestToken=token["1"])
call(secrets, "put_secret_value", SecretId=name, SecretString="t", ClientRequestToken=token["2"])
call(secrets, "describe_secret", SecretId=name)
call(secrets, "get_random_password", PasswordLength=20)
call(sts, "get_caller_identity")
call(sts, "get_session_token")
call(iam, "create_user", UserName=name)
call(iam, "create_access_key", UserName=name)
# Of key material nothing follows from the seed, so its own id does not either.
call(kms, "create_key", Description=name)["KeyMetadata"].pop("CurrentKeyMaterialId")
print(json.dumps(answers, default=str, indent=1).replace(endpoint, "http://gateway"))
