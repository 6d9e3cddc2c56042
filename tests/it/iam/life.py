"""life.py ENDPOINT before|after: IAM as boto3 and the AWS CLI meet it, before and after a kill -9."""

import json
import subprocess
import sys

import boto3
from botocore.exceptions import ClientError

ENDPOINT, PART = sys.argv[1], sys.argv[2]
iam = boto3.client("iam", endpoint_url=ENDPOINT)
ACCOUNT = "arn:aws:iam::000000000000:"
TRUST = {"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]}


def document(action="sqs:*", resource="*", effect="Allow"):
    return {"Version": "2012-10-17", "Statement": [{"Effect": effect, "Action": action, "Resource": resource}]}


def refused(call, code, words, status=None):
    try:
        call()
    except ClientError as error:
        given = error.response["Error"]
        assert given["Code"] == code and words in given["Message"], given
        status = status or {"NoSuchEntity": 404, "EntityAlreadyExists": 409, "DeleteConflict": 409,
                            "LimitExceeded": 409}.get(code, 400)
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == status, error.response
    else:
        raise AssertionError(f"{code} expected")


def users():
    user = iam.create_user(UserName="Ann", Path="/team/", Tags=[{"Key": "k", "Value": "v"}])["User"]
    assert user["Arn"] == f"{ACCOUNT}user/team/Ann" and user["UserId"].startswith("AIDA"), user
    refused(lambda: iam.create_user(UserName="ann"), "EntityAlreadyExists", "User with name ann already exists.")
    refused(lambda: iam.create_user(UserName="a b"), "ValidationError",
            "The specified value for userName is invalid. It must contain only alphanumeric characters")
    refused(lambda: iam.create_user(UserName="x", Path="y"), "ValidationError", "It must begin and end with /")
    refused(lambda: iam.get_user(UserName="no"), "NoSuchEntity", "The user with name no cannot be found.")
    assert iam.get_user(UserName="ANN")["User"]["Tags"] == [{"Key": "k", "Value": "v"}]
    assert iam.get_user()["User"]["Arn"] == f"{ACCOUNT}root"
    for n in range(5):
        iam.create_user(UserName=f"u{n}")
    pages = iam.get_paginator("list_users").paginate(PaginationConfig={"PageSize": 2})
    assert [u["UserName"] for p in pages for u in p["Users"]] == ["Ann", "u0", "u1", "u2", "u3", "u4"]
    assert [u["UserName"] for u in iam.list_users(PathPrefix="/team/")["Users"]] == ["Ann"]
    iam.update_user(UserName="u4", NewUserName="renamed")
    refused(lambda: iam.get_user(UserName="u4"), "NoSuchEntity", "")
    iam.create_group(GroupName="devs")
    iam.add_user_to_group(GroupName="devs", UserName="Ann")
    assert [u["UserName"] for u in iam.get_group(GroupName="devs")["Users"]] == ["Ann"]
    assert [g["GroupName"] for g in iam.list_groups_for_user(UserName="Ann")["Groups"]] == ["devs"]
    refused(lambda: iam.delete_group(GroupName="devs"), "DeleteConflict", "must remove users from group first")
    iam.create_login_profile(UserName="Ann", Password="correct horse")
    assert iam.get_login_profile(UserName="Ann")["LoginProfile"]["PasswordResetRequired"] is False
    for listed in (iam.list_mfa_devices, iam.list_ssh_public_keys, iam.list_signing_certificates):
        assert [v for v in listed(UserName="Ann").values() if isinstance(v, list)] == [[]]


def roles():
    role = iam.create_role(RoleName="app", AssumeRolePolicyDocument=json.dumps(TRUST), Description="the app",
                           MaxSessionDuration=7200, Tags=[{"Key": "a", "Value": "b"}])["Role"]
    assert role["AssumeRolePolicyDocument"] == TRUST and role["RoleId"].startswith("AROA"), role
    assert iam.get_role(RoleName="app")["Role"]["MaxSessionDuration"] == 7200
    bad = lambda text: lambda: iam.create_role(RoleName="bad", AssumeRolePolicyDocument=text)
    refused(bad("{"), "MalformedPolicyDocument", "This policy contains invalid Json")
    refused(bad(json.dumps(document())), "MalformedPolicyDocument", "Has prohibited field Resource")
    principal = {**TRUST, "Statement": [{**TRUST["Statement"][0], "Principal": {"AWS": "arn:aws:iam::1:user/x"}}]}
    refused(bad(json.dumps(principal)), "MalformedPolicyDocument", 'Invalid principal in policy: "AWS":"arn:aws:iam::1:user/x"')
    iam.put_role_policy(RoleName="app", PolicyName="inline", PolicyDocument=json.dumps(document()))
    assert iam.get_role_policy(RoleName="app", PolicyName="inline")["PolicyDocument"] == document()
    refused(lambda: iam.get_role_policy(RoleName="app", PolicyName="no"), "NoSuchEntity",
            "The role policy with name no cannot be found.")
    iam.attach_role_policy(RoleName="app", PolicyArn="arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess")
    assert iam.list_attached_role_policies(RoleName="app")["AttachedPolicies"] == [
        {"PolicyName": "AmazonS3ReadOnlyAccess", "PolicyArn": "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"}]
    refused(lambda: iam.attach_role_policy(RoleName="app", PolicyArn="arn:aws:iam::aws:policy/NoSuchThing"),
            "NoSuchEntity", "Policy arn:aws:iam::aws:policy/NoSuchThing does not exist or is not attachable.")
    iam.create_instance_profile(InstanceProfileName="box")
    iam.add_role_to_instance_profile(InstanceProfileName="box", RoleName="app")
    profile = iam.get_instance_profile(InstanceProfileName="box")["InstanceProfile"]
    assert [r["RoleName"] for r in profile["Roles"]] == ["app"]
    refused(lambda: iam.delete_role(RoleName="app"), "DeleteConflict", "must remove roles from instance profile first")
    iam.remove_role_from_instance_profile(InstanceProfileName="box", RoleName="app")
    refused(lambda: iam.delete_role(RoleName="app"), "DeleteConflict", "must detach all policies first")
    linked = iam.create_service_linked_role(AWSServiceName="ecs.amazonaws.com")["Role"]
    assert linked["Arn"] == f"{ACCOUNT}role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS"
    task = iam.delete_service_linked_role(RoleName="AWSServiceRoleForECS")["DeletionTaskId"]
    assert iam.get_service_linked_role_deletion_status(DeletionTaskId=task)["Status"] == "SUCCEEDED"


def policies():
    make = lambda name, text: iam.create_policy(PolicyName=name, PolicyDocument=text)["Policy"]
    arn = make("mine", json.dumps(document()))["Arn"]
    assert arn == f"{ACCOUNT}policy/mine"
    refused(lambda: make("mine", json.dumps(document())), "EntityAlreadyExists", "A policy called mine already exists.")
    refused(lambda: make("bad", json.dumps(document("sqs"))), "MalformedPolicyDocument", "prefaced by a vendor")
    refused(lambda: make("bad", json.dumps(document(resource="q"))), "MalformedPolicyDocument", "must be in ARN format")
    refused(lambda: make("bad", "nonsense"), "MalformedPolicyDocument", "Syntax errors in policy.")
    refused(lambda: make("big", json.dumps(document(["sqs:" + "x" * 60] * 120))), "LimitExceeded",
            "Cannot exceed quota for PolicySize: 6144")
    for n in range(4):
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=json.dumps(document(f"s3:{n}")), SetAsDefault=n == 3)
    refused(lambda: iam.create_policy_version(PolicyArn=arn, PolicyDocument=json.dumps(document())), "LimitExceeded",
            "A managed policy can have up to 5 versions.")
    assert iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"] == "v5"
    assert [v["VersionId"] for v in iam.list_policy_versions(PolicyArn=arn)["Versions"]] == ["v5", "v4", "v3", "v2", "v1"]
    assert iam.get_policy_version(PolicyArn=arn, VersionId="v5")["PolicyVersion"]["Document"] == document("s3:3")
    refused(lambda: iam.delete_policy_version(PolicyArn=arn, VersionId="v5"), "DeleteConflict", "default version")
    iam.attach_user_policy(UserName="Ann", PolicyArn=arn)
    iam.put_user_permissions_boundary(UserName="Ann", PermissionsBoundary=arn)
    found = iam.list_entities_for_policy(PolicyArn=arn)
    assert [u["UserName"] for u in found["PolicyUsers"]] == ["Ann"] and found["PolicyRoles"] == []
    assert iam.get_policy(PolicyArn=arn)["Policy"]["PermissionsBoundaryUsageCount"] == 1
    refused(lambda: iam.delete_policy(PolicyArn=arn), "DeleteConflict", "attached to entities")
    assert [p["PolicyName"] for p in iam.list_policies(Scope="Local")["Policies"]] == ["mine"]
    names = [p["PolicyName"] for page in iam.get_paginator("list_policies").paginate(Scope="AWS") for p in page["Policies"]]
    assert "AdministratorAccess" in names and len(names) == len(set(names))
    admin = iam.get_policy_version(PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess", VersionId="v1")
    assert admin["PolicyVersion"]["Document"]["Statement"][0]["Action"] == "*"


def keys():
    key = iam.create_access_key(UserName="Ann")["AccessKey"]
    assert key["AccessKeyId"].startswith("AKIA") and len(key["SecretAccessKey"]) == 40, key["AccessKeyId"]
    iam.create_access_key(UserName="Ann")
    refused(lambda: iam.create_access_key(UserName="Ann"), "LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2")
    assert iam.get_access_key_last_used(AccessKeyId=key["AccessKeyId"])["UserName"] == "Ann"
    iam.update_access_key(UserName="Ann", AccessKeyId=key["AccessKeyId"], Status="Inactive")
    listed = {k["AccessKeyId"]: k["Status"] for k in iam.list_access_keys(UserName="Ann")["AccessKeyMetadata"]}
    assert sorted(listed.values()) == ["Active", "Inactive"] and listed[key["AccessKeyId"]] == "Inactive"
    refused(lambda: iam.delete_access_key(UserName="Ann", AccessKeyId="AKIA" + "A" * 16), "NoSuchEntity",
            "The Access Key with id AKIAAAAAAAAAAAAAAAAA cannot be found.")


def account():
    iam.create_account_alias(AccountAlias="ours")
    assert iam.list_account_aliases()["AccountAliases"] == ["ours"]
    summary = iam.get_account_summary()["SummaryMap"]
    assert (summary["Users"], summary["Groups"], summary["Policies"]) == (6, 1, 1), summary
    refused(iam.get_account_password_policy, "NoSuchEntity", "The Password Policy with domain name 000000000000")
    iam.update_account_password_policy(MinimumPasswordLength=12, RequireSymbols=True)
    assert iam.get_account_password_policy()["PasswordPolicy"]["MinimumPasswordLength"] == 12
    oidc = iam.create_open_id_connect_provider(Url="https://token.actions.githubusercontent.com",
                                               ClientIDList=["sts.amazonaws.com"], ThumbprintList=["a" * 40])
    arn = oidc["OpenIDConnectProviderArn"]
    assert arn == f"{ACCOUNT}oidc-provider/token.actions.githubusercontent.com"
    iam.add_client_id_to_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="more")
    assert iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)["ClientIDList"] == ["sts.amazonaws.com", "more"]
    details = iam.get_account_authorization_details()
    assert [d["UserName"] for d in details["UserDetailList"]][0] == "Ann"
    assert [p["PolicyName"] for p in details["RoleDetailList"][0]["RolePolicyList"]] == ["inline"]


