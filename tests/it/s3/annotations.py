"""Annotations of objects, and S3 Metadata configurations, which are records."""

import json

import boto3
from botocore.config import Config
from common import ENDPOINT, body, refused, s3, same, until

B = "annotated"
s3.create_bucket(Bucket=B)
etag = s3.put_object(Bucket=B, Key="k", Body=b"x")["ETag"]
at = {"Bucket": B, "Key": "k"}


def put(name, text=b"text", **more):
    return s3.put_object_annotation(**{**at, **more}, AnnotationName=name, AnnotationPayload=text)


def get(name, **more):
    return s3.get_object_annotation(**{**at, **more}, AnnotationName=name)["AnnotationPayload"].read()


def names(**more):
    return [a["AnnotationName"] for a in s3.list_object_annotations(**{**at, **more}).get("Annotations", [])]


# Put, replaced, got, listed, deleted; small in the state file, large in a file of its own.
same(names(), [])
made = put("ml.labels", b'{"cat": 0.9}')
same((made["Key"], made["AnnotationName"], made["ServerSideEncryption"]), ("k", "ml.labels", "AES256"))
assert made["ChecksumCRC32"], made
large = ("ü" * 500_000).encode()
put("large", large)
put("ml.labels", b'{"cat": 0.8}')
same((get("ml.labels"), get("large")), (b'{"cat": 0.8}', large))
got = s3.get_object_annotation(**at, AnnotationName="large", ChecksumMode="ENABLED")
same((got["ContentLength"], got["ChecksumType"]), (len(large), "FULL_OBJECT"))
assert got["ETag"] and got["LastModified"] and got["ChecksumCRC32"], got
got["AnnotationPayload"].read()
put("z_2")
same(names(), ["large", "ml.labels", "z_2"])
same(names(AnnotationPrefix="ml."), ["ml.labels"])
page = s3.list_object_annotations(**at, MaxAnnotationResults=2)
same((page["AnnotationCount"], page["Bucket"], page["Key"], page["Annotations"][0]["Size"]), (2, B, "k", len(large)))
same(names(ContinuationToken=page["NextContinuationToken"]), ["z_2"])
same(s3.head_object(**at)["ETag"], etag)
s3.delete_object_annotation(**at, AnnotationName="z_2")
s3.delete_object_annotation(**at, AnnotationName="z_2")
same(names(), ["large", "ml.labels"])

# What is refused.
refused("NoSuchAnnotation", 404, get, name="z_2")
refused("NoSuchKey", 404, put, name="a", Key="none")
refused("NoSuchBucket", 404, put, name="a", Bucket="nowhere")
for name in ["", "aws.x", "S3x", "a b", "a/b"]:
    refused("InvalidAnnotationName", 400, put, name=name)
refused("AnnotationNameTooLong", 400, put, name="n" * 513)
refused("UnsupportedMediaType", 415, put, name="a", text=b"\xff\xfe")
refused("UnsupportedMediaType", 415, put, name="a", text=b"a" * 100_000 + b"\xc3")
refused("EntityTooLarge", 400, put, name="a", text=b"a" * (2**20 + 1))
refused("InvalidRequest", 400, put, name="a", text=b"")
refused("PreconditionFailed", 412, put, name="a", ObjectIfMatch='"other"')
put("a", ObjectIfMatch=etag)
refused("InvalidArgument", 400, names, MaxAnnotationResults=1001)
secret = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "k" * 32}
s3.put_object(Bucket=B, Key="sealed", Body=b"x", **secret)
refused("InvalidRequest", 400, put, name="a", Key="sealed")

