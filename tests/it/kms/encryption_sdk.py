"""The AWS Encryption SDK over KMS: encrypt, decrypt, another context, data keys kept and used again."""

import aws_encryption_sdk
import boto3
import botocore.session
from aws_encryption_sdk import CommitmentPolicy
from aws_encryption_sdk.exceptions import AWSEncryptionSDKClientError

kms = boto3.client("kms")
keys = [kms.create_key()["KeyMetadata"]["Arn"] for _ in range(2)]
sdk = aws_encryption_sdk.EncryptionSDKClient(commitment_policy=CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT)


def provider(*arns):
    return aws_encryption_sdk.StrictAwsKmsMasterKeyProvider(key_ids=list(arns), botocore_session=botocore.session.Session())


text = b"medical history " * 10_000
context = {"tenant": "a", "kind": "document"}
sealed, header = sdk.encrypt(source=text, key_provider=provider(*keys), encryption_context=context)
assert text not in sealed
for arn in keys:
    opened, header = sdk.decrypt(source=sealed, key_provider=provider(arn))
    assert opened == text and context.items() <= header.encryption_context.items()
discovery = aws_encryption_sdk.DiscoveryAwsKmsMasterKeyProvider(botocore_session=botocore.session.Session())
assert sdk.decrypt(source=sealed, key_provider=discovery)[0] == text
other = kms.create_key()["KeyMetadata"]["Arn"]
for damaged, arn in ((sealed, other), (sealed.replace(b"tenant", b"Tenant"), keys[0])):
    try:
        sdk.decrypt(source=damaged, key_provider=provider(arn))
    except AWSEncryptionSDKClientError:
        pass
    else:
        raise AssertionError("it opened")

# A data key serves many messages: KMS is asked once.
asked = []
counted = botocore.session.Session()
counted.register("before-call.kms", lambda model, **_: asked.append(model.name))
master = aws_encryption_sdk.StrictAwsKmsMasterKeyProvider(key_ids=[keys[0]], botocore_session=counted)
manager = aws_encryption_sdk.CachingCryptoMaterialsManager(
    master_key_provider=master, cache=aws_encryption_sdk.LocalCryptoMaterialsCache(10), max_age=600.0,
    max_messages_encrypted=100)
messages = [sdk.encrypt(source=f"{n}".encode(), materials_manager=manager)[0] for n in range(5)]
for n, message in enumerate(messages):
    assert sdk.decrypt(source=message, materials_manager=manager)[0] == f"{n}".encode()
assert asked == ["GenerateDataKey", "Decrypt"], asked