def simulation():
    user = iam.create_user(UserName="sim")["User"]["Arn"]
    iam.put_user_policy(UserName="sim", PolicyName="p", PolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::b/*"},
            {"Effect": "Deny", "Action": "s3:DeleteObject", "Resource": "*"},
            {"Effect": "Allow", "Action": "sqs:*", "Resource": "*",
             "Condition": {"StringEquals": {"aws:RequestedRegion": "eu-west-1"}}}]}))
    decide = lambda *actions, **more: [
        r["EvalDecision"] for r in iam.simulate_principal_policy(
            PolicySourceArn=user, ActionNames=list(actions), **more)["EvaluationResults"]]
    own = {"ResourceArns": ["arn:aws:s3:::b/k"]}
    assert decide("s3:GetObject", "s3:DeleteObject", "ses:SendEmail", **own) == ["allowed", "explicitDeny", "implicitDeny"]
    assert decide("sqs:SendMessage") == ["implicitDeny"]
    region = {"ContextKeyName": "aws:RequestedRegion", "ContextKeyValues": ["eu-west-1"], "ContextKeyType": "string"}
    assert decide("sqs:SendMessage", ContextEntries=[region]) == ["allowed"]
    custom = iam.simulate_custom_policy(PolicyInputList=[json.dumps(document())], ActionNames=["sqs:x"])
    assert custom["EvaluationResults"][0]["EvalDecision"] == "allowed"
    keys = iam.get_context_keys_for_principal_policy(PolicySourceArn=user)["ContextKeyNames"]
    assert keys == ["aws:RequestedRegion"]


def command_line():
    aws = [sys.executable, "-m", "awscli", "--endpoint-url", ENDPOINT, "iam"]
    run = lambda *words: json.loads(subprocess.run([*aws, *words], check=True, capture_output=True).stdout or "{}")
    assert run("get-role", "--role-name", "app")["Role"]["Description"] == "the app"
    assert "ours" in run("list-account-aliases")["AccountAliases"]


def main():
    if PART == "before":
        for part in (users, roles, policies, keys, account, simulation, command_line):
            part()
        return
    assert iam.get_role(RoleName="app")["Role"]["AssumeRolePolicyDocument"] == TRUST
    assert iam.get_policy(PolicyArn=f"{ACCOUNT}policy/mine")["Policy"]["DefaultVersionId"] == "v5"
    assert iam.get_user(UserName="Ann")["User"]["PermissionsBoundary"]["PermissionsBoundaryArn"] == f"{ACCOUNT}policy/mine"
    assert len(iam.list_access_keys(UserName="Ann")["AccessKeyMetadata"]) == 2
    iam.delete_role_policy(RoleName="app", PolicyName="inline")
    iam.detach_role_policy(RoleName="app", PolicyArn="arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess")
    iam.delete_role(RoleName="app")
    refused(lambda: iam.get_role(RoleName="app"), "NoSuchEntity", "The role with name app cannot be found.")


if __name__ == "__main__":
    main()
