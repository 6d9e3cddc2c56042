"""Versioning: ids, delete markers, the version null, listing, deleting."""

from common import body, refused, s3, same

B = "versions"
s3.create_bucket(Bucket=B)
assert "Status" not in s3.get_bucket_versioning(Bucket=B)
s3.put_object(Bucket=B, Key="k", Body=b"before")
refused("InvalidArgument", 400, s3.get_object, Bucket=B, Key="k", VersionId="HPniJFCxqTsMuIH9KX8K8wEjNUgmABCD")
same(body(B, "k", VersionId="null"), b"before")
refused("MalformedXML", 400, s3.put_bucket_versioning, Bucket=B, VersioningConfiguration={"Status": "enabled"})
s3.put_bucket_versioning(Bucket=B, VersioningConfiguration={"Status": "Enabled"})
same(s3.get_bucket_versioning(Bucket=B)["Status"], "Enabled")
one = s3.put_object(Bucket=B, Key="k", Body=b"one")["VersionId"]
two = s3.put_object(Bucket=B, Key="k", Body=b"two" * 10_000)["VersionId"]
same((body(B, "k"), body(B, "k", VersionId=one)), (b"two" * 10_000, b"one"))
marker = s3.delete_object(Bucket=B, Key="k")
same(marker["DeleteMarker"], True)
refused("NoSuchKey", 404, s3.get_object, Bucket=B, Key="k")
refused("405", 405, s3.head_object, Bucket=B, Key="k", VersionId=marker["VersionId"])
same(refused("MethodNotAllowed", 405, s3.get_object, Bucket=B, Key="k",
             VersionId=marker["VersionId"])["ResourceType"], "DeleteMarker")
page = s3.list_object_versions(Bucket=B)
same([(v["VersionId"], v["IsLatest"]) for v in page["DeleteMarkers"]], [(marker["VersionId"], True)])
same([(v["VersionId"], v["IsLatest"], v["Size"]) for v in page["Versions"]],
     [(two, False, 30_000), (one, False, 3), ("null", False, 6)])
same(s3.list_objects_v2(Bucket=B)["KeyCount"], 0)
met = []
for page in s3.get_paginator("list_object_versions").paginate(Bucket=B, PaginationConfig={"PageSize": 1}):
    met += [v["VersionId"] for v in page.get("DeleteMarkers", []) + page.get("Versions", [])]
same(met, [marker["VersionId"], two, one, "null"])
same(refused("BucketNotEmpty", 409, s3.delete_bucket, Bucket=B)["Message"],
     "The bucket you tried to delete is not empty. You must delete all versions in the bucket.")

gone = s3.delete_object(Bucket=B, Key="k", VersionId=marker["VersionId"])
same((gone["DeleteMarker"], gone["VersionId"]), (True, marker["VersionId"]))
same(body(B, "k"), b"two" * 10_000)
s3.put_bucket_versioning(Bucket=B, VersioningConfiguration={"Status": "Suspended"})
put = s3.put_object(Bucket=B, Key="k", Body=b"null again")
assert "VersionId" not in put
same(body(B, "k", VersionId="null"), b"null again")
same(s3.delete_object(Bucket=B, Key="k")["VersionId"], "null")
s3.delete_object(Bucket=B, Key="k", VersionId=one)
refused("NoSuchVersion", 404, s3.get_object, Bucket=B, Key="k", VersionId=one)
outcome = s3.delete_objects(Bucket=B, Delete={"Objects": [
    {"Key": "k", "VersionId": two}, {"Key": "k", "VersionId": "null"}, {"Key": "k", "VersionId": one}]})
same([(d["VersionId"], d.get("DeleteMarker")) for d in outcome["Deleted"]], [(two, None), ("null", True)])
same([e["Code"] for e in outcome["Errors"]], ["NoSuchVersion"])
s3.delete_bucket(Bucket=B)
