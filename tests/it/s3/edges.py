"""The edges that recordings of AWS and its documentation settle: checksums of parts, listings, ranges."""

import base64
import hashlib
import zlib

from common import body, client, refused, s3, same

B = "edges"
MIB = 1024 * 1024
s3.create_bucket(Bucket=B)
plain = client(request_checksum_calculation="when_required")


def crc32(data):
    return base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()


# A part of an upload with checksums shows its own, with the upload's type.
for kind in ["COMPOSITE", "FULL_OBJECT"]:
    upload = s3.create_multipart_upload(Bucket=B, Key=kind, ChecksumAlgorithm="CRC32", ChecksumType=kind)["UploadId"]
    where = {"Bucket": B, "Key": kind, "UploadId": upload}
    pieces = {2: b"a" * 5 * MIB, 7: b"b" * 10}
    parts = []
    for number, data in pieces.items():
        tag = s3.upload_part(**where, PartNumber=number, Body=data, ChecksumAlgorithm="CRC32")["ETag"]
        parts.append({"PartNumber": number, "ETag": tag, "ChecksumCRC32": crc32(data)})
    s3.complete_multipart_upload(**where, MultipartUpload={"Parts": parts})
    for read in [s3.get_object, s3.head_object]:
        got = read(Bucket=B, Key=kind, PartNumber=7, ChecksumMode="ENABLED")
        same((got["ChecksumCRC32"], got["ChecksumType"], got["PartsCount"], got["ContentLength"]),
             (crc32(pieces[7]), kind, 2, 10))
    # Numbers with gaps: what was not uploaded is not there.
    same(refused("InvalidPartNumber", 416, s3.get_object, Bucket=B, Key=kind, PartNumber=1)["ActualPartCount"], "2")
    shown = s3.get_object_attributes(Bucket=B, Key=kind, ObjectAttributes=["ObjectParts", "Checksum"])
    same(shown["ObjectParts"]["TotalPartsCount"], 2)
    same([p["PartNumber"] for p in shown["ObjectParts"].get("Parts", [])], [2, 7] if kind == "COMPOSITE" else [])
    same(shown["Checksum"]["ChecksumType"], kind)
# An object that was not uploaded in parts is its own first part.
s3.put_object(Bucket=B, Key="one", Body=b"test-123", ChecksumAlgorithm="CRC32")
got = s3.get_object(Bucket=B, Key="one", PartNumber=1, ChecksumMode="ENABLED")
same((got["Body"].read(), got["ChecksumCRC32"]), (b"test-123", crc32(b"test-123")))
same(refused("InvalidPartNumber", 416, s3.get_object, Bucket=B, Key="one", PartNumber=2)["ActualPartCount"], "1")
refused("InvalidRequest", 400, s3.get_object, Bucket=B, Key="one", PartNumber=1, Range="bytes=0-1")

# Checksums that a client brings, with values known beforehand; awscrt need not be there.
for name, value in [("CRC32", "y/Q5Jg=="), ("CRC32C", "4waSgw=="), ("CRC64NVME", "rosUhgp5mIg="),
                    ("SHA1", base64.b64encode(hashlib.sha1(b"123456789").digest()).decode()),
                    ("SHA256", base64.b64encode(hashlib.sha256(b"123456789").digest()).decode())]:
    put = plain.put_object(Bucket=B, Key="sum", Body=b"123456789", **{f"Checksum{name}": value})
    same((put[f"Checksum{name}"], put["ChecksumType"]), (value, "FULL_OBJECT"))
    got = plain.head_object(Bucket=B, Key="sum", ChecksumMode="ENABLED")
    same(got[f"Checksum{name}"], value)
    assert f"Checksum{name}" not in plain.head_object(Bucket=B, Key="sum")
    # Of a range there is no checksum.
    assert f"Checksum{name}" not in plain.get_object(Bucket=B, Key="sum", Range="bytes=0-3", ChecksumMode="ENABLED")
    same(refused("InvalidRequest", 400, plain.put_object, Bucket=B, Key="sum", Body=b"1",
                 **{f"Checksum{name}": "no base64"})["Message"], f"Value for x-amz-checksum-{name.lower()} header is invalid.")
    same(refused("BadDigest", 400, plain.put_object, Bucket=B, Key="sum", Body=b"1",
                 **{f"Checksum{name}": value})["Message"],
         f"The {name} you specified did not match the calculated checksum.")
refused("InvalidRequest", 400, plain.put_object, Bucket=B, Key="sum", Body=b"123456789",
        ChecksumCRC32="y/Q5Jg==", ChecksumCRC32C="4waSgw==")
same(body(B, "sum"), b"123456789")

# Completing: what is said of size and checksum of the whole is held against what was uploaded.
upload = plain.create_multipart_upload(Bucket=B, Key="whole", ChecksumAlgorithm="CRC32C", ChecksumType="FULL_OBJECT")["UploadId"]
where = {"Bucket": B, "Key": "whole", "UploadId": upload}
tag = plain.upload_part(**where, PartNumber=1, Body=b"123456789")["ETag"]
named = {"MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": tag}]}}
same(refused("BadDigest", 400, plain.complete_multipart_upload, **where, **named, ChecksumCRC32C="AAAAAA==")["Message"],
     "The crc32c you specified did not match the calculated checksum.")
same(refused("InvalidRequest", 400, plain.complete_multipart_upload, **where, **named, ChecksumType="COMPOSITE")["Message"],
     "The upload was created using the FULL_OBJECT checksum mode. The complete request must use the same checksum mode.")
