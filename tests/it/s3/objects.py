"""Buckets and objects: put, get, head, delete, list, ranges, conditions, metadata, checksums, tags."""

import base64
import datetime
import hashlib
import io
import os
import zlib

from common import ENDPOINT, body, client, refused, s3, same

B = "objects"
s3.create_bucket(Bucket=B)
s3.create_bucket(Bucket=B)  # the owner may, in us-east-1
refused("BucketAlreadyExists", 409, client(key="111122223333").create_bucket, Bucket=B)
refused("InvalidBucketName", 400, s3.create_bucket, Bucket="Upper-Case")
refused("IllegalLocationConstraintException", 400, client("eu-west-1").create_bucket, Bucket="eu-bucket")
eu = client("eu-west-1")
eu.create_bucket(Bucket="eu-bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
same(refused("BucketAlreadyOwnedByYou", 409, eu.create_bucket, Bucket="eu-bucket",
             CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})["BucketName"], "eu-bucket")
same(s3.get_bucket_location(Bucket="eu-bucket")["LocationConstraint"], "eu-west-1")
same(s3.get_bucket_location(Bucket=B)["LocationConstraint"], None)
same(s3.head_bucket(Bucket="eu-bucket")["BucketRegion"], "eu-west-1")
refused("404", 404, s3.head_bucket, Bucket="nowhere")
same([b["Name"] for b in s3.list_buckets()["Buckets"]], ["eu-bucket", B])
page = s3.list_buckets(MaxBuckets=1)
same([b["Name"] for b in page["Buckets"]], ["eu-bucket"])
page = s3.list_buckets(MaxBuckets=1, ContinuationToken=page["ContinuationToken"])
same([b["Name"] for b in page["Buckets"]], [B])
same(client(key="111122223333").list_buckets()["Buckets"], [])

