"""Listings of both versions, of versions and of uploads; pages, prefixes, encodings."""

from common import refused, s3, same

B = "lists"
s3.create_bucket(Bucket=B)
keys = ["a", "folder/aSub/one", "folder/aSub/two", "folder/file1", "folder/file2", "z +%ä", "z\x01"]
for key in keys:
    s3.put_object(Bucket=B, Key=key, Body=b"x")


def of(page):
    return ([o["Key"] for o in page.get("Contents", [])],
            [p["Prefix"] for p in page.get("CommonPrefixes", [])])


page = s3.list_objects_v2(Bucket=B)
same(sorted(of(page)[0]), sorted(keys))
same((page["KeyCount"], page["IsTruncated"], page["MaxKeys"]), (7, False, 1000))
assert "Owner" not in page["Contents"][0]
same(page["Contents"][0]["ChecksumAlgorithm"], ["CRC32"])
assert s3.list_objects_v2(Bucket=B, FetchOwner=True)["Contents"][0]["Owner"]["ID"]
page = s3.list_objects_v2(Bucket=B, Prefix="folder/", Delimiter="/")
same(of(page), (["folder/file1", "folder/file2"], ["folder/aSub/"]))
same(page["KeyCount"], 3)

# Page by page, as the paginator does it.
met = []
for page in s3.get_paginator("list_objects_v2").paginate(
        Bucket=B, Prefix="folder/", Delimiter="/", PaginationConfig={"PageSize": 1}):
    objects, prefixes = of(page)
    same(len(objects) + len(prefixes), 1)
    met += prefixes + objects
same(met, ["folder/aSub/", "folder/file1", "folder/file2"])
page = s3.list_objects(Bucket=B, Prefix="folder/", Delimiter="/", MaxKeys=1)
same((of(page), page["NextMarker"], page["IsTruncated"]), (([], ["folder/aSub/"]), "folder/aSub/", True))
page = s3.list_objects(Bucket=B, Prefix="folder/", Delimiter="/", MaxKeys=1, Marker="folder/aSub/one")
same(of(page), (["folder/file1"], []))
page = s3.list_objects(Bucket=B, MaxKeys=2)
assert page["IsTruncated"] and "NextMarker" not in page
same(of(s3.list_objects_v2(Bucket=B, StartAfter="folder/file1"))[0][0], "folder/file2")
same(of(s3.list_objects_v2(Bucket=B, MaxKeys=0)), ([], []))
same(refused("InvalidArgument", 400, s3.list_objects_v2, Bucket=B, ContinuationToken="!")["Message"],
     "The continuation token provided is incorrect")
same(refused("InvalidArgument", 400, s3.list_objects_v2, Bucket=B, EncodingType="value")["ArgumentName"],
     "encoding-type")
refused("NoSuchBucket", 404, s3.list_objects_v2, Bucket="nowhere")

# Uploads under way.
begun = [(key, s3.create_multipart_upload(Bucket=B, Key=key)["UploadId"])
         for key in ["u/1", "u/1", "u/2", "w"]]
page = s3.list_multipart_uploads(Bucket=B)
same([(u["Key"], u["UploadId"]) for u in page["Uploads"]], begun)
same((page["NextKeyMarker"], page["NextUploadIdMarker"]), begun[-1])
page = s3.list_multipart_uploads(Bucket=B, KeyMarker="u/1", UploadIdMarker=begun[0][1], MaxUploads=1)
same([u["UploadId"] for u in page["Uploads"]], [begun[1][1]])
same(page["IsTruncated"], True)
page = s3.list_multipart_uploads(Bucket=B, Delimiter="/")
same(([p["Prefix"] for p in page["CommonPrefixes"]], [u["Key"] for u in page["Uploads"]]), (["u/"], ["w"]))
same(refused("InvalidArgument", 400, s3.list_multipart_uploads, Bucket=B, KeyMarker="w",
             UploadIdMarker=begun[0][1])["Message"], "Invalid uploadId marker")
for key, upload in begun:
    s3.abort_multipart_upload(Bucket=B, Key=key, UploadId=upload)
refused("NoSuchUpload", 404, s3.abort_multipart_upload, Bucket=B, Key="w", UploadId=begun[-1][1])
