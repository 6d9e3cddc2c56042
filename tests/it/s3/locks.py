"""Object lock, keys of the customer (SSE-C), archives, configurations with ids, and what they refuse."""

import base64
import datetime
import hashlib
import json
import time

import boto3

from common import ENDPOINT, client, kms, refused, s3, same

B = "locked"
at = {"Bucket": B}
now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
soon, later = now + datetime.timedelta(hours=1), now + datetime.timedelta(days=2)
PROTECTED = "Access Denied because object protected by object lock."
s3.create_bucket(**at, ObjectLockEnabledForBucket=True)
s3.create_bucket(Bucket="plain")
s3.put_object(Bucket="plain", Key="k", Body=b"x")

# Retention.
version = s3.put_object(**at, Key="k", Body=b"1")["VersionId"]
of = {**at, "Key": "k", "VersionId": version}
refused("NoSuchObjectLockConfiguration", 404, s3.get_object_retention, **of)
refused("NoSuchObjectLockConfiguration", 404, s3.get_object_legal_hold, **of)
s3.put_object_retention(**of, Retention={"Mode": "GOVERNANCE", "RetainUntilDate": soon})
same(s3.get_object_retention(**of)["Retention"], {"Mode": "GOVERNANCE", "RetainUntilDate": soon})
head = s3.head_object(**of)
same((head["ObjectLockMode"], head["ObjectLockRetainUntilDate"]), ("GOVERNANCE", soon))
same(refused("AccessDenied", 403, s3.delete_object, **of)["Message"], PROTECTED)
many = s3.delete_objects(**at, Delete={"Objects": [{"Key": "k", "VersionId": version}]})
same((many["Errors"][0]["Code"], many["Errors"][0]["Message"]), ("AccessDenied", PROTECTED))
s3.put_object_retention(**of, Retention={"Mode": "GOVERNANCE", "RetainUntilDate": later})
earlier = {"Mode": "GOVERNANCE", "RetainUntilDate": soon}
same(refused("AccessDenied", 403, s3.put_object_retention, **of, Retention=earlier)["Message"], PROTECTED)
s3.put_object_retention(**of, Retention=earlier, BypassGovernanceRetention=True)
marker = s3.delete_object(**at, Key="k")
same(marker["DeleteMarker"], True)  # a marker deletes nothing
refused("MethodNotAllowed", 405, s3.put_object_retention, **{**of, "VersionId": marker["VersionId"]}, Retention=earlier)
same(s3.delete_object(**of, BypassGovernanceRetention=True)["VersionId"], version)

# Compliance cannot be bypassed, and a legal hold neither.
version = s3.put_object(**at, Key="c", Body=b"1", ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=soon,
                        ObjectLockLegalHoldStatus="OFF")["VersionId"]
of = {**at, "Key": "c", "VersionId": version}
same(s3.head_object(**of)["ObjectLockLegalHoldStatus"], "OFF")
refused("AccessDenied", 403, s3.delete_object, **of, BypassGovernanceRetention=True)
refused("AccessDenied", 403, s3.put_object_retention, **of, Retention=earlier, BypassGovernanceRetention=True)
s3.put_object_retention(**of, Retention={"Mode": "COMPLIANCE", "RetainUntilDate": later})
held = s3.put_object(**at, Key="h", Body=b"1", ObjectLockLegalHoldStatus="ON")["VersionId"]
of = {**at, "Key": "h", "VersionId": held}
refused("AccessDenied", 403, s3.delete_object, **of, BypassGovernanceRetention=True)
s3.put_object_legal_hold(**of, LegalHold={"Status": "OFF"})
same(s3.get_object_legal_hold(**of)["LegalHold"], {"Status": "OFF"})
s3.copy_object(**at, Key="copied", CopySource=f"{B}/c")
assert "ObjectLockMode" not in s3.head_object(**at, Key="copied")
s3.delete_object(**of)

# The bucket's default.
default = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}}
s3.put_object_lock_configuration(**at, ObjectLockConfiguration=default)
version = s3.put_object(**at, Key="d", Body=b"1")["VersionId"]
same(s3.head_object(**at, Key="d")["ObjectLockMode"], "GOVERNANCE")
refused("AccessDenied", 403, s3.delete_object, **at, Key="d", VersionId=version)
for wrong in [{}, {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE"}}},
              {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1, "Years": 1}}}]:
    refused("MalformedXML", 400, s3.put_object_lock_configuration, **at, ObjectLockConfiguration=wrong)
refused("InvalidBucketState", 409, s3.put_bucket_versioning, **at, VersioningConfiguration={"Status": "Suspended"})

