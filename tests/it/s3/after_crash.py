"""Everything that before_crash.py was told is kept is still there."""

from common import body, s3, same

for key, size in [("small", 10), ("large", 3_000_000)]:
    assert body("lasting", key) == b"\x01" * size
    versions = s3.list_object_versions(Bucket="lasting", Prefix=key)["Versions"]
    same(len(versions), 2)
    assert body("lasting", key, VersionId=versions[1]["VersionId"]) == b"\x00" * size
    same(s3.head_object(Bucket="lasting", Key=key)["Metadata"], {"n": "1"})
upload = s3.list_multipart_uploads(Bucket="lasting")["Uploads"][0]["UploadId"]
part = s3.list_parts(Bucket="lasting", Key="parts", UploadId=upload)["Parts"][0]
s3.complete_multipart_upload(Bucket="lasting", Key="parts", UploadId=upload, MultipartUpload={
    "Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
assert body("lasting", "parts") == b"p" * 6_000_000
same([m["Key"] for m in s3.list_object_versions(Bucket="lasting")["DeleteMarkers"]], ["gone"])