# What was put is what is got, small (kept in the state file), middling and large (streamed to a file).
for size in [0, 1, 1024, 16 * 1024, 16 * 1024 + 1, 300_000, 9_000_001]:
    data = os.urandom(size)
    put = s3.put_object(Bucket=B, Key=f"size/{size}", Body=data)
    same(put["ETag"], f'"{hashlib.md5(data).hexdigest()}"')
    same(put["ChecksumCRC32"], base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode())
    same(put["ServerSideEncryption"], "AES256")
    got = s3.get_object(Bucket=B, Key=f"size/{size}")
    assert got["Body"].read() == data, f"{size} bytes came back changed"
    same((got["ContentLength"], got["ETag"], got["AcceptRanges"]), (size, put["ETag"], "bytes"))
    same(got["ChecksumCRC32"], put["ChecksumCRC32"])
    head = s3.head_object(Bucket=B, Key=f"size/{size}")
    same((head["ContentLength"], head["ContentType"]), (size, "binary/octet-stream"))
    assert "ChecksumCRC32" not in head
    if size > 10:
        middle = body(B, f"size/{size}", Range=f"bytes={size // 3}-{size // 2}")
        assert middle == data[size // 3:size // 2 + 1]

# Keys are never paths, and every character comes back.
for key in ["a//b", "/lead", "..", "a/../b", "ünï/😀", "a+b %25&c?", "q=1&x", "tab\tnew\nline", "trail/", "%2F"]:
    s3.put_object(Bucket=B, Key=f"odd/{key}", Body=key.encode())
    same(body(B, f"odd/{key}"), key.encode())
    same([o["Key"] for o in s3.list_objects_v2(Bucket=B, Prefix=f"odd/{key}")["Contents"]][0], f"odd/{key}")
refused("KeyTooLongError", 400, s3.put_object, Bucket=B, Key="k" * 1025, Body=b"")
s3.put_object(Bucket=B, Key="k" * 1024, Body=b"")

# Ranges.
s3.put_object(Bucket=B, Key="ten", Body=b"0123456789")
got = s3.get_object(Bucket=B, Key="ten", Range="bytes=2-4")
same((got["Body"].read(), got["ContentRange"], got["ResponseMetadata"]["HTTPStatusCode"]),
     (b"234", "bytes 2-4/10", 206))
same(body(B, "ten", Range="bytes=-3"), b"789")
same(body(B, "ten", Range="bytes=5-1"), b"0123456789")
error = refused("InvalidRange", 416, s3.get_object, Bucket=B, Key="ten", Range="bytes=10-")
same((error["ActualObjectSize"], error["RangeRequested"]), ("10", "bytes=10-"))

# Conditions on reads and writes.
tag = s3.head_object(Bucket=B, Key="ten")["ETag"]
same(refused("PreconditionFailed", 412, s3.get_object, Bucket=B, Key="ten", IfMatch='"no"')["Condition"], "If-Match")
refused("304", 304, s3.get_object, Bucket=B, Key="ten", IfNoneMatch=tag)
now = datetime.datetime.now(datetime.timezone.utc)
refused("304", 304, s3.head_object, Bucket=B, Key="ten", IfModifiedSince=now)
refused("PreconditionFailed", 412, s3.get_object, Bucket=B, Key="ten",
        IfUnmodifiedSince=now - datetime.timedelta(days=1))
refused("PreconditionFailed", 412, s3.put_object, Bucket=B, Key="ten", Body=b"x", IfNoneMatch="*")
refused("PreconditionFailed", 412, s3.put_object, Bucket=B, Key="ten", Body=b"x", IfMatch='"no"')
refused("NoSuchKey", 404, s3.put_object, Bucket=B, Key="none", Body=b"x", IfMatch=tag)
refused("NotImplemented", 501, s3.put_object, Bucket=B, Key="none", Body=b"x", IfNoneMatch=tag)
s3.put_object(Bucket=B, Key="ten", Body=b"0123456789", IfMatch=tag)
refused("PreconditionFailed", 412, s3.delete_object, Bucket=B, Key="ten", IfMatch='"no"')

# Metadata, headers and their overrides.
s3.put_object(
    Bucket=B, Key="meta", Body=b"x", ContentType="text/plain", CacheControl="no-cache",
    ContentDisposition="inline", ContentEncoding="gzip", ContentLanguage="de",
    Metadata={"Name": "Wert", "other": "two words"}, StorageClass="STANDARD_IA",
    Tagging="a=1&b=two%20words")
head = s3.head_object(Bucket=B, Key="meta")
same(head["Metadata"], {"name": "Wert", "other": "two words"})
same([head[k] for k in ["ContentType", "CacheControl", "ContentDisposition", "ContentEncoding",
                        "ContentLanguage", "StorageClass"]],
     ["text/plain", "no-cache", "inline", "gzip", "de", "STANDARD_IA"])
got = s3.get_object(Bucket=B, Key="meta", ResponseContentType="x/y", ResponseCacheControl="private")
same((got["ContentType"], got["CacheControl"], got["TagCount"]), ("x/y", "private", 2))
refused("MetadataTooLarge", 400, s3.put_object, Bucket=B, Key="m", Body=b"", Metadata={"a": "b" * 2048})
refused("InvalidStorageClass", 400, s3.put_object, Bucket=B, Key="m", Body=b"", StorageClass="OUTPOSTS")

# Tags.
same(s3.get_object_tagging(Bucket=B, Key="meta")["TagSet"],
     [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "two words"}])
s3.put_object_tagging(Bucket=B, Key="meta", Tagging={"TagSet": [{"Key": "c", "Value": ""}]})
same(s3.get_object_tagging(Bucket=B, Key="meta")["TagSet"], [{"Key": "c", "Value": ""}])
same(refused("InvalidTag", 400, s3.put_object_tagging, Bucket=B, Key="meta",
             Tagging={"TagSet": [{"Key": "c", "Value": ""}, {"Key": "c", "Value": "2"}]})["TagKey"], "c")
