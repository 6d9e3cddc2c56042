"""The life of secrets through boto3: what AWS answers to each step. Argument: the endpoint."""

import sys
import uuid

import boto3
from botocore.exceptions import ClientError

endpoint = sys.argv[1]


def client(account="test", region="us-east-1"):
    return boto3.client(
        "secretsmanager",
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id=account,
        aws_secret_access_key="test",
    )


sm = client()


def refused(code, text, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        told = error.response["Error"]
        assert told["Code"] == code, told
        assert text in told["Message"], told
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 400, error.response
        return error
    raise AssertionError(f"{code} expected of {arguments}")


# Create, read, describe.
made = sm.create_secret(Name="app/db", SecretString="one", Description="the database")
arn, first = made["ARN"], made["VersionId"]
prefix = "arn:aws:secretsmanager:us-east-1:000000000000:secret:app/db-"
assert arn.startswith(prefix) and len(arn) == len(prefix) + 6, arn
got = sm.get_secret_value(SecretId="app/db")
assert got["SecretString"] == "one" and got["VersionStages"] == ["AWSCURRENT"], got
assert got["VersionId"] == first and "SecretBinary" not in got
for secret_id in [arn, prefix[:-1]]:
    assert sm.get_secret_value(SecretId=secret_id)["SecretString"] == "one"
refused(
    "ResourceNotFoundException",
    "Secrets Manager can't find the specified secret.",
    sm.get_secret_value,
    SecretId=arn[:-6] + "aaaaaa",
)
error = refused(
    "ResourceExistsException",
    "The operation failed because the secret app/db already exists.",
    sm.create_secret,
    Name="app/db",
    SecretString="x",
)
assert error.response["Message"] == error.response["Error"]["Message"]
assert isinstance(error, sm.exceptions.ResourceExistsException)

# Versions and labels.
second = sm.put_secret_value(SecretId="app/db", SecretString="two")["VersionId"]
stages = sm.describe_secret(SecretId="app/db")["VersionIdsToStages"]
assert stages == {first: ["AWSPREVIOUS"], second: ["AWSCURRENT"]}, stages
third = str(uuid.uuid4())
put = dict(
    SecretId=arn, ClientRequestToken=third, SecretString="three", VersionStages=["AWSPENDING"]
)
assert sm.put_secret_value(**put)["VersionStages"] == ["AWSPENDING"]
assert sm.put_secret_value(**put)["VersionId"] == third  # a repetition
refused(
    "ResourceExistsException", third, sm.put_secret_value, **{**put, "SecretString": "other"}
)
refused(
    "InvalidParameterException",
    f"Staging label AWSCURRENT is currently attached to version {second}",
    sm.update_secret_version_stage,
    SecretId=arn,
    VersionStage="AWSCURRENT",
    MoveToVersionId=third,
)
sm.update_secret_version_stage(
    SecretId=arn, VersionStage="AWSCURRENT", MoveToVersionId=third, RemoveFromVersionId=second
)
stages = sm.describe_secret(SecretId=arn)["VersionIdsToStages"]
assert stages == {second: ["AWSPREVIOUS"], third: ["AWSCURRENT", "AWSPENDING"]}, stages
listed = sm.list_secret_version_ids(SecretId=arn)["Versions"]
assert [v["VersionId"] for v in listed] == [second, third], listed
assert listed[0]["KmsKeyIds"] == ["DefaultEncryptionKey"]
every = sm.list_secret_version_ids(SecretId=arn, IncludeDeprecated=True)["Versions"]
assert [v["VersionId"] for v in every] == [first, second, third], every
assert sm.get_secret_value(SecretId=arn, VersionStage="AWSPREVIOUS")["SecretString"] == "two"
assert sm.get_secret_value(SecretId=arn, VersionId=first)["SecretString"] == "one"
refused(
    "InvalidRequestException",
    "You provided a VersionStage that is not associated to the provided VersionId.",
    sm.get_secret_value,
    SecretId=arn,
    VersionId=first,
    VersionStage="AWSCURRENT",
)

# Binary values; one kind at a time.
sm.create_secret(Name="key", SecretBinary=b"\x00\x01\xff")
assert sm.get_secret_value(SecretId="key")["SecretBinary"] == b"\x00\x01\xff"
both = dict(SecretString="a", SecretBinary=b"b")
refused("InvalidParameterException", "both", sm.put_secret_value, SecretId="key", **both)
refused("InvalidRequestException", "either", sm.put_secret_value, SecretId="key")
refused("ValidationException", "Invalid name.", sm.create_secret, Name="a b", SecretString="x")
refused(
    "InvalidParameterException", "65536", sm.create_secret, Name="big", SecretString="x" * 65537
)
sm.create_secret(Name="big", SecretString="x" * 65536)
assert len(sm.get_secret_value(SecretId="big")["SecretString"]) == 65536

# An empty secret has no value until one is put.
assert "VersionId" not in sm.create_secret(Name="empty")
refused(
    "ResourceNotFoundException",
    "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT",
    sm.get_secret_value,
    SecretId="empty",
)
assert sm.put_secret_value(SecretId="empty", SecretString="v")["VersionStages"] == ["AWSCURRENT"]

# Tags.
sm.tag_resource(SecretId="key", Tags=[{"Key": "team", "Value": "a"}, {"Key": "env", "Value": "dev"}])
sm.tag_resource(SecretId="key", Tags=[{"Key": "team", "Value": "b"}])
tags = sm.describe_secret(SecretId="key")["Tags"]
assert tags == [{"Key": "team", "Value": "b"}, {"Key": "env", "Value": "dev"}], tags
sm.untag_resource(SecretId="key", TagKeys=["team", "env", "never"])
assert sm.describe_secret(SecretId="key")["Tags"] == []
refused(
    "InvalidParameterException", "aws:", sm.tag_resource, SecretId="key", Tags=[{"Key": "aws:x"}]
)

# Lists, filters, pages, batches.
names = [s["Name"] for s in sm.list_secrets(SortBy="name")["SecretList"]]
assert names == ["app/db", "big", "empty", "key"], names
filtered = sm.list_secrets(Filters=[{"Key": "name", "Values": ["!app", "nothing"]}])
assert {s["Name"] for s in filtered["SecretList"]} == {"big", "empty", "key"}
pages = sm.get_paginator("list_secrets").paginate(PaginationConfig={"PageSize": 3})
assert sorted(s["Name"] for p in pages for s in p["SecretList"]) == names
batch = sm.batch_get_secret_value(SecretIdList=["key", "nowhere", "empty"])
assert [v["Name"] for v in batch["SecretValues"]] == ["key", "empty"]
assert batch["Errors"][0]["ErrorCode"] == "ResourceNotFoundException", batch["Errors"]
refused("InvalidNextTokenException", "", sm.list_secrets, NextToken="?")

# Deletion and restoration.
refused(
    "InvalidParameterException",
    "The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).",
    sm.delete_secret,
    SecretId="key",
    RecoveryWindowInDays=6,
)
sm.delete_secret(SecretId="key", RecoveryWindowInDays=7)
marked = "You can't perform this operation on the secret because it was marked for deletion."
refused("InvalidRequestException", marked, sm.get_secret_value, SecretId="key")
refused("InvalidRequestException", marked, sm.tag_resource, SecretId="key", Tags=[])
refused(
    "InvalidRequestException",
    "a secret with this name is already scheduled for deletion.",
    sm.create_secret,
    Name="key",
    SecretString="x",
)
assert "DeletedDate" in sm.describe_secret(SecretId="key")
assert "key" not in [s["Name"] for s in sm.list_secrets()["SecretList"]]
assert sm.restore_secret(SecretId="key")["Name"] == "key"
assert sm.get_secret_value(SecretId="key")["SecretBinary"] == b"\x00\x01\xff"
sm.delete_secret(SecretId="key")
sm.delete_secret(SecretId="key", ForceDeleteWithoutRecovery=True)
refused("ResourceNotFoundException", "", sm.describe_secret, SecretId="key")
sm.delete_secret(SecretId="key", ForceDeleteWithoutRecovery=True)  # no error either
assert sm.create_secret(Name="key", SecretString="new")["Name"] == "key"

# Policies.
policy = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"secretsmanager:GetSecretValue","Resource":"*"}]}'
sm.put_resource_policy(SecretId="key", ResourcePolicy=policy)
assert sm.get_resource_policy(SecretId="key")["ResourcePolicy"] == policy
blocked = dict(SecretId="key", ResourcePolicy=policy, BlockPublicPolicy=True)
refused("PublicPolicyException", "", sm.put_resource_policy, **blocked)
assert not sm.validate_resource_policy(ResourcePolicy=policy)["PolicyValidationPassed"]
sm.delete_resource_policy(SecretId="key")
assert "ResourcePolicy" not in sm.get_resource_policy(SecretId="key")

