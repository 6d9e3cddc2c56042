"""Every operation of KMS by boto3, each answer in its shape, signatures and keys checked by `cryptography`.

`life.py before KEEP` leaves keys and ciphertexts behind; `life.py after KEEP` finds them after a kill.
"""

import hashlib
import hmac
import json
import os
import sys

import boto3
from common import ANSWERED, advance, client, refused
from cryptography.hazmat.primitives import hashes, keywrap, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

kms = client()
ROOT = "arn:aws:iam::000000000000:root"
# What must never lie on disk in clear.
PLAINTEXT = b"devenv-plaintext-that-nobody-may-find"


def new(**arguments):
    return kms.create_key(**arguments)["KeyMetadata"]


def encryption():
    key = new(Description="one", Tags=[{"TagKey": "team", "TagValue": "a"}])
    context = {"purpose": "test", "tenant": "1"}
    made = kms.encrypt(KeyId=key["KeyId"], Plaintext=PLAINTEXT, EncryptionContext=context)
    assert made["KeyId"] == key["Arn"]
    opened = kms.decrypt(CiphertextBlob=made["CiphertextBlob"], EncryptionContext=context)
    assert opened["Plaintext"] == PLAINTEXT and opened["KeyMaterialId"] == key["CurrentKeyMaterialId"]
    for wrong in ({}, {"EncryptionContext": {**context, "more": "1"}}):
        refused("InvalidCiphertextException", kms.decrypt, "", CiphertextBlob=made["CiphertextBlob"], **wrong)
    for hostile in (b"x", made["CiphertextBlob"][:-1], b"\1\2\2\0\x78" + b"\0" * 200, made["CiphertextBlob"] * 2):
        refused("InvalidCiphertextException", kms.decrypt, CiphertextBlob=hostile, EncryptionContext=context)
    other = new()
    refused("IncorrectKeyException", kms.decrypt, KeyId=other["KeyId"], EncryptionContext=context,
            CiphertextBlob=made["CiphertextBlob"])
    moved = kms.re_encrypt(CiphertextBlob=made["CiphertextBlob"], SourceEncryptionContext=context,
                           DestinationKeyId=other["KeyId"], DestinationEncryptionContext={"b": "2"})
    assert (moved["SourceKeyId"], moved["KeyId"]) == (key["Arn"], other["Arn"])
    assert kms.decrypt(CiphertextBlob=moved["CiphertextBlob"], EncryptionContext={"b": "2"})["Plaintext"] == PLAINTEXT
    refused("DryRunOperationException", kms.encrypt,
            "The request would have succeeded, but the DryRun option is set.",
            KeyId=key["KeyId"], Plaintext=b"x", DryRun=True)
    refused("DryRunOperationException", kms.decrypt, KeyId=key["KeyId"], DryRun=True,
            DryRunModifiers=["IGNORE_CIPHERTEXT"])
    refused("ValidationException", kms.encrypt, "1 validation error detected: Value at 'plaintext' failed to satisfy"
            " constraint: Member must have length less than or equal to 4096", KeyId=key["KeyId"],
            Plaintext=b"x" * 4097)
    data = kms.generate_data_key(KeyId=key["KeyId"], KeySpec="AES_256", EncryptionContext=context)
    assert len(data["Plaintext"]) == 32
    assert kms.decrypt(CiphertextBlob=data["CiphertextBlob"], EncryptionContext=context)["Plaintext"] == data["Plaintext"]
    hidden = kms.generate_data_key_without_plaintext(KeyId=key["KeyId"], NumberOfBytes=64)
    assert len(kms.decrypt(CiphertextBlob=hidden["CiphertextBlob"])["Plaintext"]) == 64
    for spec in ("RSA_2048", "ECC_NIST_P384", "ECC_SECG_P256K1", "ECC_NIST_EDWARDS25519"):
        pair = kms.generate_data_key_pair(KeyId=key["KeyId"], KeyPairSpec=spec)
        private = serialization.load_der_private_key(pair["PrivateKeyPlaintext"], None)
        assert private.public_key() == serialization.load_der_public_key(pair["PublicKey"])
        opened = kms.decrypt(CiphertextBlob=pair["PrivateKeyCiphertextBlob"])
        assert opened["Plaintext"] == pair["PrivateKeyPlaintext"]
    kms.generate_data_key_pair_without_plaintext(KeyId=key["KeyId"], KeyPairSpec="ECC_NIST_P256")
    assert len(kms.generate_random(NumberOfBytes=91)["Plaintext"]) == 91
    refused("ValidationException", kms.generate_random, "NumberOfBytes is required.")
    used = kms.get_key_last_usage(KeyId=key["KeyId"])
    assert used["KeyLastUsage"]["Operation"] == "GenerateDataKeyPairWithoutPlaintext", used


