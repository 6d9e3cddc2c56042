"""cdk.py ENDPOINT: what `cdk bootstrap` makes, from the template that comes with the CDK's own CLI, and an asset
published by its own publisher with nothing but the roles of it. CloudFormation itself is not served: this script
stands for it. ECR is not served either, and left out."""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import boto3
import yaml
from botocore.config import Config
from botocore.exceptions import ClientError

ENDPOINT, MODULES = sys.argv[1], Path(os.environ["DEVENV_TEST_NODE_MODULES"])
ACCOUNT, REGION = "000000000000", "us-east-1"
TEMPLATE = yaml.safe_load((MODULES / "aws-cdk/lib/api/bootstrap/bootstrap-template.yaml").read_text())
ABSENT = object()
PARAMETERS = {name: parameter.get("Default", "") for name, parameter in TEMPLATE["Parameters"].items()}
PSEUDO = {"AWS::AccountId": ACCOUNT, "AWS::Region": REGION, "AWS::Partition": "aws", "AWS::NoValue": ABSENT,
          "AWS::StackName": "CDKToolkit"}
made = {}  # logical id: {"Ref": ..., "Arn": ...}


def client(service, credentials=None):
    more = {"aws_access_key_id": credentials["AccessKeyId"], "aws_secret_access_key": credentials["SecretAccessKey"]
            } if credentials else {}
    return boto3.client(service, endpoint_url=ENDPOINT, config=Config(s3={"addressing_style": "path"}), **more)


iam, s3, kms, ssm, ecr = (client(service) for service in ("iam", "s3", "kms", "ssm", "ecr"))


def holds(name):
    return bool(value(TEMPLATE["Conditions"][name]))


def reference(name):
    if name in PSEUDO:
        return PSEUDO[name]
    if name in PARAMETERS:
        text = PARAMETERS[name]
        many = TEMPLATE["Parameters"][name]["Type"] == "CommaDelimitedList"
        return [part for part in text.split(",") if part] if many else text
    return made[name]["Ref"]


def attribute(path):
    name, _, key = path.partition(".")
    if key:
        return made[name][key]
    return reference(name)


def value(node):
    if isinstance(node, list):
        return [each for each in map(value, node) if each is not ABSENT]
    if not isinstance(node, dict):
        return node
    if len(node) == 1:
        [(function, argument)] = node.items()
        if function == "Ref":
            return reference(argument)
        if function == "Fn::Sub":
            assert isinstance(argument, str), argument
            return re.sub(r"\$\{([^}]+)\}", lambda found: str(attribute(found[1])), argument)
        if function == "Fn::GetAtt":
            return attribute(argument if isinstance(argument, str) else ".".join(argument))
        if function == "Fn::If":
            condition, yes, no = argument
            return value(yes if holds(condition) else no)
        if function == "Fn::Not":
            return not value(argument[0])
        if function == "Fn::Equals":
            one, other = map(value, argument)
            return one == other
        if function == "Fn::Join":
            return argument[0].join(value(argument[1]))
        assert not function.startswith("Fn::"), function
    resolved = {key: value(each) for key, each in node.items()}
    return {key: each for key, each in resolved.items() if each is not ABSENT}


def role(of):
    made_role = iam.create_role(RoleName=of["RoleName"], AssumeRolePolicyDocument=json.dumps(of["AssumeRolePolicyDocument"]),
                                Tags=of.get("Tags", []))["Role"]
    for policy in of.get("Policies", []):
        iam.put_role_policy(RoleName=of["RoleName"], PolicyName=policy["PolicyName"],
                            PolicyDocument=json.dumps(policy["PolicyDocument"]))
    for arn in of.get("ManagedPolicyArns", []):
        iam.attach_role_policy(RoleName=of["RoleName"], PolicyArn=arn)
    return {"Ref": of["RoleName"], "Arn": made_role["Arn"]}


def policy(of):
    for name in of["Roles"]:
        iam.put_role_policy(RoleName=name, PolicyName=of["PolicyName"], PolicyDocument=json.dumps(of["PolicyDocument"]))
    return {"Ref": of["PolicyName"]}


def key(of):
    meta = kms.create_key(Policy=json.dumps(of["KeyPolicy"]))["KeyMetadata"]
    return {"Ref": meta["KeyId"], "Arn": meta["Arn"]}


def alias(of):
    kms.create_alias(AliasName=of["AliasName"], TargetKeyId=of["TargetKeyId"])
    return {"Ref": of["AliasName"]}


