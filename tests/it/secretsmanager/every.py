"""Every operation of botocore's model: called as it should be, answered in the model's shape, member by
member; and called wrongly, refused with a code of the model. Argument: the endpoint."""

import gzip
import json
import pathlib
import re
import sys

import boto3
import botocore
import requests

endpoint = sys.argv[1]
data = pathlib.Path(botocore.__file__).parent / "data/secretsmanager"
[path] = data.glob("*/service-2.json.gz")
MODEL = json.loads(gzip.decompress(path.read_bytes()))
SHAPES = MODEL["shapes"]
# What AWS's framework says before an operation is reached.
COMMON = {"ValidationException", "SerializationException", "AccessDeniedException"}


def call(operation, given, account="000000000000", region="us-east-1"):
    scope = f"Credential={account}/20261121/{region}/secretsmanager/aws4_request"
    headers = {
        "x-amz-target": f"secretsmanager.{operation}",
        "content-type": "application/x-amz-json-1.1",
        "authorization": f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature={'0' * 64}",
    }
    answer = requests.post(endpoint, data=json.dumps(given), headers=headers, timeout=30)
    # What has no result answers with nothing.
    return answer.status_code, answer.json() if answer.content else {}


def check(shape, value, at):
    """Whether a value has the model's shape: no member more, none of another type or length."""
    about = SHAPES[shape]
    kind = about["type"]
    if kind == "structure":
        assert isinstance(value, dict), (at, value)
        unknown = set(value) - set(about["members"])
        assert not unknown, (at, unknown)
        for member in about.get("required", []):
            assert member in value, (at, member)
        for member, inner in value.items():
            check(about["members"][member]["shape"], inner, f"{at}.{member}")
    elif kind == "list":
        assert isinstance(value, list), (at, value)
        for inner in value:
            check(about["member"]["shape"], inner, f"{at}[]")
    elif kind == "map":
        for key, inner in value.items():
            check(about["key"]["shape"], key, f"{at}.key")
            check(about["value"]["shape"], inner, f"{at}.{key}")
    elif kind in ("string", "blob"):
        assert isinstance(value, str), (at, value)
        assert "enum" not in about or value in about["enum"], (at, value)
        assert "pattern" not in about or re.fullmatch(about["pattern"], value), (at, value)
    elif kind in ("integer", "long"):
        assert type(value) is int, (at, value)
    elif kind == "timestamp":
        assert isinstance(value, (int, float)) and value > 1e9, (at, value)
    elif kind == "boolean":
        assert isinstance(value, bool), (at, value)
    else:
        raise AssertionError((at, kind))
    if kind in ("string", "list"):
        assert len(value) >= about.get("min", 0), (at, value)
        assert len(value) <= about.get("max", len(value)), (at, value)


served = set()


def done(operation, given, **where):
    status, answer = call(operation, given, **where)
    assert status == 200, (operation, status, answer)
    served.add(operation)
    output = MODEL["operations"][operation].get("output")
    if output:
        check(output["shape"], answer, operation)
    else:
        assert not answer, (operation, answer)
    return answer


token = lambda n: f"{n:032}"
made = done("CreateSecret", {
    "Name": "every", "ClientRequestToken": token(1), "SecretString": "one", "Description": "d",
    "KmsKeyId": "alias/aws/secretsmanager", "Tags": [{"Key": "k", "Value": "v"}],
    "AddReplicaRegions": [{"Region": "eu-west-1"}], "Type": "",
})
arn = made["ARN"]
done("GetSecretValue", {"SecretId": "every"})
done("PutSecretValue", {"SecretId": arn, "ClientRequestToken": token(2), "SecretBinary": "AP8="})
done("GetSecretValue", {"SecretId": "every", "VersionStage": "AWSCURRENT"})
done("UpdateSecret", {"SecretId": arn, "ClientRequestToken": token(3), "SecretString": "three", "Description": "e"})
move = {"VersionStage": "own", "MoveToVersionId": token(1)}
done("UpdateSecretVersionStage", {"SecretId": arn, **move})
done("ListSecretVersionIds", {"SecretId": arn, "IncludeDeprecated": True})
done("BatchGetSecretValue", {"SecretIdList": [arn, "nowhere"]})
done("BatchGetSecretValue", {"Filters": [{"Key": "name", "Values": ["every"]}], "MaxResults": 1})
done("TagResource", {"SecretId": arn, "Tags": [{"Key": "more", "Value": "w"}]})
done("UntagResource", {"SecretId": arn, "TagKeys": ["more"]})
policy = {"Statement": {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::000000000000:root"},
                        "Action": "secretsmanager:GetSecretValue", "Resource": "*"}}