def asymmetric():
    key = new(KeySpec="RSA_2048", KeyUsage="ENCRYPT_DECRYPT")
    public = serialization.load_der_public_key(kms.get_public_key(KeyId=key["KeyId"])["PublicKey"])
    for how, digest, most in (("RSAES_OAEP_SHA_1", hashes.SHA1(), 214), ("RSAES_OAEP_SHA_256", hashes.SHA256(), 190)):
        text = public.encrypt(b"hi", padding.OAEP(padding.MGF1(digest), digest, None))
        assert kms.decrypt(KeyId=key["Arn"], CiphertextBlob=text, EncryptionAlgorithm=how)["Plaintext"] == b"hi"
        refused("ValidationException", kms.encrypt,
                f"Algorithm {how} and key spec RSA_2048 cannot encrypt data larger than {most} bytes.",
                KeyId=key["KeyId"], Plaintext=b"x" * (most + 1), EncryptionAlgorithm=how)
    refused("InvalidKeyUsageException", kms.sign, KeyId=key["KeyId"], Message=b"x",
            SigningAlgorithm="RSASSA_PSS_SHA_256")
    signatures("RSA_2048")
    for spec in ("ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521", "ECC_SECG_P256K1", "ECC_NIST_EDWARDS25519"):
        signatures(spec)
    mac = new(KeySpec="HMAC_384", KeyUsage="GENERATE_VERIFY_MAC")["KeyId"]
    code = kms.generate_mac(KeyId=mac, Message=b"m", MacAlgorithm="HMAC_SHA_384")["Mac"]
    assert kms.verify_mac(KeyId=mac, Message=b"m", MacAlgorithm="HMAC_SHA_384", Mac=code)["MacValid"]
    refused("KMSInvalidMacException", kms.verify_mac, "", KeyId=mac, Message=b"n", MacAlgorithm="HMAC_SHA_384", Mac=code)
    refused("InvalidKeyUsageException", kms.generate_mac, "Algorithm HMAC_SHA_256 is incompatible with key spec HMAC_384.",
            KeyId=mac, Message=b"m", MacAlgorithm="HMAC_SHA_256")
    agree = new(KeySpec="ECC_NIST_P256", KeyUsage="KEY_AGREEMENT")["KeyId"]
    own = ec.generate_private_key(ec.SECP256R1())
    der = own.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    secret = kms.derive_shared_secret(KeyId=agree, KeyAgreementAlgorithm="ECDH", PublicKey=der)["SharedSecret"]
    theirs = serialization.load_der_public_key(kms.get_public_key(KeyId=agree)["PublicKey"])
    assert secret == own.exchange(ec.ECDH(), theirs)
    lattice = new(KeySpec="ML_KEM_768", KeyUsage="ENCAPSULATE_DECAPSULATE")["KeyId"]
    made = kms.encapsulate(KeyId=lattice, EncapsulationAlgorithm="ML_KEM")
    back = kms.decapsulate(KeyId=lattice, EncapsulationAlgorithm="ML_KEM",
                           SharedSecretCiphertextBlob=made["SharedSecretCiphertextBlob"])
    assert back["SharedSecret"] == made["SharedSecret"] and len(made["SharedSecret"]) == 32
    assert kms.get_public_key(KeyId=lattice)["EncapsulationAlgorithms"] == ["ML_KEM"]


def signatures(spec):
    key = new(KeySpec=spec, KeyUsage="SIGN_VERIFY")
    answer = kms.get_public_key(KeyId=key["KeyId"])
    public = serialization.load_der_public_key(answer["PublicKey"])
    for how in answer["SigningAlgorithms"]:
        if how == "ED25519_PH_SHA_512":
            refused("NotImplemented", kms.sign, KeyId=key["KeyId"], Message=b"m", SigningAlgorithm=how)
            continue
        digest = getattr(hashes, f"SHA{how[-3:]}")()
        for kind in ("RAW",) if spec.endswith("25519") else ("RAW", "DIGEST"):
            message = b"message"
            given = hashlib.new(f"sha{how[-3:]}", message).digest() if kind == "DIGEST" else message
            signature = kms.sign(KeyId=key["KeyId"], Message=given, MessageType=kind, SigningAlgorithm=how)["Signature"]
            if "PSS" in how:
                public.verify(signature, message, padding.PSS(padding.MGF1(digest), digest.digest_size), digest)
            elif "PKCS1" in how:
                public.verify(signature, message, padding.PKCS1v15(), digest)
            elif spec.endswith("25519"):
                assert isinstance(public, ed25519.Ed25519PublicKey)
                public.verify(signature, message)
            else:
                public.verify(signature, message, ec.ECDSA(digest))
            verify = {"KeyId": key["KeyId"], "SigningAlgorithm": how, "MessageType": kind}
            assert kms.verify(Message=given, Signature=signature, **verify)["SignatureValid"]
            other = given[:-1] + bytes([given[-1] ^ 1])
            refused("KMSInvalidSignatureException", kms.verify, "", Message=other, Signature=signature, **verify)


