"""After a reset: nothing of `stale.py` is known any more."""

from common import body, refused, s3, same

for _ in range(2):
    refused("NoSuchBucket", 404, body, bucket="again", key="k")
s3.create_bucket(Bucket="again")
for _ in range(2):
    refused("NoSuchKey", 404, body, bucket="again", key="k")
s3.put_object(Bucket="again", Key="k", Body=b"anew")
same(body("again", "k"), b"anew")