# What is refused, as AWS was recorded.
k = {**at, "Key": "k2"}
error = refused("InvalidArgument", 400, s3.put_object, **k, ObjectLockMode="GOVERNANCE")
same(error["ArgumentName"], "x-amz-object-lock-retain-until-date")
error = refused("InvalidArgument", 400, s3.put_object, **k, ObjectLockRetainUntilDate=soon)
same(error["ArgumentName"], "x-amz-object-lock-mode")
for call in [s3.put_object, s3.create_multipart_upload]:
    error = refused("InvalidArgument", 400, call, **k, ObjectLockMode="BAD-VALUE", ObjectLockRetainUntilDate=soon)
    same((error["Message"], error["ArgumentValue"]), ("Unknown wormMode directive.", "BAD-VALUE"))
error = refused("InvalidArgument", 400, s3.put_object_retention, **at, Key="d",
                Retention={"Mode": "GOVERNANCE", "RetainUntilDate": datetime.datetime(2020, 1, 1)}, BypassGovernanceRetention=True)
same((error["Message"], error["ArgumentName"]), ("The retain until date must be in the future!", "RetainUntilDate"))
refused("MalformedXML", 400, s3.put_object_retention, **at, Key="d", Retention={"RetainUntilDate": soon})
refused("MalformedXML", 400, s3.put_object_legal_hold, **at, Key="d", LegalHold={})
refused("NoSuchKey", 404, s3.put_object_retention, **at, Key="none", Retention=earlier)
refused("NoSuchBucket", 404, s3.put_object_legal_hold, Bucket="none-such", Key="k", LegalHold={"Status": "ON"})
plain = {"Bucket": "plain", "Key": "k"}
for call, more in [(s3.put_object_retention, {"Retention": earlier}), (s3.get_object_retention, {}),
                   (s3.put_object_legal_hold, {"LegalHold": {"Status": "ON"}}),
                   (s3.put_object, {"ObjectLockLegalHoldStatus": "ON"})]:
    same(refused("InvalidRequest", 400, call, **plain, **more)["Message"], "Bucket is missing Object Lock Configuration")
for more in [{"BypassGovernanceRetention": True}, {"BypassGovernanceRetention": False}]:
    same(refused("InvalidArgument", 400, s3.delete_object, **plain, **more)["ArgumentName"], "x-amz-bypass-governance-retention")
for more in ["IfMatchSize", "IfMatchLastModifiedTime"]:
    refused("NotImplemented", 501, s3.delete_object, **plain, **{more: 1 if more == "IfMatchSize" else now})
refused("PreconditionFailed", 412, s3.delete_object, **plain, IfMatch="0")
refused("NotImplemented", 501, s3.rename_object, Bucket="plain", Key="new", RenameSource="plain/k")

# Keys of the customer.
key, other = b"k" * 32, b"o" * 32
C = {"Bucket": "plain", "Key": "customer"}