def records():
    key = new()
    given = {"KeyId": key["KeyId"]}
    kms.create_alias(AliasName="alias/work", TargetKeyId=key["KeyId"])
    kms.update_alias(AliasName="alias/work", TargetKeyId=new()["KeyId"])
    kms.update_alias(AliasName="alias/work", TargetKeyId=key["Arn"])
    assert kms.describe_key(KeyId="alias/work")["KeyMetadata"]["Arn"] == key["Arn"]
    assert [one["AliasName"] for one in kms.list_aliases(**given)["Aliases"]] == ["alias/work"]
    assert kms.describe_key(KeyId="alias/aws/s3")["KeyMetadata"]["KeyManager"] == "AWS"
    refused("AccessDeniedException", kms.schedule_key_deletion,
            KeyId=kms.describe_key(KeyId="alias/aws/s3")["KeyMetadata"]["KeyId"])
    kms.delete_alias(AliasName="alias/work")
    refused("NotFoundException", kms.describe_key, KeyId="alias/work")
    keys = [one["KeyId"] for page in kms.get_paginator("list_keys").paginate(PaginationConfig={"PageSize": 5})
            for one in page["Keys"]]
    assert len(keys) == len(set(keys)) > 10 and key["KeyId"] in keys
    kms.tag_resource(Tags=[{"TagKey": "a", "TagValue": "1"}, {"TagKey": "b", "TagValue": "2"}], **given)
    kms.untag_resource(TagKeys=["a"], **given)
    assert kms.list_resource_tags(**given)["Tags"] == [{"TagKey": "b", "TagValue": "2"}]
    policy = json.loads(kms.get_key_policy(**given)["Policy"])
    assert policy["Statement"][0]["Principal"] == {"AWS": ROOT} and policy["Id"] == "key-default-1"
    assert kms.list_key_policies(**given)["PolicyNames"] == ["default"]
    policy["Id"] = "mine"
    kms.put_key_policy(Policy=json.dumps(policy), **given)
    assert json.loads(kms.get_key_policy(**given)["Policy"]) == policy
    refused("MalformedPolicyDocumentException", kms.put_key_policy, Policy="{}", **given)
    kms.update_key_description(Description="new words", **given)
    kms.disable_key(**given)
    refused("DisabledException", kms.encrypt, f"{key['Arn']} is disabled.", Plaintext=b"x", **given)
    kms.enable_key(**given)
    assert kms.describe_key(**given)["KeyMetadata"]["Description"] == "new words"
    grant = kms.create_grant(GranteePrincipal=ROOT, RetiringPrincipal=ROOT, Operations=["Encrypt", "Decrypt"],
                             Constraints={"EncryptionContextSubset": {"a": "b"}}, **given)
    assert kms.list_grants(**given)["Grants"][0]["GrantId"] == grant["GrantId"]
    assert kms.list_retirable_grants(RetiringPrincipal=ROOT)["Grants"][0]["KeyId"] == key["Arn"]
    kms.retire_grant(GrantToken=grant["GrantToken"])
    grant = kms.create_grant(GranteePrincipal=ROOT, Operations=["Encrypt"], **given)
    kms.revoke_grant(GrantId=grant["GrantId"], **given)
    assert kms.list_grants(**given)["Grants"] == []
    for store in ("connect", "disconnect", "delete"):
        refused("NotImplemented", getattr(kms, f"{store}_custom_key_store"), CustomKeyStoreId="cks-1")
    refused("NotImplemented", kms.describe_custom_key_stores)
    refused("NotImplemented", kms.create_custom_key_store, CustomKeyStoreName="s")
    refused("NotImplemented", kms.update_custom_key_store, CustomKeyStoreId="cks-1")