refused("InvalidTag", 400, s3.put_object_tagging, Bucket=B, Key="meta",
        Tagging={"TagSet": [{"Key": "aws:x", "Value": ""}]})
s3.delete_object_tagging(Bucket=B, Key="meta")
same(s3.get_object_tagging(Bucket=B, Key="meta")["TagSet"], [])

# Checksums and digests.
for name in ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"]:
    if name in ("CRC32C", "CRC64NVME"):
        continue  # botocore wants awscrt to compute these
    put = s3.put_object(Bucket=B, Key=f"sum-{name}", Body=b"hello", ChecksumAlgorithm=name)
    got = s3.get_object(Bucket=B, Key=f"sum-{name}", ChecksumMode="ENABLED")
    same(got[f"Checksum{name}"], put[f"Checksum{name}"])
    same(refused("BadDigest", 400, s3.put_object, Bucket=B, Key="bad", Body=b"other",
                 **{f"Checksum{name}": put[f"Checksum{name}"]})["Message"],
         f"The {name} you specified did not match the calculated checksum.")
put = s3.put_object(Bucket=B, Key="sum", Body=b"hello", ChecksumCRC64NVME="M3eFcAZSQlc=")
same(put["ChecksumCRC64NVME"], "M3eFcAZSQlc=")
refused("InvalidDigest", 400, s3.put_object, Bucket=B, Key="bad", Body=b"", ContentMD5="__invalid__")
refused("BadDigest", 400, s3.put_object, Bucket=B, Key="bad", Body=b"x",
        ContentMD5=base64.b64encode(hashlib.md5(b"y").digest()).decode())
refused("404", 404, s3.head_object, Bucket=B, Key="bad")
streamed = io.BytesIO(b"s" * 100_000)
plain = client(request_checksum_calculation="when_required")
same(plain.put_object(Bucket=B, Key="plain", Body=streamed)["ChecksumType"], "FULL_OBJECT")
same(s3.get_object_attributes(Bucket=B, Key="ten", ObjectAttributes=["ETag", "ObjectSize", "StorageClass"])["ObjectSize"], 10)

# Deleting.
same(s3.delete_object(Bucket=B, Key="ten")["ResponseMetadata"]["HTTPStatusCode"], 204)
s3.delete_object(Bucket=B, Key="ten")
same(refused("NoSuchKey", 404, s3.get_object, Bucket=B, Key="ten")["Key"], "ten")
refused("NoSuchBucket", 404, s3.put_object, Bucket="nowhere", Key="k", Body=b"")
same(refused("BucketNotEmpty", 409, s3.delete_bucket, Bucket=B)["BucketName"], B)
refused("MalformedXML", 400, s3.delete_objects, Bucket=B,
        Delete={"Objects": [{"Key": str(n)} for n in range(1001)]})
while "Contents" in (page := s3.list_objects_v2(Bucket=B)):
    gone = s3.delete_objects(Bucket=B, Delete={"Objects": [{"Key": o["Key"]} for o in page["Contents"]]})
    same(len(gone["Deleted"]), len(page["Contents"]))
s3.delete_bucket(Bucket=B)
s3.delete_bucket(Bucket="eu-bucket")

# By the host's name, as SDKs do unless told otherwise.
port = ENDPOINT.rsplit(":", 1)[1]
for host in ["s3.localhost.localstack.cloud", "s3.us-east-1.localhost"]:
    by_host = client(endpoint=f"http://{host}:{port}", s3={"addressing_style": "virtual"},
                     proxies={"http": ENDPOINT})
    by_host.create_bucket(Bucket="by-host")
    by_host.put_object(Bucket="by-host", Key="a/k", Body=b"hosted")
    same(body("by-host", "a/k"), b"hosted")
    same([o["Key"] for o in by_host.list_objects_v2(Bucket="by-host")["Contents"]], ["a/k"])
    by_host.delete_object(Bucket="by-host", Key="a/k")
    by_host.delete_bucket(Bucket="by-host")
