"""Leaves behind what after_crash.py must find."""

from common import s3

s3.create_bucket(Bucket="lasting")
s3.put_bucket_versioning(Bucket="lasting", VersioningConfiguration={"Status": "Enabled"})
for key, size in [("small", 10), ("large", 3_000_000)]:
    for n in range(2):
        s3.put_object(Bucket="lasting", Key=key, Body=bytes([n]) * size, Metadata={"n": str(n)})
upload = s3.create_multipart_upload(Bucket="lasting", Key="parts")["UploadId"]
s3.upload_part(Bucket="lasting", Key="parts", UploadId=upload, PartNumber=1, Body=b"p" * 6_000_000)
s3.put_object(Bucket="lasting", Key="gone", Body=b"g" * 100_000)
s3.delete_object(Bucket="lasting", Key="gone")