# They go where their version goes: copies, versions, replicas, events.
s3.copy_object(Bucket=B, Key="copy", CopySource={"Bucket": B, "Key": "k"})
s3.copy_object(Bucket=B, Key="bare", CopySource={"Bucket": B, "Key": "k"}, AnnotationDirective="EXCLUDE")
same((names(Key="copy"), names(Key="bare")), (["a", "large", "ml.labels"], []))
s3.put_object(**at, Body=b"anew")
same((names(), get("large", Key="copy")), ([], large))
s3.copy_object(Bucket=B, Key="copy", CopySource={"Bucket": B, "Key": "copy"}, StorageClass="STANDARD_IA")
same(get("large", Key="copy"), large)
for name in [B, "replica"]:
    if name != B:
        s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
s3.put_bucket_replication(Bucket=B, ReplicationConfiguration={"Role": "arn:aws:iam::000000000000:role/r", "Rules": [
    {"ID": "r", "Status": "Enabled", "Priority": 1, "Filter": {"Prefix": "r/"},
     "DeleteMarkerReplication": {"Status": "Disabled"}, "Destination": {"Bucket": "arn:aws:s3:::replica"}}]})
sqs = boto3.client("sqs", endpoint_url=ENDPOINT, region_name="us-east-1", aws_access_key_id="test",
                   aws_secret_access_key="test", config=Config(retries={"max_attempts": 1}))
queue = sqs.create_queue(QueueName="annotations")["QueueUrl"]
s3.put_bucket_notification_configuration(Bucket=B, NotificationConfiguration={"QueueConfigurations": [
    {"QueueArn": "arn:aws:sqs:us-east-1:000000000000:annotations", "Events": ["s3:ObjectAnnotation:*"]}]})
first = s3.put_object(Bucket=B, Key="r/k", Body=b"1")["VersionId"]
put("a", b"of the first", Key="r/k")
second = s3.put_object(Bucket=B, Key="r/k", Body=b"2")["VersionId"]
same((names(Key="r/k"), get("a", Key="r/k", VersionId=first)), ([], b"of the first"))
same(put("b", Key="r/k", VersionId=second)["ObjectVersionId"], second)


def replicated(version, wanted):
    try:
        return names(Bucket="replica", Key="r/k", VersionId=version) == wanted
    except s3.exceptions.ClientError:
        return False


until("the replicas' annotations", lambda: replicated(first, ["a"]) and replicated(second, ["b"]))
s3.delete_object_annotation(Bucket=B, Key="r/k", AnnotationName="b")
until("the end of a replica's annotation", lambda: replicated(second, []))
met = []
until("events", lambda: met.extend(
    json.loads(m["Body"]).get("Records", [{}])[0].get("eventName")
    for m in sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])) or len(met) >= 4)
same(sorted(filter(None, met)), ["ObjectAnnotation:Delete", "ObjectAnnotation:Put", "ObjectAnnotation:Put"])

# A locked version keeps its annotations.
s3.create_bucket(Bucket="locked-notes", ObjectLockEnabledForBucket=True)
kept = s3.put_object(Bucket="locked-notes", Key="k", Body=b"x", ObjectLockLegalHoldStatus="ON", ChecksumAlgorithm="CRC32")
put("a", Bucket="locked-notes")
refused("AccessDenied", 403, s3.delete_object_annotation, Bucket="locked-notes", Key="k", AnnotationName="a")

# S3 Metadata: version 2.
journal = {"RecordExpiration": {"Expiration": "ENABLED", "Days": 10}}
of = {"Bucket": B}
for call in [s3.get_bucket_metadata_configuration, s3.delete_bucket_metadata_configuration,
             s3.get_bucket_metadata_table_configuration, s3.delete_bucket_metadata_table_configuration]:
    refused("MetadataConfigurationNotFound", 404, call, **of)
    refused("NoSuchBucket", 404, call, Bucket="nowhere")
create = s3.create_bucket_metadata_configuration
for wrong in [{"RecordExpiration": {"Expiration": "ENABLED", "Days": 6}}, {"RecordExpiration": {"Expiration": "ENABLED"}},
              {"RecordExpiration": {"Expiration": "ON"}}, {**journal, "EncryptionConfiguration": {"SseAlgorithm": "aws:kms"}}]:
    refused("MalformedXML", 400, create, **of, MetadataConfiguration={"JournalTableConfiguration": wrong})
