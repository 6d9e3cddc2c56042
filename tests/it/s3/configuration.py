"""Bucket configuration: each document put, got and deleted, with AWS's answers where none is set."""

import json

import requests
from common import ENDPOINT, kms, refused, s3, same

B = "configured"
s3.create_bucket(Bucket=B)
at = {"Bucket": B}

# What a new bucket has.
same(s3.get_bucket_encryption(**at)["ServerSideEncryptionConfiguration"]["Rules"],
     [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": False}])
same(set(s3.get_public_access_block(**at)["PublicAccessBlockConfiguration"].values()), {True})
same(s3.get_bucket_ownership_controls(**at)["OwnershipControls"]["Rules"], [{"ObjectOwnership": "BucketOwnerEnforced"}])
same(s3.get_bucket_request_payment(**at)["Payer"], "BucketOwner")
same([g["Permission"] for g in s3.get_bucket_acl(**at)["Grants"]], ["FULL_CONTROL"])
for code, call in [
    ("NoSuchCORSConfiguration", s3.get_bucket_cors), ("NoSuchLifecycleConfiguration", s3.get_bucket_lifecycle_configuration),
    ("NoSuchBucketPolicy", s3.get_bucket_policy), ("NoSuchTagSet", s3.get_bucket_tagging),
    ("NoSuchWebsiteConfiguration", s3.get_bucket_website),
    ("ReplicationConfigurationNotFoundError", s3.get_bucket_replication),
    ("ObjectLockConfigurationNotFoundError", s3.get_object_lock_configuration),
]:
    same(refused(code, 404, call, **at)["BucketName"], B)
    refused("NoSuchBucket", 404, call, Bucket="nowhere")

# Encryption shows on new objects.
sealing = kms().create_key()["KeyMetadata"]
s3.put_bucket_encryption(**at, ServerSideEncryptionConfiguration={"Rules": [{
    "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": sealing["KeyId"]},
    "BucketKeyEnabled": True}]})
put = s3.put_object(**at, Key="k", Body=b"x")
same((put["ServerSideEncryption"], put["SSEKMSKeyId"], put["BucketKeyEnabled"]),
     ("aws:kms", sealing["Arn"], True))
same(s3.head_object(**at, Key="k")["SSEKMSKeyId"], put["SSEKMSKeyId"])
same(s3.put_object(**at, Key="k", Body=b"x", ServerSideEncryption="AES256")["ServerSideEncryption"], "AES256")
s3.delete_bucket_encryption(**at)
same(s3.put_object(**at, Key="k", Body=b"x")["ServerSideEncryption"], "AES256")
refused("MalformedXML", 400, s3.put_bucket_encryption, **at, ServerSideEncryptionConfiguration={"Rules": []})

# Lifecycle, tags, policy, access block, ownership, replication, website, notification.
rules = [{"ID": "old", "Status": "Enabled", "Filter": {"Prefix": "logs/"}, "Expiration": {"Days": 7},
          "Transitions": [{"Days": 3, "StorageClass": "GLACIER"}]}]
s3.put_bucket_lifecycle_configuration(**at, LifecycleConfiguration={"Rules": rules})
same(s3.get_bucket_lifecycle_configuration(**at)["Rules"], rules)
s3.delete_bucket_lifecycle(**at)
refused("NoSuchLifecycleConfiguration", 404, s3.get_bucket_lifecycle_configuration, **at)
refused("MalformedXML", 400, s3.put_bucket_lifecycle_configuration, **at,
        LifecycleConfiguration={"Rules": [{"ID": "x", "Status": "Enabled", "Expiration": {"Days": 7}}]})
s3.put_bucket_tagging(**at, Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
same(s3.get_bucket_tagging(**at)["TagSet"], [{"Key": "a", "Value": "b"}])
s3.delete_bucket_tagging(**at)
refused("NoSuchTagSet", 404, s3.get_bucket_tagging, **at)
policy = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{B}/*"}]})
refused("AccessDenied", 403, s3.put_bucket_policy, **at, Policy=policy)
s3.put_public_access_block(**at, PublicAccessBlockConfiguration={"BlockPublicAcls": True})
s3.put_bucket_policy(**at, Policy=policy)
same(s3.get_bucket_policy(**at)["Policy"], policy)
same(s3.get_bucket_policy_status(**at)["PolicyStatus"]["IsPublic"], True)
s3.delete_bucket_policy(**at)
same(refused("MalformedPolicy", 400, s3.put_bucket_policy, **at, Policy="{}")["Message"], "Missing required field Statement")
same(s3.get_public_access_block(**at)["PublicAccessBlockConfiguration"]["BlockPublicPolicy"], False)
s3.delete_public_access_block(**at)
refused("NoSuchPublicAccessBlockConfiguration", 404, s3.get_public_access_block, **at)
s3.delete_bucket_ownership_controls(**at)
refused("OwnershipControlsNotFoundError", 404, s3.get_bucket_ownership_controls, **at)
replication = {"Role": "arn:aws:iam::000000000000:role/r", "Rules": [
    {"ID": "r", "Status": "Enabled", "Priority": 1, "Filter": {"Prefix": ""},
     "Destination": {"Bucket": "arn:aws:s3:::other"}, "DeleteMarkerReplication": {"Status": "Disabled"}}]}
refused("InvalidRequest", 400, s3.put_bucket_replication, **at, ReplicationConfiguration=replication)
s3.put_bucket_versioning(**at, VersioningConfiguration={"Status": "Enabled"})
s3.create_bucket(Bucket="other")
s3.put_bucket_versioning(Bucket="other", VersioningConfiguration={"Status": "Enabled"})
s3.put_bucket_replication(**at, ReplicationConfiguration=replication)
same(s3.get_bucket_replication(**at)["ReplicationConfiguration"], replication)
s3.put_bucket_website(**at, WebsiteConfiguration={"IndexDocument": {"Suffix": "index.html"}})
same(s3.get_bucket_website(**at)["IndexDocument"], {"Suffix": "index.html"})
queue = {"Id": "q", "QueueArn": "arn:aws:sqs:us-east-1:000000000000:q", "Events": ["s3:ObjectCreated:*"]}
s3.put_bucket_notification_configuration(
    **at, NotificationConfiguration={"QueueConfigurations": [queue]}, SkipDestinationValidation=True)
same(s3.get_bucket_notification_configuration(**at)["QueueConfigurations"], [queue])
s3.put_bucket_acl(**at, ACL="public-read")
same([g["Permission"] for g in s3.get_bucket_acl(**at)["Grants"]], ["FULL_CONTROL", "READ"])
refused("AccessDenied", 403, s3.get_bucket_acl, **at, ExpectedBucketOwner="111122223333")
refused("InvalidBucketOwnerAWSAccountID", 400, s3.get_bucket_acl, **at, ExpectedBucketOwner="abcd")

# CORS.
url, page = f"{ENDPOINT}/{B}/k", "http://localhost:3000"
asks = {"Origin": page, "Access-Control-Request-Method": "PUT"}
error = requests.options(url, headers=asks)
same((error.status_code, "CORS is not enabled for this bucket" in error.text), (403, True))
s3.put_bucket_cors(**at, CORSConfiguration={"CORSRules": [
    {"AllowedOrigins": ["http://localhost:*"], "AllowedMethods": ["GET", "PUT"], "AllowedHeaders": ["x-amz-*"],
     "ExposeHeaders": ["ETag"], "MaxAgeSeconds": 3000}]})
granted = requests.options(url, headers={**asks, "Access-Control-Request-Headers": "X-Amz-Date"})
same(granted.status_code, 200)
same({k.lower(): v for k, v in granted.headers.items() if k.lower().startswith("access-control")}, {
    "access-control-allow-origin": page, "access-control-allow-methods": "GET, PUT",
    "access-control-allow-headers": "x-amz-date", "access-control-expose-headers": "ETag",
    "access-control-max-age": "3000", "access-control-allow-credentials": "true"})
same(requests.get(url, headers={"Origin": page}).headers["Access-Control-Allow-Origin"], page)
for headers in [{**asks, "Access-Control-Request-Method": "DELETE"}, {**asks, "Access-Control-Request-Headers": "other"}]:
    same(requests.options(url, headers=headers).status_code, 403)
assert "Access-Control-Allow-Origin" not in requests.get(url).headers