def bucket(of):
    name = of["BucketName"]
    s3.create_bucket(Bucket=name)
    rules = [{"ApplyServerSideEncryptionByDefault": rule["ServerSideEncryptionByDefault"]}
             for rule in of["BucketEncryption"]["ServerSideEncryptionConfiguration"]]
    s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={
        "Rules": [{"ApplyServerSideEncryptionByDefault": {
            "SSEAlgorithm": rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"],
            "KMSMasterKeyID": rule["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"]}} for rule in rules]})
    s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=of["PublicAccessBlockConfiguration"])
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration=of["VersioningConfiguration"])
    lifecycle = [{"ID": rule["Id"], "Filter": {}, **{k: v for k, v in rule.items() if k != "Id"}}
                 for rule in of["LifecycleConfiguration"]["Rules"]]
    s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": lifecycle})
    return {"Ref": name, "Arn": f"arn:aws:s3:::{name}"}


def bucket_policy(of):
    s3.put_bucket_policy(Bucket=of["Bucket"], Policy=json.dumps(of["PolicyDocument"]))
    return {"Ref": of["Bucket"]}


def parameter(of):
    ssm.put_parameter(Name=of["Name"], Type=of["Type"], Value=str(of["Value"]))
    return {"Ref": of["Name"]}


def repository(of):
    """Not served: only its names are needed by what refers to it."""
    name = of["RepositoryName"]
    return {"Ref": name, "Arn": f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/{name}"}


MAKERS = {"AWS::IAM::Role": role, "AWS::IAM::Policy": policy, "AWS::KMS::Key": key, "AWS::KMS::Alias": alias,
          "AWS::S3::Bucket": bucket, "AWS::S3::BucketPolicy": bucket_policy, "AWS::SSM::Parameter": parameter,
          "AWS::ECR::Repository": repository}

left = {name: of for name, of in TEMPLATE["Resources"].items() if "Condition" not in of or holds(of["Condition"])}
while left:
    before = len(left)
    for name, of in list(left.items()):
        try:
            properties = value(of["Properties"])
        except KeyError:
            continue  # What it refers to is still to be made.
        made[name] = MAKERS[of["Type"]](properties)
        del left[name]
    assert len(left) < before, left
assert len(made) >= 12, made
version = ssm.get_parameter(Name="/cdk-bootstrap/hnb659fds/version")["Parameter"]["Value"]
assert int(version) >= 20, version

# A deployer who may do nothing but take on the roles, as the CDK's users do.
iam.create_user(UserName="deployer")
iam.put_user_policy(UserName="deployer", PolicyName="cdk", PolicyDocument=json.dumps({
    "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
                                            "Resource": f"arn:aws:iam::{ACCOUNT}:role/cdk-*"}]}))
deployer = iam.create_access_key(UserName="deployer")["AccessKey"]
staging = made["StagingBucket"]["Ref"]
try:
    client("s3", deployer).put_object(Bucket=staging, Key="asset.txt", Body=b"x")
    raise AssertionError("the deployer may not write itself")
except ClientError as error:
    assert error.response["Error"]["Code"] == "AccessDenied", error

with tempfile.TemporaryDirectory() as place:
    Path(place, "asset.txt").write_text("published")
    destination = {"bucketName": staging, "objectKey": "asset.txt", "region": REGION,
                   "assumeRoleArn": made["FilePublishingRole"]["Arn"]}
    manifest = {"version": "36.0.0", "dockerImages": {}, "files": {"a1": {
        "source": {"path": "asset.txt", "packaging": "file"}, "destinations": {"here": destination}}}}
    Path(place, "assets.json").write_text(json.dumps(manifest))
    environment = {**os.environ, "AWS_ACCESS_KEY_ID": deployer["AccessKeyId"],
                   "AWS_SECRET_ACCESS_KEY": deployer["SecretAccessKey"], "AWS_ENDPOINT_URL": ENDPOINT,
                   "AWS_EC2_METADATA_DISABLED": "true"}
    published = subprocess.run([str(MODULES / ".bin/cdk-assets"), "publish", "--path", place], env=environment,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
    assert published.returncode == 0, published.stdout
stored = s3.get_object(Bucket=staging, Key="asset.txt")
assert stored["Body"].read() == b"published" and stored["SSEKMSKeyId"] == made["FileAssetsBucketEncryptionKey"]["Arn"], stored