text = json.dumps({"Version": "2012-10-17", **policy})
done("ValidateResourcePolicy", {"ResourcePolicy": text, "SecretId": arn})
done("ValidateResourcePolicy", {"ResourcePolicy": text.replace('"arn:aws:iam::000000000000:root"', '"*"')})
assert done("ListResourcePolicies", {"SecretId": arn})["ResourcePolicies"] == []
done("PutResourcePolicy", {"SecretId": arn, "ResourcePolicy": text, "BlockPublicPolicy": True})
assert done("GetResourcePolicy", {"SecretId": arn})["ResourcePolicy"] == text
assert done("ListResourcePolicies", {"SecretId": arn})["ResourcePolicies"] == [{"PolicyName": "default"}]
done("DeleteResourcePolicy", {"SecretId": arn})
done("GetRandomPassword", {"PasswordLength": 12, "IncludeSpace": True, "ExcludeCharacters": "ab"})

# Copies in regions, and what each side shows.
done("ReplicateSecretToRegions", {"SecretId": arn, "AddReplicaRegions": [{"Region": "eu-north-1"}]})
done("GetSecretValue", {"SecretId": "every"}, region="eu-north-1")
shown = done("DescribeSecret", {"SecretId": arn})
assert [r["Status"] for r in shown["ReplicationStatus"]] == ["InSync", "InSync"], shown
assert shown["PrimaryRegion"] == "us-east-1", shown
done("DescribeSecret", {"SecretId": "every"}, region="eu-north-1")
listed = done("ListSecrets", {"Filters": [{"Key": "primary-region", "Values": ["us-"]}]}, region="eu-north-1")
assert [s["Name"] for s in listed["SecretList"]] == ["every"], listed
done("StopReplicationToReplica", {"SecretId": "every"}, region="eu-north-1")
done("RemoveRegionsFromReplication", {"SecretId": arn, "RemoveReplicaRegions": ["eu-west-1"]})

# A copy in another account.
other = dict(account="123456789012")
kms = boto3.client("kms", endpoint_url=endpoint, region_name="us-east-1",
                   aws_access_key_id=other["account"], aws_secret_access_key="test")
key = kms.create_key()["KeyMetadata"]["Arn"]
copy = done("CreateSecret", {
    "Name": "copy", "ClientRequestToken": token(1), "CrossAccountPrimaryARN": arn, "KmsKeyId": key}, **other)
both = {"SecretId": arn, "CrossAccountReplicaARN": copy["ARN"]}
done("AssociateCrossAccountReplica", {**both, "ReplicaRestriction": "NoRestriction"})
assert done("GetSecretValue", {"SecretId": "copy"}, **other)["SecretString"] == "three"
done("DescribeSecret", {"SecretId": arn})
done("DescribeSecret", {"SecretId": "copy"}, **other)
done("DisassociateCrossAccountReplica", both)

# Rotation; a gateway by itself has no functions, so one is told of in another test.
status, answer = call("RotateSecret", {"SecretId": arn, "ClientRequestToken": token(9)})
assert (status, answer["__type"]) == (400, "InvalidRequestException"), answer
done("CancelRotateSecret", {"SecretId": arn})
done("DeleteSecret", {"SecretId": arn, "RecoveryWindowInDays": 7})
done("ListSecrets", {"IncludePlannedDeletion": True, "SortBy": "name", "SortOrder": "desc"})
done("DescribeSecret", {"SecretId": arn})
done("RestoreSecret", {"SecretId": arn})
assert set(MODEL["operations"]) - served == {"RotateSecret"}, set(MODEL["operations"]) - served

# Wrongly: nothing at all, and the wrong type for each member.
for name, about in MODEL["operations"].items():
    codes = {error["shape"] for error in about["errors"]} | COMMON
    members = SHAPES[about["input"]["shape"]]["members"]
    for given in [{}, *({"SecretId": "every", member: {"no": ["such"]}} for member in members)]:
        status, answer = call(name, given)
        if status != 200:
            assert status == 400 and answer["__type"] in codes, (name, given, status, answer)
            assert answer.get("message") or answer["Message"], (name, answer)
        else:
            assert given == {} or list(given.values())[-1] != {"no": ["such"]}, (name, given, answer)

# boto3 reads what it reads.
sm = boto3.client("secretsmanager", endpoint_url=endpoint, region_name="us-east-1",
                  aws_access_key_id="test", aws_secret_access_key="test")
assert sm.describe_secret(SecretId="every")["ARN"] == arn