create(**of, MetadataConfiguration={"JournalTableConfiguration": journal,
                                    "InventoryTableConfiguration": {"ConfigurationState": "DISABLED"}})
refused("MetadataConfigurationAlreadyExists", 409, create, **of,
        MetadataConfiguration={"JournalTableConfiguration": journal})


def shown():
    return s3.get_bucket_metadata_configuration(**of)["GetBucketMetadataConfigurationResult"]["MetadataConfigurationResult"]


met = shown()
same(met["DestinationResult"], {"TableBucketType": "aws", "TableNamespace": f"b_{B}",
                                "TableBucketArn": "arn:aws:s3tables:us-east-1:000000000000:bucket/aws-s3"})
table = met["JournalTableConfigurationResult"]
same((table["TableStatus"], table["TableName"], table["RecordExpiration"]), ("ACTIVE", "journal", journal["RecordExpiration"]))
same(met["InventoryTableConfigurationResult"], {"ConfigurationState": "DISABLED"})
s3.update_bucket_metadata_journal_table_configuration(
    **of, JournalTableConfiguration={"RecordExpiration": {"Expiration": "DISABLED"}})
s3.update_bucket_metadata_inventory_table_configuration(**of, InventoryTableConfiguration={"ConfigurationState": "ENABLED"})
role = "arn:aws:iam::000000000000:role/r"
s3.update_bucket_metadata_annotation_table_configuration(
    **of, AnnotationTableConfiguration={"ConfigurationState": "ENABLED", "Role": role})
met = shown()
same(met["JournalTableConfigurationResult"]["RecordExpiration"], {"Expiration": "DISABLED"})
same((met["InventoryTableConfigurationResult"]["TableName"], met["AnnotationTableConfigurationResult"]["Role"]), ("inventory", role))
refused("MethodNotAllowed", 405, s3.get_bucket_metadata_table_configuration, **of)
refused("MethodNotAllowed", 405, s3.delete_bucket_metadata_table_configuration, **of)
s3.delete_bucket_metadata_configuration(**of)
refused("MetadataConfigurationNotFound", 404, s3.update_bucket_metadata_inventory_table_configuration, **of,
        InventoryTableConfiguration={"ConfigurationState": "ENABLED"})

# Version 1, which operations of version 2 know, too.
tables = "arn:aws:s3tables:us-east-1:000000000000:bucket/tables"
destination = {"TableBucketArn": tables, "TableName": "t"}
refused("InvalidArgument", 400, s3.create_bucket_metadata_table_configuration, **of, MetadataTableConfiguration={
    "S3TablesDestination": {**destination, "TableBucketArn": "arn:aws:s3:::tables"}})
s3.create_bucket_metadata_table_configuration(**of, MetadataTableConfiguration={"S3TablesDestination": destination})
result = s3.get_bucket_metadata_table_configuration(**of)["GetBucketMetadataTableConfigurationResult"]
found = result["MetadataTableConfigurationResult"]["S3TablesDestinationResult"]
same((found["TableName"], found["TableBucketArn"], found["TableNamespace"], result["Status"]), ("t", tables, "aws_s3_metadata", "ACTIVE"))
same(shown()["DestinationResult"]["TableBucketType"], "customer")
s3.delete_bucket_metadata_table_configuration(**of)
refused("MetadataConfigurationNotFound", 404, s3.get_bucket_metadata_configuration, **of)

# What is of directory buckets or of other services says so.
refused("NotImplemented", 501, s3.get_object_torrent, **at)
refused("NotImplemented", 501, s3.select_object_content, **at, Expression="SELECT 1", ExpressionType="SQL",
        InputSerialization={"CSV": {}}, OutputSerialization={"CSV": {}})
same(refused("NotImplemented", 501, s3.rename_object, Bucket=B, Key="other", RenameSource="k")["Header"], "x-amz-rename-source")
same(body(B, "k"), b"anew")
