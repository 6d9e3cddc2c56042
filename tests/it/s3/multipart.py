"""Uploads in parts, copies of objects and of parts, and their checksums."""

import hashlib
import os

import boto3.s3.transfer
from common import body, client, refused, s3, same

B = "parts"
MIB = 1024 * 1024
s3.create_bucket(Bucket=B)
data = os.urandom(5 * MIB) + os.urandom(3 * MIB)

# As the SDK's transfer manager does it, with the checksums that it sends by default.
config = boto3.s3.transfer.TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB)
with open("up.bin", "wb") as file:
    file.write(data)
s3.upload_file("up.bin", B, "transfer", Config=config)
s3.download_file(B, "transfer", "down.bin", Config=config)
with open("down.bin", "rb") as file:
    assert file.read() == data
for name in ["up.bin", "down.bin"]:
    os.unlink(name)
digests = b"".join(hashlib.md5(part).digest() for part in [data[:5 * MIB], data[5 * MIB:]])
head = s3.head_object(Bucket=B, Key="transfer")
same(head["ETag"], f'"{hashlib.md5(digests).hexdigest()}-2"')
part = s3.get_object(Bucket=B, Key="transfer", PartNumber=2)
assert part["Body"].read() == data[5 * MIB:]
same((part["PartsCount"], part["ContentRange"]), (2, f"bytes {5 * MIB}-{8 * MIB - 1}/{8 * MIB}"))
refused("InvalidPartNumber", 416, s3.get_object, Bucket=B, Key="transfer", PartNumber=3)
assert body(B, "transfer", Range=f"bytes={5 * MIB - 3}-{5 * MIB + 2}") == data[5 * MIB - 3:5 * MIB + 3]
attributes = s3.get_object_attributes(Bucket=B, Key="transfer", ObjectAttributes=["ObjectParts", "Checksum"])
same(attributes["ObjectParts"]["TotalPartsCount"], 2)

# By hand, with AWS's refusals.
plain = client(request_checksum_calculation="when_required")
upload = plain.create_multipart_upload(Bucket=B, Key="k", Metadata={"a": "b"})["UploadId"]
where = {"Bucket": B, "Key": "k", "UploadId": upload}
same(refused("InvalidArgument", 400, plain.upload_part, **where, PartNumber=-1, Body=b"")["ArgumentName"], "partNumber")
tags = [plain.upload_part(**where, PartNumber=n, Body=b"tiny")["ETag"] for n in [1, 2]]
page = plain.list_parts(**where, MaxParts=1)
same(([p["PartNumber"] for p in page["Parts"]], page["IsTruncated"], page["NextPartNumberMarker"]), ([1], True, 1))


def complete(parts, **more):
    return {**where, "MultipartUpload": {"Parts": [{"PartNumber": n, "ETag": t} for n, t in parts]}, **more}


same(refused("EntityTooSmall", 400, plain.complete_multipart_upload,
             **complete([(1, tags[0]), (2, tags[1])]))["MinSizeAllowed"], "5242880")
refused("InvalidPartOrder", 400, plain.complete_multipart_upload, **complete([(2, tags[1]), (1, tags[0])]))
refused("InvalidPart", 400, plain.complete_multipart_upload, **complete([(3, tags[1])]))
refused("InvalidRequest", 400, plain.complete_multipart_upload, **complete([(1, tags[0])], MpuObjectSize=5))
done = plain.complete_multipart_upload(**complete([(1, tags[0])]))
same((done["ETag"], done["ChecksumType"]), (f'"{hashlib.md5(hashlib.md5(b"tiny").digest()).hexdigest()}-1"', "FULL_OBJECT"))
assert done["ChecksumCRC64NVME"]
same((body(B, "k"), s3.head_object(Bucket=B, Key="k")["Metadata"]), (b"tiny", {"a": "b"}))
refused("NoSuchUpload", 404, plain.list_parts, **where)

# Composite checksums, and one over the whole.
for algorithm, kind in [("SHA256", "COMPOSITE"), ("CRC32", "COMPOSITE"), ("CRC32", "FULL_OBJECT")]:
    begun = s3.create_multipart_upload(Bucket=B, Key="sum", ChecksumAlgorithm=algorithm, ChecksumType=kind)
    where = {"Bucket": B, "Key": "sum", "UploadId": begun["UploadId"]}
    parts = []
    for number, piece in enumerate([data[:5 * MIB], data[5 * MIB:]], 1):
        got = s3.upload_part(**where, PartNumber=number, Body=piece, ChecksumAlgorithm=algorithm)
        parts.append({"PartNumber": number, "ETag": got["ETag"], f"Checksum{algorithm}": got[f"Checksum{algorithm}"]})
    refused("InvalidRequest", 400, s3.upload_part, **where, PartNumber=3, Body=b"x",
            ChecksumAlgorithm="SHA1")
    done = s3.complete_multipart_upload(**where, MultipartUpload={"Parts": parts})
    same(done["ChecksumType"], kind)
    whole = done[f"Checksum{algorithm}"]
    same(whole.endswith("-2"), kind == "COMPOSITE")
    got = s3.head_object(Bucket=B, Key="sum", ChecksumMode="ENABLED")
    same((got[f"Checksum{algorithm}"], got["ChecksumType"]), (whole, kind))