def wrapped(material, public, how):
    public = serialization.load_der_public_key(public)
    digest = hashes.SHA1() if how.endswith("SHA_1") else hashes.SHA256()
    oaep = padding.OAEP(padding.MGF1(digest), digest, None)
    if not how.startswith("RSA_AES"):
        return public.encrypt(material, oaep)
    key = os.urandom(32)
    return public.encrypt(key, oaep) + keywrap.aes_key_wrap_with_padding(key, material)


def put(key, material, how="RSAES_OAEP_SHA_256", spec="RSA_2048", **more):
    given = kms.get_parameters_for_import(KeyId=key, WrappingAlgorithm=how, WrappingKeySpec=spec)
    text = wrapped(material, given["PublicKey"], how)
    return kms.import_key_material(KeyId=key, ImportToken=given["ImportToken"], EncryptedKeyMaterial=text, **more)


def imports():
    forever = {"ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"}
    key = new(Origin="EXTERNAL")
    assert (key["KeyState"], key["Enabled"]) == ("PendingImport", False)
    refused("KMSInvalidStateException", kms.encrypt, f"{key['Arn']} is pending import.", KeyId=key["KeyId"], Plaintext=b"x")
    first, second = os.urandom(32), os.urandom(32)
    refused("ValidationException", put, "A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES",
            key=key["KeyId"], material=first)
    made = put(key["KeyId"], first, **forever)
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"kept")["CiphertextBlob"]
    refused("IncorrectKeyMaterialException", put, key=key["KeyId"], material=second, **forever)
    pending = put(key["KeyId"], second, ImportType="NEW_KEY_MATERIAL", how="RSA_AES_KEY_WRAP_SHA_1", **forever)
    refused("KMSInvalidStateException", put, key=key["KeyId"], material=os.urandom(32),
            ImportType="NEW_KEY_MATERIAL", **forever)
    kms.rotate_key_on_demand(KeyId=key["KeyId"])
    assert kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["CurrentKeyMaterialId"] == pending["KeyMaterialId"]
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"kept"
    kms.delete_imported_key_material(KeyId=key["KeyId"], KeyMaterialId=made["KeyMaterialId"])
    refused("KMSInvalidStateException", kms.decrypt, CiphertextBlob=blob)
    put(key["KeyId"], first, **forever)
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"kept"
    own = kms.get_parameters_for_import(KeyId=key["KeyId"], WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_2048")
    foreign = new(Origin="EXTERNAL")
    refused("InvalidImportTokenException", kms.import_key_material, KeyId=foreign["KeyId"], **forever,
            ImportToken=own["ImportToken"], EncryptedKeyMaterial=wrapped(first, own["PublicKey"], "RSAES_OAEP_SHA_256"))
    refused("InvalidCiphertextException", kms.import_key_material, KeyId=key["KeyId"], **forever,
            ImportToken=own["ImportToken"], EncryptedKeyMaterial=b"x" * 256)
    refused("UnsupportedOperationException", kms.get_parameters_for_import, KeyId=new()["KeyId"],
            WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_2048")
    secret = os.urandom(32)
    mac = new(Origin="EXTERNAL", KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")["KeyId"]
    put(mac, secret, how="RSAES_OAEP_SHA_1", **forever)
    code = kms.generate_mac(KeyId=mac, Message=b"m", MacAlgorithm="HMAC_SHA_256")["Mac"]
    assert code == hmac.new(secret, b"m", "sha256").digest()
    private = rsa.generate_private_key(65537, 2048)
    der = private.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    own = new(Origin="EXTERNAL", KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyId"]
    put(own, der, how="RSA_AES_KEY_WRAP_SHA_256", **forever)
    assert serialization.load_der_public_key(kms.get_public_key(KeyId=own)["PublicKey"]) == private.public_key()
    return key["KeyId"], first


def over_time(key, material):
    """Last of all: the clock of the environment moves."""
    now = kms.describe_key(KeyId=key)["KeyMetadata"]["CreationDate"].timestamp()
    put(key, material, ImportType="EXISTING_KEY_MATERIAL", ValidTo=now + 20 * 86400)
    turning = new()["KeyId"]
    blob = kms.encrypt(KeyId=turning, Plaintext=b"before")["CiphertextBlob"]
    kms.enable_key_rotation(KeyId=turning, RotationPeriodInDays=90)
    refused("UnsupportedOperationException", kms.enable_key_rotation, KeyId=key)
    rotated = kms.rotate_key_on_demand(KeyId=turning)
    status = kms.get_key_rotation_status(KeyId=turning)
    assert rotated["KeyId"] == status["KeyId"] == kms.describe_key(KeyId=turning)["KeyMetadata"]["Arn"]
    assert status["KeyRotationEnabled"] and status["RotationPeriodInDays"] == 90
    going = new()["KeyId"]
    kms.schedule_key_deletion(KeyId=going, PendingWindowInDays=8)
    kms.cancel_key_deletion(KeyId=going)
    assert kms.describe_key(KeyId=going)["KeyMetadata"]["KeyState"] == "Disabled"
    kms.schedule_key_deletion(KeyId=going, PendingWindowInDays=8)
    advance("8d")
    refused("NotFoundException", kms.describe_key, KeyId=going)
    advance("13d")
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "PendingImport"
    advance("90d")
    rotations = kms.list_key_rotations(KeyId=turning)["Rotations"]
    assert [one["RotationType"] for one in rotations] == ["ON_DEMAND", "AUTOMATIC"], rotations
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"before"
    kms.disable_key_rotation(KeyId=turning)


def queues():
    """SQS needs the key of a queue to work."""
    sqs = boto3.client("sqs")
    key = new()["KeyId"]
    url = sqs.create_queue(QueueName="sealed", Attributes={"KmsMasterKeyId": key})["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="m")
    kms.disable_key(KeyId=key)
    refused("KMS.DisabledException", sqs.send_message, QueueUrl=url, MessageBody="m")
    refused("KMS.DisabledException", sqs.receive_message, QueueUrl=url)
    kms.enable_key(KeyId=key)
    assert sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"] == "m"
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"KmsMasterKeyId": "alias/absent"})
    entries = [{"Id": "a", "MessageBody": "m"}]
    refused("KMS.NotFoundException", sqs.send_message_batch, QueueUrl=url, Entries=entries)
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"KmsMasterKeyId": "alias/aws/sqs"})
    sqs.send_message(QueueUrl=url, MessageBody="m")


def regions():
    key = new(MultiRegion=True)
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"both")["CiphertextBlob"]
    kms.replicate_key(KeyId=key["KeyId"], ReplicaRegion="eu-west-1", Tags=[{"TagKey": "a", "TagValue": "b"}])
    west = client("eu-west-1")
    assert west.decrypt(CiphertextBlob=blob)["Plaintext"] == b"both"
    kms.update_primary_region(KeyId=key["KeyId"], PrimaryRegion="eu-west-1")
    configuration = west.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["MultiRegionConfiguration"]
    assert configuration["MultiRegionKeyType"] == "PRIMARY"
    refused("AccessDeniedException", west.decrypt, CiphertextBlob=kms.encrypt(
        KeyId=new()["KeyId"], Plaintext=b"x")["CiphertextBlob"])


