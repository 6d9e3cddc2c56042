"""What happens beside the requests: events in a queue, lifecycle rules by devenv's clock, replicas."""

import datetime
import json
import re
import time

import boto3
from botocore.config import Config

from common import ENDPOINT, advance, body, refused, s3, same, until

sqs = boto3.client("sqs", endpoint_url=ENDPOINT, region_name="us-east-1", aws_access_key_id="test",
                   aws_secret_access_key="test", config=Config(retries={"max_attempts": 1}))
GONE = "arn:aws:sqs:us-east-1:000000000000:gone"


def queue(name):
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    return url, attributes["QueueArn"]


def told(url, count):
    """The next `count` messages, each decoded."""
    found = []
    deadline = time.monotonic() + 60
    while len(found) < count and time.monotonic() < deadline:
        got = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        for message in got.get("Messages", []):
            found.append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    same(len(found), count)
    return found


def notify(bucket, *queues, **more):
    return s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"QueueConfigurations": list(queues)}, **more)


def one(arn, *events, prefix=None, suffix=None):
    rules = [{"Name": n, "Value": v} for n, v in (("Prefix", prefix), ("suffix", suffix)) if v is not None]
    given = {"QueueArn": arn, "Events": list(events)}
    return {**given, "Filter": {"Key": {"FilterRules": rules}}} if rules else given