once = s3.put_object(Bucket=B, Key="once", Body=data, ChecksumAlgorithm="CRC32")
same(whole, once["ChecksumCRC32"])
refused("InvalidRequest", 400, s3.create_multipart_upload, Bucket=B, Key="x",
        ChecksumAlgorithm="SHA256", ChecksumType="FULL_OBJECT")

# Copies.
copied = s3.copy_object(Bucket=B, Key="copy", CopySource={"Bucket": B, "Key": "transfer"})
same(copied["CopyObjectResult"]["ETag"], f'"{hashlib.md5(data).hexdigest()}"')
s3.delete_object(Bucket=B, Key="transfer")
assert body(B, "copy") == data
s3.put_object(Bucket=B, Key="ä +", Body=b"0123456789", Metadata={"m": "1"}, Tagging="t=1", ContentType="a/b")
s3.copy_object(Bucket=B, Key="c1", CopySource={"Bucket": B, "Key": "ä +"})
head = s3.head_object(Bucket=B, Key="c1")
same((head["Metadata"], head["ContentType"]), ({"m": "1"}, "a/b"))
same(s3.get_object_tagging(Bucket=B, Key="c1")["TagSet"], [{"Key": "t", "Value": "1"}])
s3.copy_object(Bucket=B, Key="c1", CopySource={"Bucket": B, "Key": "ä +"}, MetadataDirective="REPLACE",
               Metadata={"n": "2"}, TaggingDirective="REPLACE", Tagging="u=2")
same(s3.head_object(Bucket=B, Key="c1")["Metadata"], {"n": "2"})
same(s3.get_object_tagging(Bucket=B, Key="c1")["TagSet"], [{"Key": "u", "Value": "2"}])
refused("InvalidRequest", 400, s3.copy_object, Bucket=B, Key="c1", CopySource={"Bucket": B, "Key": "c1"})
s3.copy_object(Bucket=B, Key="c1", CopySource={"Bucket": B, "Key": "c1"}, StorageClass="STANDARD_IA")
same((body(B, "c1"), s3.head_object(Bucket=B, Key="c1")["StorageClass"]), (b"0123456789", "STANDARD_IA"))
same(refused("NoSuchKey", 404, s3.copy_object, Bucket=B, Key="c", CopySource={"Bucket": B, "Key": "no"})["Key"], "no")
refused("NoSuchBucket", 404, s3.copy_object, Bucket=B, Key="c", CopySource={"Bucket": "no-such", "Key": "no"})
same(refused("PreconditionFailed", 412, s3.copy_object, Bucket=B, Key="c",
             CopySource={"Bucket": B, "Key": "c1"}, CopySourceIfMatch="no")["Condition"],
     "x-amz-copy-source-If-Match")
refused("PreconditionFailed", 412, s3.copy_object, Bucket=B, Key="copy", IfNoneMatch="*",
        CopySource={"Bucket": B, "Key": "c1"})
upload = s3.create_multipart_upload(Bucket=B, Key="joined")["UploadId"]
where = {"Bucket": B, "Key": "joined", "UploadId": upload}
first = s3.upload_part_copy(**where, PartNumber=1, CopySource={"Bucket": B, "Key": "copy"},
                            CopySourceRange=f"bytes=1-{5 * MIB}")["CopyPartResult"]["ETag"]
second = s3.upload_part_copy(**where, PartNumber=2, CopySource={"Bucket": B, "Key": "c1"})["CopyPartResult"]["ETag"]
refused("InvalidArgument", 400, s3.upload_part_copy, **where, PartNumber=3,
        CopySource={"Bucket": B, "Key": "c1"}, CopySourceRange="bytes=0-100")
s3.complete_multipart_upload(**where, MultipartUpload={"Parts": [
    {"PartNumber": 1, "ETag": first}, {"PartNumber": 2, "ETag": second}]})
for key in ["copy", "c1"]:
    s3.delete_object(Bucket=B, Key=key)
assert body(B, "joined") == data[1:5 * MIB + 1] + b"0123456789"
