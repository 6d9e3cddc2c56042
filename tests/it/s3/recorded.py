"""What AWS was recorded to answer, or documents, where no other script asks."""

import datetime
import json
import time
import urllib.request

import requests
from common import ENDPOINT, advance, body, client, refused, s3, same

B = "recorded"
at = {"Bucket": B, "Key": "k"}
s3.create_bucket(Bucket=B)
CONFLICT = "The conditional request cannot succeed due to a conflicting operation against this resource."


def begin():
    """An upload of one part, ready to be completed."""
    upload = s3.create_multipart_upload(**at)["UploadId"]
    tag = s3.upload_part(**at, UploadId=upload, PartNumber=1, Body=b"part")["ETag"]
    return {**at, "UploadId": upload, "MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": tag}]}}


complete = s3.complete_multipart_upload

# Conditions on completing: what is there now, and whether it changed while the upload was under way.
s3.put_object(**at, Body=b"")
upload = begin()
same(refused("PreconditionFailed", 412, complete, **upload, IfNoneMatch="*")["Condition"], "If-None-Match")
s3.delete_object(**at)
error = refused("ConditionalRequestConflict", 409, complete, **upload, IfNoneMatch="*")
same((error["Message"], error["Condition"], error["Key"]), (CONFLICT, "If-None-Match", "k"))
refused("NoSuchKey", 404, complete, **upload, IfMatch='"d41d8cd98f00b204e9800998ecf8427e"')
complete(**begin(), IfNoneMatch="*")
same(body(B, "k"), b"part")
tag = s3.put_object(**at, Body=b"test")["ETag"]
upload = begin()
advance("1s")
s3.put_object(**at, Body=b"test")
same(refused("PreconditionFailed", 412, complete, **upload, IfMatch='"other"')["Condition"], "If-Match")
same(refused("ConditionalRequestConflict", 409, complete, **upload, IfMatch=tag)["Condition"], "If-Match")
complete(**begin(), IfMatch=tag)
complete(**upload)  # without a condition nothing conflicts

# Conditions on deleting, alone and among others; a quiet answer tells of errors only.
tag = s3.put_object(**at, Body=b"test")["ETag"]
refused("PreconditionFailed", 412, s3.delete_object, **at, IfMatch='"other"')
s3.delete_object(**at, IfMatch=tag)
refused("PreconditionFailed", 412, s3.delete_object, **at, IfMatch="*")
for key in "abc":
    s3.put_object(Bucket=B, Key=key, Body=b"test")
gone = s3.delete_objects(Bucket=B, Delete={"Quiet": True, "Objects": [
    {"Key": "a"}, {"Key": "b", "ETag": '"other"'}, {"Key": "c", "ETag": tag}]})
same(("Deleted" in gone, [(e["Key"], e["Code"]) for e in gone["Errors"]]), (False, [("b", "PreconditionFailed")]))
same([o["Key"] for o in s3.list_objects_v2(Bucket=B)["Contents"]], ["b"])

# Conditions on a copy's source, of all four kinds.
source = {"CopySource": {"Bucket": B, "Key": "b"}}
now = datetime.datetime.now(datetime.timezone.utc)
day = datetime.timedelta(days=1)
for holds, fails in [({"CopySourceIfMatch": tag}, {"CopySourceIfMatch": '"x"'}),
                     ({"CopySourceIfNoneMatch": '"x"'}, {"CopySourceIfNoneMatch": tag}),
                     ({"CopySourceIfModifiedSince": now - day}, {"CopySourceIfModifiedSince": now - day, "CopySourceIfNoneMatch": tag}),
                     ({"CopySourceIfUnmodifiedSince": now + day}, {"CopySourceIfUnmodifiedSince": now - day})]:
    s3.copy_object(**at, **source, **holds)
    assert refused("PreconditionFailed", 412, s3.copy_object, **at, **source, **fails)["Condition"].startswith("x-amz-copy-source-If-")

# Every override of a response, in ISO 8859-1.
overrides = {"ResponseCacheControl": "private", "ResponseContentDisposition": "attachment", "ResponseContentEncoding": "br",
             "ResponseContentLanguage": "de", "ResponseContentType": "x/y"}
