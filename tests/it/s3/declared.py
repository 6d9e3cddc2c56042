"""A bucket that the profile declared: every setting as the Put operations would have stored it."""

from common import kms, s3, same

at = {"Bucket": "declared"}
same(s3.get_bucket_versioning(**at)["Status"], "Enabled")
rule = s3.get_bucket_lifecycle_configuration(**at)["Rules"][0]
same((rule["ID"], rule["Expiration"], rule["Filter"]), ("archive", {"Days": 2555}, {"Prefix": ""}))
same([(t["Days"], t["StorageClass"]) for t in rule["Transitions"]], [(90, "STANDARD_IA"), (365, "GLACIER")])
rule = s3.get_bucket_cors(**at)["CORSRules"][0]
same(rule, {"AllowedHeaders": ["*"], "AllowedMethods": ["GET", "PUT"], "AllowedOrigins": ["*"],
            "ExposeHeaders": ["ETag"], "MaxAgeSeconds": 3600})
same(s3.get_bucket_replication(**at)["ReplicationConfiguration"]["Rules"][0]["Destination"],
     {"Bucket": "arn:aws:s3:::replica"})
queue = s3.get_bucket_notification_configuration(**at)["QueueConfigurations"][0]
same((queue["QueueArn"], queue["Filter"]["Key"]["FilterRules"]),
     ("arn:aws:sqs:us-east-1:000000000000:q", [{"Name": "Prefix", "Value": "in/"}]))
same(s3.get_bucket_tagging(**at)["TagSet"], [{"Key": "team", "Value": "clinic"}])
same(s3.get_bucket_policy_status(**at)["PolicyStatus"]["IsPublic"], True)
same(s3.get_public_access_block(**at)["PublicAccessBlockConfiguration"]["BlockPublicPolicy"], False)
key = kms().create_key()["KeyMetadata"]
kms().create_alias(AliasName="alias/epicenter", TargetKeyId=key["KeyId"])
put = s3.put_object(**at, Key="k", Body=b"x")
same((put["ServerSideEncryption"], put["SSEKMSKeyId"]),
     ("aws:kms", key["Arn"]))