def before(keep):
    encryption()
    asymmetric()
    records()
    imported = imports()
    regions()
    queues()
    key = new(Description="survivor")
    rsa_key = new(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyId"]
    kms.create_alias(AliasName="alias/survivor", TargetKeyId=key["KeyId"])
    blob = kms.encrypt(KeyId="alias/survivor", Plaintext=PLAINTEXT)["CiphertextBlob"]
    signature = kms.sign(KeyId=rsa_key, Message=b"m", SigningAlgorithm="RSASSA_PSS_SHA_256")["Signature"]
    fixed = kms.describe_key(KeyId="alias/documents")["KeyMetadata"]
    over_time(*imported)
    kept = {"blob": blob.hex(), "rsa": rsa_key, "signature": signature.hex(), "fixed": fixed["Arn"]}
    with open(keep, "w") as file:
        json.dump(kept, file)
    unanswered = {name for name in kms.meta.service_model.operation_names} - ANSWERED
    assert all("CustomKeyStore" in name for name in unanswered), unanswered


def after(keep):
    with open(keep) as file:
        kept = json.load(file)
    assert kms.decrypt(CiphertextBlob=bytes.fromhex(kept["blob"]))["Plaintext"] == PLAINTEXT
    assert kms.verify(KeyId=kept["rsa"], Message=b"m", SigningAlgorithm="RSASSA_PSS_SHA_256",
                      Signature=bytes.fromhex(kept["signature"]))["SignatureValid"]
    assert kms.describe_key(KeyId="alias/documents")["KeyMetadata"]["Arn"] == kept["fixed"]


globals()[sys.argv[1]](sys.argv[2])