def sse(key):
    return {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": key}


def source(key):
    return {"CopySourceSSECustomerAlgorithm": "AES256", "CopySourceSSECustomerKey": key}


md5 = base64.b64encode(hashlib.md5(key).digest()).decode()
put = s3.put_object(**C, Body=b"secret", **sse(key))
same((put["SSECustomerAlgorithm"], put["SSECustomerKeyMD5"], "ServerSideEncryption" in put), ("AES256", md5, False))
same(s3.get_object(**C, **sse(key))["Body"].read(), b"secret")
same(s3.head_object(**C, **sse(key))["SSECustomerKeyMD5"], md5)
refused("InvalidRequest", 400, s3.get_object, **C)
refused("AccessDenied", 403, s3.get_object, **C, **sse(other))
refused("400", 400, s3.head_object, **C)
refused("403", 403, s3.head_object, **C, **sse(other))
refused("InvalidRequest", 400, s3.get_object_attributes, **C, ObjectAttributes=["ETag"])
refused("InvalidRequest", 400, s3.get_object, **plain, **sse(key))
refused("InvalidEncryptionAlgorithmError", 400, s3.get_object, **C, SSECustomerAlgorithm="KMS", SSECustomerKey=key)
refused("InvalidArgument", 400, s3.put_object, **C, **sse(b"short"))
refused("InvalidArgument", 400, s3.put_object, **C, SSECustomerAlgorithm="AES256", SSECustomerKey=base64.b64encode(key).decode(),
        SSECustomerKeyMD5=base64.b64encode(b"0" * 16).decode())
refused("InvalidArgument", 400, s3.put_object, **C, **sse(key), ServerSideEncryption="AES256")
to = {"Bucket": "plain", "Key": "copy", "CopySource": "plain/customer"}
refused("InvalidRequest", 400, s3.copy_object, **to)
refused("AccessDenied", 403, s3.copy_object, **to, **source(other))
same(s3.copy_object(**to, **source(key))["ServerSideEncryption"], "AES256")
s3.get_object(Bucket="plain", Key="copy")
same(s3.copy_object(**to, **source(key), **sse(other))["SSECustomerAlgorithm"], "AES256")
same(s3.get_object(Bucket="plain", Key="copy", **sse(other))["Body"].read(), b"secret")
upload = {**C, "UploadId": s3.create_multipart_upload(**C, **sse(key))["UploadId"]}
error = refused("InvalidRequest", 400, s3.upload_part, **upload, PartNumber=1, Body=b"x")
assert error["Message"].startswith("The multipart upload initiate requested encryption."), error
error = refused("InvalidRequest", 400, s3.upload_part, **upload, PartNumber=1, Body=b"x", **sse(other))
same(error["Message"], "The provided encryption parameters did not match the ones used originally.")
tag = s3.upload_part(**upload, PartNumber=1, Body=b"part", **sse(key))["ETag"]
s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": tag}]})
same(s3.get_object(**C, **sse(key))["Body"].read(), b"part")

# Archives.
cold = {"Bucket": "plain", "Key": "cold"}
s3.put_object(**cold, Body=b"cold", StorageClass="GLACIER")
refused("InvalidObjectState", 403, s3.get_object, **cold)
refused("InvalidObjectState", 403, s3.copy_object, Bucket="plain", Key="warm", CopySource="plain/cold")
sqs = boto3.client("sqs", endpoint_url=ENDPOINT, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
queue = sqs.create_queue(QueueName="restored")["QueueUrl"]
told = {"QueueArn": "arn:aws:sqs:us-east-1:000000000000:restored", "Events": ["s3:ObjectRestore:*"]}
s3.put_bucket_notification_configuration(Bucket="plain", NotificationConfiguration={"QueueConfigurations": [told]})
for status in [202, 200]:
    same(s3.restore_object(**cold, RestoreRequest={"Days": 1})["ResponseMetadata"]["HTTPStatusCode"], status)
records, deadline = [], time.monotonic() + 10
while len(records) < 4 and time.monotonic() < deadline:
    for message in sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages", []):
        records += json.loads(message["Body"]).get("Records", [])
        sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
told = {record["eventName"]: record for record in records}
same(sorted(told), ["ObjectRestore:Completed", "ObjectRestore:Post"])
same(told["ObjectRestore:Completed"]["glacierEventData"]["restoreEventData"]["lifecycleRestoreStorageClass"], "GLACIER")
assert s3.head_object(**cold)["Restore"].startswith('ongoing-request="false", expiry-date="')
same(s3.get_object(**cold)["Body"].read(), b"cold")
refused("InvalidObjectState", 403, s3.restore_object, **plain, RestoreRequest={"Days": 1})
arn = kms().create_key()["KeyMetadata"]["Arn"]
s3.update_object_encryption(**plain, ObjectEncryption={"SSEKMS": {"KMSKeyArn": arn, "BucketKeyEnabled": True}})
same(s3.head_object(**plain)["SSEKMSKeyId"], arn)

# Configurations with ids.
P = {"Bucket": "plain"}
destination = {"S3BucketDestination": {"Bucket": "arn:aws:s3:::plain", "Format": "CSV"}}
inventory = {"Id": "i", "IsEnabled": True, "IncludedObjectVersions": "All", "Schedule": {"Frequency": "Daily"},
             "Destination": destination, "OptionalFields": ["Size", "ETag"]}
analytics = {"Id": "i", "Filter": {"Prefix": "p"}, "StorageClassAnalysis": {"DataExport": {
    "OutputSchemaVersion": "V_1", "Destination": destination}}}
tiering = {"Id": "i", "Filter": {"Prefix": "p"}, "Status": "Enabled", "Tierings": [{"Days": 90, "AccessTier": "ARCHIVE_ACCESS"}]}
metrics = {"Id": "i", "Filter": {"Prefix": "logs/"}}
for name, short, config in [("inventory", "Inventory", inventory), ("analytics", "Analytics", analytics),
                            ("intelligent_tiering", "IntelligentTiering", tiering), ("metrics", "Metrics", metrics)]:
    argument = f"{short}Configuration"
    put, get = getattr(s3, f"put_bucket_{name}_configuration"), getattr(s3, f"get_bucket_{name}_configuration")
    delete, every = getattr(s3, f"delete_bucket_{name}_configuration"), getattr(s3, f"list_bucket_{name}_configurations")
    refused("NoSuchConfiguration", 404, get, **P, Id="i")
    same(put(**P, Id="i", **{argument: config})["ResponseMetadata"]["HTTPStatusCode"], 204)
    put(**P, Id="a", **{argument: {**config, "Id": "a"}})
    same(get(**P, Id="i")[argument], config)
    same([c["Id"] for c in every(**P)[f"{argument}List"]], ["a", "i"])
    refused("IdMismatch" if name == "inventory" else "MalformedXML", 400, put, **P, Id="other", **{argument: config})
    delete(**P, Id="i")
    refused("NoSuchConfiguration", 404, delete, **P, Id="i")
    for n in range(105 if name == "inventory" else 0):
        put(**P, Id=f"n{n:03}", **{argument: {**config, "Id": f"n{n:03}"}})
page = s3.list_bucket_inventory_configurations(**P)
same((len(page["InventoryConfigurationList"]), page["IsTruncated"]), (100, True))
page = s3.list_bucket_inventory_configurations(**P, ContinuationToken=page["NextContinuationToken"])
same((len(page["InventoryConfigurationList"]), page["IsTruncated"]), (6, False))
for change in [{"Schedule": {"Frequency": "Hourly"}}, {"IncludedObjectVersions": "None"}, {"OptionalFields": ["x"]}]:
    refused("MalformedXML", 400, s3.put_bucket_inventory_configuration, **P, Id="i", InventoryConfiguration={**inventory, **change})
wrong = {"S3BucketDestination": {"Bucket": "plain", "Format": "CSV"}}
refused("InvalidS3DestinationBucket", 400, s3.put_bucket_inventory_configuration, **P, Id="i",
        InventoryConfiguration={**inventory, "Destination": wrong})
same(s3.get_bucket_abac(**P)["AbacStatus"], {"Status": "Disabled"})
s3.put_bucket_abac(**P, AbacStatus={"Status": "Enabled"})
same(s3.get_bucket_abac(**P)["AbacStatus"], {"Status": "Enabled"})

# Logging.
logging = {"LoggingEnabled": {"TargetBucket": B, "TargetPrefix": "log"}}
s3.put_bucket_logging(**P, BucketLoggingStatus=logging)
same(s3.get_bucket_logging(**P)["LoggingEnabled"], logging["LoggingEnabled"])
absent = {"LoggingEnabled": {"TargetBucket": "none-such", "TargetPrefix": "log"}}
same(refused("InvalidTargetBucketForLogging", 400, s3.put_bucket_logging, **P, BucketLoggingStatus=absent)["TargetBucket"], "none-such")
client(region="eu-west-1").create_bucket(Bucket="west", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
far = {"LoggingEnabled": {"TargetBucket": "west", "TargetPrefix": "log"}}
error = refused("CrossLocationLoggingProhibitted", 403, s3.put_bucket_logging, **P, BucketLoggingStatus=far)
same(error["TargetBucketLocation"], "eu-west-1")
s3.put_bucket_logging(**P, BucketLoggingStatus={})
assert "LoggingEnabled" not in s3.get_bucket_logging(**P)

# Website configurations.
index = {"IndexDocument": {"Suffix": "index.html"}}
for wrong, code, text in [
    ({"IndexDocument": {"Suffix": "/index.html"}}, "InvalidArgument", "The IndexDocument Suffix is not well formed"),
    ({"IndexDocument": {"Suffix": ""}}, "InvalidArgument", "The IndexDocument Suffix is not well formed"),
    ({"RedirectAllRequestsTo": {"HostName": "a"}, **index}, "InvalidArgument", "RedirectAllRequestsTo cannot be provided in conjunction with other Routing Rules."),
    ({"ErrorDocument": {"Key": "e"}}, "InvalidArgument", "A value for IndexDocument Suffix must be provided if RedirectAllRequestsTo is empty"),
    ({"RedirectAllRequestsTo": {"HostName": "a", "Protocol": "ftp"}}, "InvalidRequest", "Invalid protocol, protocol can be http or https. If not defined the protocol will be selected automatically."),
    ({**index, "RoutingRules": [{"Redirect": {"ReplaceKeyPrefixWith": "a", "ReplaceKeyWith": "b"}}]}, "InvalidRequest", "You can only define ReplaceKeyPrefix or ReplaceKey but not both."),
    ({**index, "RoutingRules": [{"Condition": {}, "Redirect": {"HostName": "a"}}]}, "InvalidRequest", "Condition cannot be empty. To redirect all requests without a condition, the condition element shouldn't be present."),
]:
    same(refused(code, 400, s3.put_bucket_website, **P, WebsiteConfiguration=wrong)["Message"], text)