# Passwords.
password = sm.get_random_password(PasswordLength=20, ExcludePunctuation=True)["RandomPassword"]
assert len(password) == 20 and password.isalnum()
assert password != sm.get_random_password(PasswordLength=20)["RandomPassword"]

# Accounts and regions are apart.
for other in [client(region="eu-west-1"), client(account="123456789012")]:
    assert other.list_secrets()["SecretList"] == []
    refused("ResourceNotFoundException", "", other.get_secret_value, SecretId="app/db")

# A key of KMS: while there is none, nothing is kept or read with it.
kms = boto3.client("kms", endpoint_url=endpoint, region_name="us-east-1",
                   aws_access_key_id="test", aws_secret_access_key="test")
key = kms.create_key()["KeyMetadata"]["Arn"]
named = dict(AliasName="alias/own", TargetKeyId=key)
kms.create_alias(**named)
own = dict(Name="with-own-key", SecretString="v", KmsKeyId="alias/own")
refused("EncryptionFailure", "KMS key", sm.create_secret, **{**own, "KmsKeyId": key[:-1] + "x"})
sm.create_secret(**own)
assert sm.get_secret_value(SecretId="with-own-key")["SecretString"] == "v"
assert sm.list_secret_version_ids(SecretId="with-own-key")["Versions"][0]["KmsKeyIds"] == ["alias/own"]
kms.delete_alias(AliasName="alias/own")
refused("DecryptionFailure", "KMS key", sm.get_secret_value, SecretId="with-own-key")
refused("EncryptionFailure", "KMS key", sm.put_secret_value, SecretId="with-own-key", SecretString="w")
batch = sm.batch_get_secret_value(SecretIdList=["with-own-key", "big"])
assert batch["Errors"][0]["ErrorCode"] == "DecryptionFailure", batch["Errors"]
other = dict(SecretId="with-own-key", KmsKeyId="alias/aws/secretsmanager")
refused("DecryptionFailure", "KMS key", sm.update_secret, **other)
kms.create_alias(**named)
assert sm.get_secret_value(SecretId="with-own-key")["SecretString"] == "v"
kms.disable_key(KeyId=key)
refused("DecryptionFailure", "KMS key", sm.get_secret_value, SecretId="with-own-key")
kms.enable_key(KeyId=key)
sm.update_secret(SecretId="with-own-key", KmsKeyId="alias/aws/secretsmanager")
assert sm.get_secret_value(SecretId="with-own-key")["SecretString"] == "v"
sm.delete_secret(SecretId="with-own-key", ForceDeleteWithoutRecovery=True)

# A secret without a rotation function, and one whose function nobody has.
refused(
    "InvalidRequestException",
    "No Lambda rotation function ARN is associated with this secret.",
    sm.rotate_secret,
    SecretId="app/db",
)
refused(
    "AccessDeniedException",
    "Secrets Manager cannot invoke the specified Lambda function.",
    sm.rotate_secret,
    SecretId="app/db",
    RotationLambdaARN="arn:aws:lambda:us-east-1:000000000000:function:nowhere",
    RotationRules={"AutomaticallyAfterDays": 30},
)
