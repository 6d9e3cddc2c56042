"""boto3's own transfer manager (also from a pipe) and bodies left half read; only the standard variables."""

import hashlib
import io
import os
import threading

import boto3
from boto3.s3.transfer import TransferConfig

MIB = 1 << 20


class Pipe(io.RawIOBase):
    """A stream that has neither length nor position."""

    def __init__(self, content):
        self.rest = memoryview(content)

    def readable(self):
        return True

    def readinto(self, buffer):
        size = min(len(buffer), len(self.rest), 65_537)
        buffer[:size] = self.rest[:size]
        self.rest = self.rest[size:]
        return size


s3 = boto3.client("s3")
s3.create_bucket(Bucket="transfers")
large = os.urandom(MIB) * 64
digest = hashlib.sha256(large).hexdigest()

seen = []
lock = threading.Lock()


def progress(size):
    with lock:
        seen.append(size)


s3.upload_fileobj(io.BytesIO(large), "transfers", "large", Callback=progress)
assert sum(seen) == len(large)
head = s3.head_object(Bucket="transfers", Key="large", ChecksumMode="ENABLED")
assert head["ContentLength"] == len(large) and head["ETag"].endswith('-8"'), head
assert head["ChecksumType"] == "COMPOSITE" and head["ChecksumCRC32"].endswith("-8"), head
s3.download_file("transfers", "large", "large")
with open("large", "rb") as file:
    assert hashlib.file_digest(file, "sha256").hexdigest() == digest

# From a pipe of unknown length, in parts of five at a time.
s3.upload_fileobj(Pipe(large[: 13 * MIB]), "transfers", "piped", Config=TransferConfig(multipart_chunksize=5 * MIB))
back = io.BytesIO()
s3.download_fileobj("transfers", "piped", back, Config=TransferConfig(multipart_threshold=MIB, multipart_chunksize=MIB))
assert back.getvalue() == large[: 13 * MIB]
s3.copy({"Bucket": "transfers", "Key": "large"}, "transfers", "copied")
assert s3.head_object(Bucket="transfers", Key="copied")["ContentLength"] == len(large)

# A body read in small pieces and left half read does not hold up the next request.
half = s3.get_object(Bucket="transfers", Key="large")["Body"]
assert half.read(10) == large[:10]
half.close()
assert s3.head_object(Bucket="transfers", Key="large")["ETag"] == head["ETag"]
bucket = boto3.resource("s3").Bucket("transfers")
bucket.objects.all().delete()
bucket.delete()
