"""A bucket of which a queue is told, and which is replicated."""

import boto3

from common import ENDPOINT, s3

sqs = boto3.client("sqs", endpoint_url=ENDPOINT, region_name="us-east-1",
                   aws_access_key_id="test", aws_secret_access_key="test")
sqs.create_queue(QueueName="told")
for bucket in ("told", "replica"):
    s3.create_bucket(Bucket=bucket)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
s3.put_bucket_notification_configuration(Bucket="told", NotificationConfiguration={"QueueConfigurations": [
    {"QueueArn": "arn:aws:sqs:us-east-1:000000000000:told", "Events": ["s3:ObjectCreated:*"]}]})
s3.put_bucket_replication(Bucket="told", ReplicationConfiguration={"Role": "arn:aws:iam::000000000000:role/r", "Rules": [
    {"ID": "r", "Status": "Enabled", "Priority": 1, "Filter": {"Prefix": ""},
     "DeleteMarkerReplication": {"Status": "Disabled"}, "Destination": {"Bucket": "arn:aws:s3:::replica"}}]})