def events():
    url, arn = queue("events")
    s3.create_bucket(Bucket="events")
    created = "s3:ObjectCreated:*"

    def wrong(code, *queues, **more):
        return refused(code, 400, s3.put_bucket_notification_configuration, Bucket="events",
                       NotificationConfiguration={"QueueConfigurations": list(queues)}, **more)

    found = wrong("InvalidArgument", one("invalid-queue", created), SkipDestinationValidation=True)
    same((found["Message"], found["ArgumentName"], found["ArgumentValue"]),
         ("The ARN could not be parsed", "Queue", "invalid-queue"))
    found = wrong("InvalidArgument", one(GONE, created))
    same((found["Message"], found["ArgumentName1"], found["ArgumentValue1"]),
         ("Unable to validate the following destination configurations", GONE,
          "The destination queue does not exist"))
    same(wrong("InvalidArgument", one(arn, "s3:ObjectEaten:*"))["Message"],
         "The event is not supported for notifications")
    same(wrong("InvalidArgument", one(arn, created), one(arn, "s3:ObjectCreated:Put"))["Message"],
         "Configurations overlap. Configurations on the same bucket cannot share a common event type.")
    assert wrong("InvalidArgument", one(arn, created, prefix="a"), one(arn, created, prefix="ab"))[
        "Message"].startswith("Configuration is ambiguously defined.")
    bad = one(arn, created)
    bad["Filter"] = {"Key": {"FilterRules": [{"Name": "INVALID", "Value": "x"}]}}
    same(wrong("InvalidArgument", bad)["ArgumentName"], "FilterRule.Name")
    refused("NoSuchBucket", 404, s3.put_bucket_notification_configuration, Bucket="no-such",
            NotificationConfiguration={})
    notify("events", one(GONE, created), SkipDestinationValidation=True)
    told(url, 0)
    notify("events", one(arn, created, "s3:ObjectRemoved:*", "s3:ObjectTagging:*", prefix="in/"),
           one(arn, created, prefix="other/", suffix=".bin"))
    for test in told(url, 1):
        same((test["Service"], test["Event"], test["Bucket"]), ("Amazon S3", "s3:TestEvent", "events"))
    shown = s3.get_bucket_notification_configuration(Bucket="events")["QueueConfigurations"][0]
    same(shown["Filter"]["Key"]["FilterRules"], [{"Name": "Prefix", "Value": "in/"}])

    etag = s3.put_object(Bucket="events", Key="in/a b", Body=b"text")["ETag"].strip('"')
    s3.put_object(Bucket="events", Key="out", Body=b"nobody hears")
    s3.copy_object(Bucket="events", Key="other/x.bin", CopySource="events/out")
    s3.put_object_tagging(Bucket="events", Key="in/a b", Tagging={"TagSet": [{"Key": "k", "Value": "v"}]})
    s3.delete_object_tagging(Bucket="events", Key="in/a b")
    upload = s3.create_multipart_upload(Bucket="events", Key="in/parts")["UploadId"]
    part = s3.upload_part(Bucket="events", Key="in/parts", UploadId=upload, PartNumber=1, Body=b"p")
    s3.complete_multipart_upload(Bucket="events", Key="in/parts", UploadId=upload, MultipartUpload={
        "Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
    s3.delete_objects(Bucket="events", Delete={"Objects": [{"Key": "in/a b"}, {"Key": "in/parts"}]})
    records = [message["Records"][0] for message in told(url, 7)]
    by_name = {}
    for record in records:
        by_name.setdefault(record["eventName"], []).append(record)
    same({name: len(found) for name, found in by_name.items()},
         {"ObjectCreated:Put": 1, "ObjectCreated:Copy": 1, "ObjectTagging:Put": 1,
          "ObjectTagging:Delete": 1, "ObjectCreated:CompleteMultipartUpload": 1,
          "ObjectRemoved:Delete": 2})
    put = by_name["ObjectCreated:Put"][0]
    same((put["eventVersion"], put["eventSource"], put["awsRegion"]), ("2.1", "aws:s3", "us-east-1"))
    same(put["s3"]["bucket"]["arn"], "arn:aws:s3:::events")
    same({name: put["s3"]["object"][name] for name in ("key", "size", "eTag")},
         {"key": "in/a+b", "size": 4, "eTag": etag})
    same(len(put["responseElements"]["x-amz-request-id"]), 16)
    same(by_name["ObjectTagging:Put"][0]["eventVersion"], "2.3")
    assert by_name["ObjectCreated:CompleteMultipartUpload"][0]["s3"]["object"]["eTag"].endswith("-1")
    # A topic, a function and EventBridge are kept and shown.
    s3.put_bucket_notification_configuration(Bucket="events", NotificationConfiguration={
        "TopicConfigurations": [{"TopicArn": "arn:aws:sns:us-east-1:000000000000:t", "Events": [created]}],
        "EventBridgeConfiguration": {}})
    kept = s3.get_bucket_notification_configuration(Bucket="events")
    assert "EventBridgeConfiguration" in kept and kept["TopicConfigurations"], kept


def rules(bucket, *given, **more):
    return s3.put_bucket_lifecycle_configuration(
        Bucket=bucket, LifecycleConfiguration={"Rules": list(given)}, **more)


def rule(name, **actions):
    return {"ID": name, "Status": "Enabled", "Filter": {"Prefix": ""}, **actions}


def refused_rules():
    def wrong(code, *given, **more):
        return refused(code, 400, s3.put_bucket_lifecycle_configuration, Bucket="rules",
                       LifecycleConfiguration={"Rules": list(given)}, **more)["Message"]

    s3.create_bucket(Bucket="rules")
    days = {"Days": 7}
    wrong("MalformedXML", {"ID": "a", "Status": "Enabled", "Expiration": days})
    wrong("MalformedXML", rule("a", NoncurrentVersionExpiration={}))
    wrong("MalformedXML", rule("a", Expiration={"Days": 1, "ExpiredObjectDeleteMarker": True}))
    wrong("MalformedXML", rule("a", Expiration=days) | {"Filter": {"And": {"Prefix": "t"}, "Prefix": "t"}})
    noon = datetime.datetime(2030, 1, 1, 12, tzinfo=datetime.timezone.utc)
    same(wrong("InvalidArgument", rule("a", Expiration={"Date": noon})), "'Date' must be at midnight GMT")
    tags = [{"Key": "k", "Value": "1"}, {"Key": "k", "Value": "2"}]
    same(wrong("InvalidRequest", rule("a", Expiration=days) | {"Filter": {"And": {"Tags": tags}}}),
         "Duplicate Tag Keys are not allowed.")
    same(wrong("InvalidArgument", rule("a", Expiration={"Days": 0})),
         "'Days' for Expiration action must be a positive integer")
    early = [{"Days": 5, "StorageClass": "STANDARD_IA"}]
    same(wrong("InvalidArgument", rule("a", Transitions=early)),
         "'Days' in Transition action must be greater than or equal to 30 for storageClass 'STANDARD_IA'")
    wrong("InvalidArgument", rule("a", Expiration=days), rule("a", Expiration=days))
    minimum = "TransitionDefaultMinimumObjectSize"
    same(wrong("InvalidRequest", rule("a", Expiration=days), **{minimum: "value"}),
         "Invalid TransitionDefaultMinimumObjectSize found: value")
    same(rules("rules", rule("a", Expiration=days), **{minimum: "varies_by_storage_class"})[minimum],
         "varies_by_storage_class")
    same(s3.get_bucket_lifecycle_configuration(Bucket="rules")[minimum], "varies_by_storage_class")


def lifecycle():
    refused_rules()
    url, arn = queue("ends")
    s3.create_bucket(Bucket="ends")
    s3.put_bucket_versioning(Bucket="ends", VersioningConfiguration={"Status": "Enabled"})
    notify("ends", one(arn, "s3:LifecycleExpiration:*", "s3:LifecycleTransition"))
    told(url, 1)
    small = {"ObjectSizeGreaterThan": 1}
    rules("ends", rule("die", Expiration={"Days": 10}, NoncurrentVersionExpiration={"NoncurrentDays": 5},
                       AbortIncompleteMultipartUpload={"DaysAfterInitiation": 2}),
          rule("freeze", Transitions=[{"Days": 3, "StorageClass": "GLACIER"}]) | {"Filter": small},
          rule("clear", Expiration={"ExpiredObjectDeleteMarker": True}))
    expiration = s3.put_object(Bucket="ends", Key="k", Body=b"text")["Expiration"]
    assert 'rule-id="die"' in expiration and "00:00:00 GMT" in expiration, expiration
    same(s3.head_object(Bucket="ends", Key="k")["Expiration"], expiration)
    upload = s3.create_multipart_upload(Bucket="ends", Key="up")
    same(upload["AbortRuleId"], "die")
    same((upload["AbortDate"].hour, upload["AbortDate"].minute), (0, 0))
    # Each step's events are read before the next: a queue keeps them for four days only.
    advance("4d")
    until("a colder class", lambda: s3.head_object(Bucket="ends", Key="k").get("StorageClass") == "GLACIER")
    until("an end of the upload", lambda: not s3.list_multipart_uploads(Bucket="ends").get("Uploads"))
    moved = told(url, 1)[0]["Records"][0]
    same((moved["eventName"], moved["eventVersion"]), ("LifecycleTransition", "2.3"))
    same(moved["lifecycleEventData"], {"transitionEventData": {"destinationStorageClass": "GLACIER"}})
    advance("8d")
    until("a delete marker", lambda: s3.list_object_versions(Bucket="ends").get("DeleteMarkers"))
    same(told(url, 1)[0]["Records"][0]["eventName"], "LifecycleExpiration:DeleteMarkerCreated")
    advance("20d")
    until("an empty bucket", lambda: not (
        {"Versions", "DeleteMarkers"} & s3.list_object_versions(Bucket="ends").keys()))
    same({m["Records"][0]["eventName"] for m in told(url, 2)}, {"LifecycleExpiration:Delete"})


def replication():
    for name in ("source", "target", "plain"):
        s3.create_bucket(Bucket=name)
    enabled = {"Status": "Enabled"}

    def configuration(bucket="target", **more):
        return {"Role": "arn:aws:iam::000000000000:role/r", "Rules": [{
            "ID": "r", "Status": "Enabled", "Priority": 1, "Filter": {"Prefix": "r/"},
            "DeleteMarkerReplication": enabled,
            "Destination": {"Bucket": f"arn:aws:s3:::{bucket}", "StorageClass": "STANDARD_IA"}, **more}]}

    def put(configuration):
        return s3.put_bucket_replication(Bucket="source", ReplicationConfiguration=configuration)

    refuse = dict(Bucket="source")
    found = refused("InvalidRequest", 400, s3.put_bucket_replication, **refuse,
                    ReplicationConfiguration=configuration())
    same(found["Message"], "Versioning must be 'Enabled' on the bucket to apply a replication configuration")
    for name in ("source", "target"):
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration=enabled)
    for bucket in ("plain", "no-such"):
        found = refused("InvalidRequest", 400, s3.put_bucket_replication, **refuse,
                        ReplicationConfiguration=configuration(bucket))
        same(found["Message"], "Destination bucket must have versioning enabled.")
    put(configuration())
    refused("InvalidBucketState", 409, s3.put_bucket_versioning, Bucket="source",
            VersioningConfiguration={"Status": "Suspended"})
    large = b"l" * 100_000
    version = s3.put_object(Bucket="source", Key="r/k", Body=large, Metadata={"m": "1"})["VersionId"]
    s3.put_object(Bucket="source", Key="stays", Body=b"x")

    def status(bucket, key="r/k", **more):
        return s3.head_object(Bucket=bucket, Key=key, **more).get("ReplicationStatus")

    until("a replica", lambda: status("source") == "COMPLETED")
    same(status("source", "stays"), None)
    replica = s3.get_object(Bucket="target", Key="r/k")
    same((replica["VersionId"], replica["ReplicationStatus"], replica["StorageClass"], replica["Metadata"]),
         (version, "REPLICA", "STANDARD_IA", {"m": "1"}))
    same(replica["Body"].read(), large)
    same([o["Key"] for o in s3.list_objects_v2(Bucket="target")["Contents"]], ["r/k"])
    s3.put_object_tagging(Bucket="source", Key="r/k", Tagging={"TagSet": [{"Key": "t", "Value": "1"}]})
    until("its tags", lambda: s3.get_object_tagging(Bucket="target", Key="r/k")["TagSet"])
    marker = s3.delete_object(Bucket="source", Key="r/k")["VersionId"]
    markers = until("a replica of the marker",
                    lambda: s3.list_object_versions(Bucket="target").get("DeleteMarkers"))
    same(markers[0]["VersionId"], marker)
    # Deletions of a version are not replicated.
    s3.delete_object(Bucket="source", Key="r/k", VersionId=version)
    same(body("target", "r/k", VersionId=version), large)


def access_logs():
    for name in ("logged", "logs"):
        s3.create_bucket(Bucket=name)

    def log_to(prefix, **more):
        s3.put_bucket_logging(Bucket="logged", BucketLoggingStatus={
            "LoggingEnabled": {"TargetBucket": "logs", "TargetPrefix": prefix, **more}})

    def lines(prefix):
        found = s3.list_objects_v2(Bucket="logs", Prefix=prefix).get("Contents", [])
        return [line for o in found for line in body("logs", o["Key"]).decode().splitlines()]

    log_to("plain/")
    s3.put_object(Bucket="logged", Key="a b", Body=b"12345")
    s3.get_object(Bucket="logged", Key="a b", Range="bytes=1-2")["Body"].read()
    refused("NoSuchKey", 404, s3.get_object, Bucket="logged", Key="none")
    s3.get_bucket_versioning(Bucket="logged")
    s3.put_object(Bucket="logs", Key="unlogged", Body=b"x")
    same(lines("plain/"), [])
    advance("2m")
    until("a log", lambda: len(lines("plain/")) >= 4)
    entries = [re.findall(r'\[[^]]*\]|"[^"]*"|\S+', line) for line in lines("plain/")]
    same({len(entry) for entry in entries}, {26})
    by_name = {entry[6]: entry for entry in entries}
    owner = s3.get_bucket_acl(Bucket="logged")["Owner"]["ID"]
    put = by_name["REST.PUT.OBJECT"]
    same((put[0], put[1], put[4], put[7], put[8]), (owner, "logged", owner, "a%2520b", '"PUT /logged/a%20b HTTP/1.1"'))
    same((put[9], put[10], put[12], put[19], put[21]), ("200", "-", "5", "SigV4", "AuthHeader"))
    whens = [put[2]]
    assert re.fullmatch(r"\[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000\]", whens[0]), put
    part, none = [e for e in entries if e[6] == "REST.GET.OBJECT"]
    same((part[9], part[11], part[12], none[9], none[10]), ("206", "2", "5", "404", "NoSuchKey"))
    same(by_name["REST.GET.VERSIONING"][9], "200")
    keys = [o["Key"] for o in s3.list_objects_v2(Bucket="logs", Prefix="plain/")["Contents"]]
    assert all(re.fullmatch(r"plain/\d{4}-\d\d-\d\d-\d\d-\d\d-\d\d-[0-9A-Z]{16}", key) for key in keys), keys
    # By day, and no more.
    log_to("days/", TargetObjectKeyFormat={"PartitionedPrefix": {"PartitionDateSource": "EventTime"}})
    s3.get_bucket_location(Bucket="logged")
    advance("2m")
    until("a log of a day", lambda: any("REST.GET.LOCATION" in line for line in lines("days/000000000000/us-east-1/logged/")))
    s3.put_bucket_logging(Bucket="logged", BucketLoggingStatus={})
    advance("2m")
    until("what is left", lambda: any("REST.PUT.LOGGING_STATUS" in line for line in lines("days/")))
    count = len(lines(""))
    s3.get_bucket_location(Bucket="logged")
    advance("2m")
    same(len(lines("")), count)


events()
replication()
access_logs()
lifecycle()
