"""Small objects are known by heart: whatever changes one, no read shows what was before.

Arguments: the endpoint, the state file. Each change is followed by reads that make the object known and
by reads that use it; then many clients read one key while it is written over and over.
"""

import sqlite3
import sys
import threading

from common import advance, client, refused, s3, same, until

STATE = sys.argv[2]
B = "known"
at = {"Bucket": B, "Key": "k"}
s3.create_bucket(Bucket=B)


def shown(**more):
    """What reads show now, the first by the disk and the others by heart."""
    found = set()
    for _ in range(3):
        try:
            got = s3.get_object(**{**at, **more})
            found.add((got["Body"].read().decode(), got.get("TagCount"), got.get("StorageClass"), got["ETag"]))
        except s3.exceptions.ClientError as error:
            found.add(error.response["Error"]["Code"])
    assert len(found) == 1, found
    return found.pop()


def text(**more):
    found = shown(**more)
    return found if isinstance(found, str) else found[0]


same(text(), "NoSuchKey")
s3.put_object(**at, Body=b"one")
same(text(), "one")
s3.put_object(**at, Body=b"two")
same(text(), "two")
s3.put_object(**at, Body=b"")
same(text(), "")
s3.put_object(**at, Body=b"x" * 20_000)
same(text(), "x" * 20_000)
s3.put_object(Bucket=B, Key="other", Body=b"copied")
s3.copy_object(**at, CopySource={"Bucket": B, "Key": "other"})
same(text(), "copied")
upload = s3.create_multipart_upload(**at)["UploadId"]
part = s3.upload_part(**at, UploadId=upload, PartNumber=1, Body=b"parts")
same(text(), "copied")
s3.complete_multipart_upload(**at, UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
same(text(), "parts")
s3.put_object_tagging(**at, Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
same(shown()[1], 1)
s3.delete_object_tagging(**at)
same(shown()[1], None)
s3.delete_objects(Bucket=B, Delete={"Objects": [{"Key": "k"}]})
same(text(), "NoSuchKey")

# Versions: what is newest changes without a write to the object itself.
s3.put_object(**at, Body=b"null")
s3.put_bucket_versioning(Bucket=B, VersioningConfiguration={"Status": "Enabled"})
same(text(), "null")
second = s3.put_object(**at, Body=b"second")["VersionId"]
same((text(), text(VersionId="null")), ("second", "null"))
marker = s3.delete_object(**at)["VersionId"]
same(text(), "NoSuchKey")
s3.delete_object(**at, VersionId=marker)
same(text(), "second")
s3.delete_object(**at, VersionId=second)
same(text(), "null")
s3.put_bucket_versioning(Bucket=B, VersioningConfiguration={"Status": "Suspended"})
s3.put_object(**at, Body=b"null again")
same(text(), "null again")
s3.put_bucket_versioning(Bucket=B, VersioningConfiguration={"Status": "Enabled"})

# Lifecycle: a colder class, then a delete marker.
s3.put_bucket_lifecycle_configuration(Bucket=B, LifecycleConfiguration={"Rules": [
    {"ID": "r", "Status": "Enabled", "Filter": {"ObjectSizeGreaterThan": 1}, "Expiration": {"Days": 10},
     "Transitions": [{"Days": 3, "StorageClass": "GLACIER_IR"}]}]})
same(shown()[2], None)
advance("4d")
until("a colder class", lambda: shown()[2] == "GLACIER_IR")
advance("8d")
until("a delete marker", lambda: s3.list_object_versions(**{"Bucket": B, "Prefix": "k"}).get("DeleteMarkers"))
same(text(), "NoSuchKey")
s3.delete_bucket_lifecycle(Bucket=B)

# A replica lies over what was known of the target.
s3.create_bucket(Bucket="replicas")
s3.put_bucket_versioning(Bucket="replicas", VersioningConfiguration={"Status": "Enabled"})
s3.put_object(Bucket="replicas", Key="k", Body=b"of the target")
same(text(Bucket="replicas"), "of the target")
s3.put_bucket_replication(Bucket=B, ReplicationConfiguration={"Role": "arn:aws:iam::000000000000:role/r", "Rules": [
    {"ID": "r", "Status": "Enabled", "Priority": 1, "Filter": {"Prefix": ""},
     "DeleteMarkerReplication": {"Status": "Disabled"}, "Destination": {"Bucket": "arn:aws:s3:::replicas"}}]})
s3.put_object(**at, Body=b"of the source")
until("a replica", lambda: s3.head_object(**at).get("ReplicationStatus") == "COMPLETED")
same((text(), text(Bucket="replicas")), ("of the source", "of the source"))
s3.delete_bucket_replication(Bucket=B)

# A commit that fails changes nothing, and nothing of it is shown.
file = sqlite3.connect(STATE, timeout=60, isolation_level=None)
file.execute("CREATE TRIGGER refusal BEFORE INSERT ON s3_versions BEGIN SELECT RAISE(ABORT, 'refused'); END")
refused("InternalError", 500, s3.put_object, **at, Body=b"never")
same(text(), "of the source")
refused("InternalError", 500, s3.delete_object, **at)
same(text(), "of the source")
file.execute("DROP TRIGGER refusal")
file.execute("CREATE TRIGGER refusal BEFORE DELETE ON s3_versions BEGIN SELECT RAISE(ABORT, 'refused'); END")
newest = s3.head_object(**at)["VersionId"]
refused("InternalError", 500, s3.delete_object, **at, VersionId=newest)
same(text(), "of the source")
file.execute("DROP TRIGGER refusal")
s3.delete_object(**at, VersionId=newest)
same(text(), "NoSuchKey")

# A bucket that is gone, and one of the same name.
s3.create_bucket(Bucket="again")
s3.put_object(Bucket="again", Key="k", Body=b"before")
same(text(Bucket="again"), "before")
s3.delete_object(Bucket="again", Key="k")
s3.delete_bucket(Bucket="again")
same(text(Bucket="again"), "NoSuchBucket")
s3.create_bucket(Bucket="again")
same(text(Bucket="again"), "NoSuchKey")

# Many readers beside a writer: each read shows a state between the last one acknowledged before it and
# the last one begun by its end.
WRITES = 400
states, begun, acknowledged, wrong = ["0"], 0, 0, []
s3.put_object(Bucket="again", Key="hot", Body=b"0")


def read_on():
    own = client()
    while acknowledged < WRITES and not wrong:
        low = acknowledged
        try:
            got = own.get_object(Bucket="again", Key="hot")["Body"].read().decode()
        except own.exceptions.NoSuchKey:
            got = None
        high = begun
        if got not in states[low:high + 1]:
            wrong.append((low, high, got, states[low:high + 1]))


readers = [threading.Thread(target=read_on) for _ in range(4)]
for reader in readers:
    reader.start()
for n in range(1, WRITES + 1):
    gone = n % 5 == 0
    states.append(None if gone else str(n))
    begun = n
    if gone:
        s3.delete_object(Bucket="again", Key="hot")
    else:
        s3.put_object(Bucket="again", Key="hot", Body=str(n).encode())
    acknowledged = n
for reader in readers:
    reader.join()
assert not wrong, wrong[0]

# Left for a reset to sweep away.
s3.put_object(Bucket="again", Key="k", Body=b"of before the reset")
same(text(Bucket="again"), "of before the reset")
