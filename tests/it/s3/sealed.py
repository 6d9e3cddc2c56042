"""SSE-KMS: keys of devenv's KMS, their ARNs in answers, and KMS's refusals as AWS was recorded to pass them on."""

import requests
from common import advance, body, client, kms, refused, s3, same

B = "sealed"
at = {"Bucket": B, "Key": "k"}


keys = kms()
s3.create_bucket(Bucket=B)
key = keys.create_key()["KeyMetadata"]
keys.create_alias(AliasName="alias/documents", TargetKeyId=key["KeyId"])
BY_KMS = {"ServerSideEncryption": "aws:kms"}

# By id, ARN, alias and alias ARN: what is answered is the key's ARN.
for name in [key["KeyId"], key["Arn"], "alias/documents", "arn:aws:kms:us-east-1:000000000000:alias/documents"]:
    put = s3.put_object(**at, Body=b"text", **BY_KMS, SSEKMSKeyId=name)
    same((put["ServerSideEncryption"], put["SSEKMSKeyId"]), ("aws:kms", key["Arn"]))
    got = s3.get_object(**at)
    same((got["Body"].read(), got["SSEKMSKeyId"]), (b"text", key["Arn"]))

# Without a name it is AWS's own key, which comes to be by its first use.
own = s3.put_object(**at, Body=b"own", **BY_KMS)["SSEKMSKeyId"]
managed = keys.describe_key(KeyId="alias/aws/s3")["KeyMetadata"]
same((managed["Arn"], managed["KeyManager"]), (own, "AWS"))
same(body(B, "k"), b"own")
same(s3.put_object(**at, Body=b"own", ServerSideEncryption="aws:kms:dsse")["SSEKMSKeyId"], own)

# A key that is not there.
real = "134f2428-cec1-4b25-a1ae-9048164dba47"
gone = f"Key 'arn:aws:kms:us-east-1:000000000000:key/{real}' does not exist"
west = kms("eu-west-1").create_key()["KeyMetadata"]
for name, told in [("fake-key-id", "Invalid keyId 'fake-key-id'"), (real, gone),
                   (f"arn:aws:kms:us-east-1:000000000000:key/{real}", gone),
                   (west["Arn"], "Invalid arn eu-west-1"),
                   (west["KeyId"], f"Key 'arn:aws:kms:us-east-1:000000000000:key/{west['KeyId']}' does not exist")]:
    by = {**BY_KMS, "SSEKMSKeyId": name}
    for call, more in [(s3.put_object, {"Body": b"never"}), (s3.create_multipart_upload, {}),
                       (s3.copy_object, {"CopySource": {"Bucket": B, "Key": "k"}})]:
        same(refused("KMS.NotFoundException", 400, call, **{**at, "Key": "other"}, **by, **more)["Message"], told)
refused("404", 404, s3.head_object, Bucket=B, Key="other")
signer = keys.create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
refused("KMS.InvalidKeyUsageException", 400, s3.put_object, **at, Body=b"x", **BY_KMS, SSEKMSKeyId=signer)

# A bucket in another region has its keys there.
west_s3 = client("eu-west-1")
west_s3.create_bucket(Bucket="sealed-west", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
put = s3.put_object(Bucket="sealed-west", Key="k", Body=b"x", **BY_KMS, SSEKMSKeyId=west["KeyId"])
same(put["SSEKMSKeyId"], west["Arn"])

# A bucket's default is looked up with each write; a header outweighs it.
s3.put_bucket_encryption(Bucket=B, ServerSideEncryptionConfiguration={"Rules": [{
    "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "alias/documents"},
    "BucketKeyEnabled": True}]})
put = s3.put_object(**at, Body=b"default")
same((put["SSEKMSKeyId"], put["BucketKeyEnabled"]), (key["Arn"], True))
second = keys.create_key()["KeyMetadata"]["Arn"]
keys.update_alias(AliasName="alias/documents", TargetKeyId=second)
same(s3.put_object(Bucket=B, Key="second", Body=b"x")["SSEKMSKeyId"], second)
same(s3.head_object(**at)["SSEKMSKeyId"], key["Arn"])
same(s3.copy_object(Bucket=B, Key="copied", CopySource={"Bucket": B, "Key": "k"})["SSEKMSKeyId"], second)
same(s3.put_object(Bucket=B, Key="plain", Body=b"plain", ServerSideEncryption="AES256")["ServerSideEncryption"], "AES256")
upload = s3.create_multipart_upload(Bucket=B, Key="parts", **BY_KMS, SSEKMSKeyId=key["KeyId"])
where = {"Bucket": B, "Key": "parts", "UploadId": upload["UploadId"]}
part = s3.upload_part(**where, PartNumber=1, Body=b"parts")
same((upload["SSEKMSKeyId"], part["SSEKMSKeyId"]), (key["Arn"], key["Arn"]))
form = client(signature_version="s3v4").generate_presigned_post(B, "form")
same(requests.post(form["url"], data=form["fields"], files={"file": b"x"}).status_code, 204)
same(s3.head_object(Bucket=B, Key="form")["SSEKMSKeyId"], second)

# Disabled: neither written nor read, until it is enabled again.
keys.disable_key(KeyId=key["KeyId"])
disabled = f"{key['Arn']} is disabled."
for call, more in [(s3.put_object, {"Body": b"never", **BY_KMS, "SSEKMSKeyId": key["Arn"]}), (s3.get_object, {}),
                   (s3.create_multipart_upload, {**BY_KMS, "SSEKMSKeyId": key["KeyId"]})]:
    same(refused("KMS.DisabledException", 400, call, **at, **more)["Message"], disabled)
refused("KMS.DisabledException", 400, s3.upload_part, **where, PartNumber=2, Body=b"more")
refused("KMS.DisabledException", 400, s3.copy_object, Bucket=B, Key="from", CopySource={"Bucket": B, "Key": "k"})
same(s3.head_object(**at)["ContentLength"], 7)
same(body(B, "second"), b"x")
s3.delete_object(Bucket=B, Key="copied")
keys.enable_key(KeyId=key["KeyId"])
same(body(B, "k"), b"default")
s3.complete_multipart_upload(**where, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
same(body(B, "parts"), b"parts")

# UpdateObjectEncryption wants a key that is there, too.
s3.update_object_encryption(Bucket=B, Key="plain", ObjectEncryption={"SSEKMS": {"KMSKeyArn": second}})
same((s3.head_object(Bucket=B, Key="plain")["SSEKMSKeyId"], body(B, "plain")), (second, b"plain"))
refused("KMS.NotFoundException", 400, s3.update_object_encryption, Bucket=B, Key="plain",
        ObjectEncryption={"SSEKMS": {"KMSKeyArn": f"arn:aws:kms:us-east-1:000000000000:key/{real}"}})

# Pending deletion, and gone.
keys.schedule_key_deletion(KeyId=key["KeyId"], PendingWindowInDays=7)
pending = f"{key['Arn']} is pending deletion."
same(refused("KMS.KMSInvalidStateException", 400, s3.get_object, **at)["Message"], pending)
refused("KMS.KMSInvalidStateException", 400, s3.put_object, **at, Body=b"x", **BY_KMS, SSEKMSKeyId=key["Arn"])
advance("8d")
refused("KMS.NotFoundException", 400, s3.get_object, **at)
s3.delete_object(**at)