got = s3.get_object(**at, **overrides, ResponseExpires=now)
same({f"Response{name}": got[name] for name in ["CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage", "ContentType"]}, overrides)
assert got["ExpiresString"], got
signer = client(signature_version="s3v4")
url = signer.generate_presigned_url("get_object", Params={**at, "ResponseContentDisposition": 'attachment; filename="é.txt"'})
same(requests.get(url).headers["Content-Disposition"], 'attachment; filename="é.txt"')
url = signer.generate_presigned_url("get_object", Params={**at, "ResponseCacheControl": "—"})
answer = requests.get(url)
same(answer.status_code, 400)
assert "<Message>Header value cannot be represented using ISO-8859-1.</Message>" in answer.text, answer.text

# The MFA flag is kept and shown.
versions = {"Bucket": "mfa"}
s3.create_bucket(**versions)
assert "MFADelete" not in s3.get_bucket_versioning(**versions)
s3.put_bucket_versioning(**versions, VersioningConfiguration={"Status": "Enabled", "MFADelete": "Enabled"}, MFA="device 123456")
same((s3.get_bucket_versioning(**versions)["Status"], s3.get_bucket_versioning(**versions)["MFADelete"]), ("Enabled", "Enabled"))
s3.put_bucket_versioning(**versions, VersioningConfiguration={"Status": "Suspended"})
same(s3.get_bucket_versioning(**versions)["MFADelete"], "Enabled")
s3.put_bucket_versioning(**versions, VersioningConfiguration={"Status": "Suspended", "MFADelete": "Disabled"})
same(s3.get_bucket_versioning(**versions)["MFADelete"], "Disabled")
refused("MalformedXML", 400, s3.put_bucket_versioning, **versions, VersioningConfiguration={"Status": "Enabled", "MFADelete": "on"})

# Buckets: what their listing, their tags and their acceleration refuse.
error = refused("InvalidArgument", 400, s3.list_buckets, BucketRegion="eu-east-1")
same((error["Message"], error["ArgumentName"]), ("Argument value eu-east-1 is not a valid AWS Region", "bucket-region"))
same([b["Name"] for b in s3.list_buckets(BucketRegion="us-east-1", Prefix="rec")["Buckets"]], [B])
error = refused("InvalidTag", 400, s3.create_bucket, Bucket="tagged", CreateBucketConfiguration={"Tags": [{"Key": "aws:x", "Value": "y"}]})
assert error["Message"].startswith("User-defined tag keys can't start with"), error
s3.create_bucket(Bucket="with.dot")
same(refused("InvalidRequest", 400, s3.put_bucket_accelerate_configuration, Bucket="with.dot",
             AccelerateConfiguration={"Status": "Enabled"})["Message"],
     "S3 Transfer Acceleration is not supported for buckets with periods (.) in their names")
s3.put_bucket_accelerate_configuration(Bucket=B, AccelerateConfiguration={"Status": "Suspended"})
same(s3.get_bucket_accelerate_configuration(Bucket=B)["Status"], "Suspended")

# A presigned URL lives by the virtual clock: for whom it stands still, or has moved on, a new one is good.


def clock(order):
    request = urllib.request.Request(f"{ENDPOINT}/_devenv/clock", data=json.dumps(order).encode(), method="POST")
    request.add_header("content-type", "application/json")
    urllib.request.urlopen(request).read()


def get_url():
    """Signed in a later second than anything before: a URL tells only whole seconds."""
    second = int(time.time())
    while int(time.time()) == second:
        time.sleep(0.02)
    return signer.generate_presigned_url("get_object", Params=at, ExpiresIn=3600)


old = get_url()
same(requests.get(old).status_code, 200)
advance("30d")
answer = requests.get(old)
same((answer.status_code, "Request has expired" in answer.text), (403, True))
same(requests.get(get_url()).status_code, 200)
clock({"freeze": True})
same(requests.get(get_url()).status_code, 200)
clock({"resume": True})