same(refused("InvalidRequest", 400, plain.complete_multipart_upload, **where, **named, MpuObjectSize=5)["Message"],
     "The provided 'x-amz-mp-object-size' header value 5 does not match what was computed: 9")
refused("MalformedXML", 400, plain.complete_multipart_upload, **where)
done = plain.complete_multipart_upload(**where, **named, ChecksumCRC32C="4waSgw==", MpuObjectSize=9)
same((done["ChecksumCRC32C"], done["ChecksumType"]), ("4waSgw==", "FULL_OBJECT"))
for number in [0, 10_001]:
    refused("InvalidArgument", 400, plain.upload_part, Bucket=B, Key="k", UploadId=upload, PartNumber=number, Body=b"")

# Keys as odd as S3 takes them, in every listing, page by page.
odd = ["a//b", "a/", "/", "//", "ä/ö", "b +c", "d%2Fe", "e&<>\"'", "f\x7f", "g\u0001", "h\ud7ff", "i\U0001f600",
       "j" * 1024, " ", "k\n", "\u00e9", "e\u0301"]
O = "odd-keys"
s3.create_bucket(Bucket=O)
s3.put_bucket_versioning(Bucket=O, VersioningConfiguration={"Status": "Enabled"})
for key in odd:
    s3.put_object(Bucket=O, Key=key, Body=key.encode())
order = sorted(odd, key=str.encode)
for operation, of in [("list_objects_v2", "Contents"), ("list_objects", "Contents"), ("list_object_versions", "Versions")]:
    for size in [1, 3, 1000]:
        pages = s3.get_paginator(operation).paginate(Bucket=O, PaginationConfig={"PageSize": size})
        same([o["Key"] for page in pages for o in page.get(of, [])], order)
    pages = s3.get_paginator(operation).paginate(Bucket=O, Delimiter="/", PaginationConfig={"PageSize": 2})
    pages = list(pages)
    met = [o["Key"] for page in pages for o in page.get(of, [])]
    prefixes = [p["Prefix"] for page in pages for p in page.get("CommonPrefixes", [])]
    same(met, [k for k in order if "/" not in k])
    same(prefixes, sorted({k[:k.index("/") + 1] for k in odd if "/" in k}, key=str.encode))
for key in odd:
    same(body(O, key), key.encode())
refused("KeyTooLongError", 400, s3.put_object, Bucket=O, Key="j" * 1025, Body=b"")
# An answer without encoding-type names a control character as AWS does, which XML 1.0 cannot read.
s3.delete_object(Bucket=O, Key="g\u0001")
readable = [k for k in odd if "\u0001" not in k]
gone = s3.delete_objects(Bucket=O, Delete={"Objects": [{"Key": k} for k in readable]})
same(len(gone["Deleted"]), len(readable))
same(s3.list_objects_v2(Bucket=O)["KeyCount"], 0)

# What AWS's listings refuse and leave out.
for operation in [s3.list_objects, s3.list_objects_v2, s3.list_object_versions, s3.list_multipart_uploads]:
    for wrong in ["value", ""]:
        same(refused("InvalidArgument", 400, operation, Bucket=B, EncodingType=wrong)["Message"],
             "Invalid Encoding Method specified in Request")
page = s3.list_objects_v2(Bucket=B, MaxKeys=1)
page = s3.list_objects_v2(Bucket=B, StartAfter="zzz", ContinuationToken=page["NextContinuationToken"])
assert "StartAfter" not in page and page["Contents"], page
for key in ["p/1", "p/2", "q/1"]:
    s3.create_multipart_upload(Bucket=B, Key=key)
page = s3.list_multipart_uploads(Bucket=B, Delimiter="/", MaxUploads=1)
same((page["IsTruncated"], page["NextKeyMarker"], [p["Prefix"] for p in page["CommonPrefixes"]]), (True, "", ["p/"]))
page = s3.list_multipart_uploads(Bucket=B, Prefix="q/", KeyMarker="a")
same([u["Key"] for u in page["Uploads"]], ["q/1"])
refused("InvalidArgument", 400, s3.list_objects_v2, Bucket=B, MaxKeys=-1)

# Ranges and overrides of responses.
s3.put_object(Bucket=B, Key="ten", Body=b"0123456789")
for asked, got in [("bytes=0-3", b"0123"), ("bytes=-3", b"789"), ("bytes=8-", b"89"), ("bytes=0-99", b"0123456789")]:
    answer = s3.get_object(Bucket=B, Key="ten", Range=asked)
    same((answer["Body"].read(), answer["ResponseMetadata"]["HTTPStatusCode"]), (got, 206))
for asked in ["bytes=5-2", "bytes=0-1,3-4", "chars=0-1", "bytes=-"]:
    answer = s3.get_object(Bucket=B, Key="ten", Range=asked)
    same((len(answer["Body"].read()), answer["ResponseMetadata"]["HTTPStatusCode"]), (10, 200))
same(refused("InvalidRange", 416, s3.get_object, Bucket=B, Key="ten", Range="bytes=10-")["ActualObjectSize"], "10")
s3.put_object(Bucket=B, Key="none", Body=b"")
refused("InvalidRange", 416, s3.get_object, Bucket=B, Key="none", Range="bytes=0-")
same(s3.get_object(Bucket=B, Key="none")["Body"].read(), b"")

# A copy while its source is replaced over and over takes one or the other, whole.
s3.put_object(Bucket=B, Key="large", Body=b"x" * 300_000)
for n in range(20):
    s3.put_object(Bucket=B, Key="large", Body=bytes([n]) * 300_000)
    s3.copy_object(Bucket=B, Key="copied", CopySource={"Bucket": B, "Key": "large"})
    same(body(B, "copied"), bytes([n]) * 300_000)
