"""enforce.py ENDPOINT: `auth = "enforce"` as boto3 meets it. The environment's own keys are root."""

import base64
import json
import sys

import boto3
import requests
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

ENDPOINT = sys.argv[1]
ACCOUNT = "000000000000"
ONCE = Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"})


def client(service, credentials=None, **more):
    if credentials:
        more |= {"aws_access_key_id": credentials["AccessKeyId"],
                 "aws_secret_access_key": credentials["SecretAccessKey"],
                 "aws_session_token": credentials.get("SessionToken")}
    return boto3.client(service, endpoint_url=ENDPOINT, **{"config": ONCE, **more})


def refused(call, code, text, status):
    try:
        call()
    except ClientError as error:
        given, meta = error.response["Error"], error.response["ResponseMetadata"]
        assert given["Code"] == code and text in given["Message"], given
        assert meta["HTTPStatusCode"] == status, meta
        return meta["HTTPHeaders"].get("x-devenv-authorization-message")
    raise AssertionError(f"{code} expected")


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action, resource="*", **more):
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action, resource="*", **more):
    return {"Effect": "Deny", "Action": action, "Resource": resource, **more}


iam = client("iam")
iam.create_user(UserName="ann")
ANN = f"arn:aws:iam::{ACCOUNT}:user/ann"
KEY = iam.create_access_key(UserName="ann")["AccessKey"]


def grant(*statements):
    iam.put_user_policy(UserName="ann", PolicyName="p", PolicyDocument=document(*statements))


def missing(action, resource, kind="identity-based policy", who=ANN):
    return (f"User: {who} is not authorized to perform: {action} on resource: {resource} "
            f"because no {kind} allows the {action} action")


def explicit(action, resource, kind="an identity-based policy", who=ANN):
    return f"User: {who} is not authorized to perform: {action} on resource: {resource} with an explicit deny in {kind}"


def queues():
    root, ann = client("sqs"), client("sqs", KEY)
    url = root.create_queue(QueueName="jobs")["QueueUrl"]
    arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:jobs"
    send = lambda: ann.send_message(QueueUrl=url, MessageBody="x")
    encoded = refused(send, "AccessDenied", missing("sqs:SendMessage", arn), 403)
    decoded = json.loads(client("sts").decode_authorization_message(EncodedMessage=encoded)["DecodedMessage"])
    assert decoded["context"]["action"] == "sqs:SendMessage" and decoded["explicitDeny"] is False, decoded
    grant(allow("sqs:SendMessage", arn))
    send()
    ann.send_message_batch(QueueUrl=url, Entries=[{"Id": "1", "MessageBody": "x"}])
    refused(lambda: ann.receive_message(QueueUrl=url), "AccessDenied", missing("sqs:ReceiveMessage", arn), 403)
    grant(allow("sqs:*"), deny("sqs:DeleteQueue"))
    refused(lambda: ann.delete_queue(QueueUrl=url), "AccessDenied", explicit("sqs:DeleteQueue", arn), 403)
    policy = lambda statement: root.set_queue_attributes(QueueUrl=url, Attributes={"Policy": document(statement)})
    policy(deny("sqs:SendMessage", arn, Principal={"AWS": ANN}))
    refused(send, "AccessDenied", explicit("sqs:SendMessage", arn, "a resource-based policy"), 403)
    grant(deny("s3:*"))
    policy(allow("sqs:SendMessage", arn, Principal={"AWS": ANN}))
    send()
    stranger = client("sqs", {"AccessKeyId": "111111111111", "SecretAccessKey": "test"})
    theirs = missing("sqs:SendMessage", arn, "resource-based policy", "arn:aws:iam::111111111111:root")
    refused(lambda: stranger.send_message(QueueUrl=url, MessageBody="x"), "AccessDenied", theirs, 403)
    policy(allow("sqs:SendMessage", arn, Principal={"AWS": "111111111111"}))
    stranger.send_message(QueueUrl=url, MessageBody="x")
    form = requests.post(ENDPOINT, data={"Action": "ListQueues", "Version": "2012-11-05"})
    assert form.status_code == 403 and "<Code>MissingAuthenticationToken</Code>" in form.text, form.text


def buckets():
    root, ann = client("s3"), client("s3", KEY)
    root.create_bucket(Bucket="files")
    root.put_object(Bucket="files", Key="own/a", Body=b"x", Tagging="team=a")
    root.put_object(Bucket="files", Key="other/b", Body=b"x")
    own, bucket = "arn:aws:s3:::files/own/*", "arn:aws:s3:::files"
    grant(allow("sqs:*"))
    get = lambda key: ann.get_object(Bucket="files", Key=key)
    refused(lambda: get("own/a"), "AccessDenied", missing("s3:GetObject", "arn:aws:s3:::files/own/a"), 403)
    refused(lambda: ann.list_buckets(), "AccessDenied", missing("s3:ListAllMyBuckets", "*"), 403)
    grant(allow(["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], own),
          allow("s3:ListBucket", bucket, Condition={"StringLike": {"s3:prefix": "own/*"}}))
    get("own/a")
    refused(lambda: get("other/b"), "AccessDenied", missing("s3:GetObject", "arn:aws:s3:::files/other/b"), 403)
    assert ann.list_objects_v2(Bucket="files", Prefix="own/")["KeyCount"] == 1
    refused(lambda: ann.list_objects_v2(Bucket="files"), "AccessDenied", missing("s3:ListBucket", bucket), 403)
    # Who may not list does not learn which keys there are not.
    refused(lambda: get("own/none"), "AccessDenied", missing("s3:ListBucket", bucket), 403)
    copy = {"Bucket": "files", "Key": "other/b"}
    refused(lambda: ann.copy_object(Bucket="files", Key="own/c", CopySource=copy), "AccessDenied",
            missing("s3:GetObject", "arn:aws:s3:::files/other/b"), 403)
    gone = ann.delete_objects(Bucket="files", Delete={"Objects": [{"Key": "own/x"}, {"Key": "other/b"}]})
    assert [d["Key"] for d in gone["Deleted"]] == ["own/x"] and gone["Errors"][0]["Code"] == "AccessDenied", gone
    refused(lambda: ann.put_bucket_versioning(Bucket="files", VersioningConfiguration={"Status": "Enabled"}),
            "AccessDenied", missing("s3:PutBucketVersioning", bucket), 403)
    policy = lambda *statements: root.put_bucket_policy(Bucket="files", Policy=document(*statements))
    policy(deny("s3:PutObject", f"{bucket}/*", Principal="*",
                Condition={"StringNotEquals": {"s3:x-amz-server-side-encryption": "aws:kms"}}))
    put = lambda s3: s3.put_object(Bucket="files", Key="own/n", Body=b"x")
    refused(lambda: put(ann), "AccessDenied", explicit("s3:PutObject", "arn:aws:s3:::files/own/n", "a resource-based policy"), 403)
    # A deny holds root too, but root can take the policy away.
    refused(lambda: put(root), "AccessDenied", "with an explicit deny in a resource-based policy", 403)
    policy(deny("s3:*", [bucket, f"{bucket}/*"], Principal="*"))
    root.delete_bucket_policy(Bucket="files")
    put(root)
    policy(allow("s3:GetObject", f"{bucket}/other/*", Principal={"AWS": ANN}))
    get("other/b")
    ann4 = client("s3", KEY, config=Config(signature_version="s3v4", s3={"addressing_style": "path"}))
    url = ann4.generate_presigned_url("get_object", Params={"Bucket": "files", "Key": "own/a"})
    assert requests.get(url).text == "x"
    url = ann4.generate_presigned_url("put_object", Params={"Bucket": "files", "Key": "other/n"})
    assert requests.put(url, data="x").status_code == 403
    form = ann4.generate_presigned_post("files", "own/form")
    post = lambda: requests.post(form["url"], data=form["fields"], files={"file": b"x"}).status_code
    assert post() == 204
    grant(deny("s3:PutObject"))
    assert post() == 403
    grant(allow("s3:GetObject", "*", Condition={"StringEquals": {"s3:ExistingObjectTag/team": "a"}}))
    get("own/a")
    refused(lambda: get("own/n"), "AccessDenied", missing("s3:GetObject", "arn:aws:s3:::files/own/n"), 403)


def state_lock():
    """Terraform's lock file in S3: whoever puts it first has it."""
    grant(allow("s3:*", ["arn:aws:s3:::files", "arn:aws:s3:::files/*"]))
    ann = client("s3", KEY)
    lock = lambda: ann.put_object(Bucket="files", Key="state.tflock", Body=b"{}", IfNoneMatch="*")
    lock()
    refused(lock, "PreconditionFailed", "", 412)
    ann.put_object(Bucket="files", Key="state", Body=b"{}")
    ann.delete_object(Bucket="files", Key="state.tflock")
    lock()


def secrets():
    root, ann = client("secretsmanager"), client("secretsmanager", KEY)
    arn = root.create_secret(Name="db", SecretString="hunter2", Tags=[{"Key": "team", "Value": "a"}])["ARN"]
    get = lambda: ann.get_secret_value(SecretId="db")["SecretString"]
    grant(allow("sqs:*"))
    refused(get, "AccessDeniedException", missing("secretsmanager:GetSecretValue", arn), 400)
    grant(allow("secretsmanager:GetSecretValue", f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:db-??????"))
    assert get() == "hunter2"
    grant(allow("secretsmanager:*", Condition={"StringEquals": {"aws:ResourceTag/team": "b"}}))
    refused(get, "AccessDeniedException", missing("secretsmanager:GetSecretValue", arn), 400)
    root.put_resource_policy(SecretId="db", ResourcePolicy=document(
        allow("secretsmanager:GetSecretValue", Principal={"AWS": ANN})))
    assert get() == "hunter2"


def parameters():
    root, ann = client("ssm"), client("ssm", KEY)
    root.put_parameter(Name="/app/a", Value="1", Type="String")
    root.put_parameter(Name="/app/b", Value="2", Type="String")
    arn = f"arn:aws:ssm:us-east-1:{ACCOUNT}:parameter/app/"
    grant(allow("ssm:GetParameter*", f"{arn}a"))
    assert ann.get_parameter(Name="/app/a")["Parameter"]["Value"] == "1"
    refused(lambda: ann.get_parameters(Names=["/app/a", "/app/b"]), "AccessDeniedException",
            missing("ssm:GetParameters", f"{arn}b"), 400)
    grant(allow("ssm:*"))
    secret = lambda: ann.get_parameter(Name="/aws/reference/secretsmanager/other", WithDecryption=True)
    client("secretsmanager").create_secret(Name="other", SecretString="x")
    refused(secret, "AccessDeniedException", "secretsmanager:GetSecretValue", 400)


def keys():
    root, ann = client("kms"), client("kms", KEY)
    arn = root.create_key()["KeyMetadata"]["Arn"]
    grant(allow("kms:Encrypt", arn))
    blob = ann.encrypt(KeyId=arn, Plaintext=b"x", EncryptionContext={"a": "b"})["CiphertextBlob"]
    decrypt = lambda: ann.decrypt(CiphertextBlob=blob, EncryptionContext={"a": "b"})
    refused(decrypt, "AccessDeniedException", missing("kms:Decrypt", arn), 400)
    grant(allow("kms:Decrypt", arn, Condition={"StringEquals": {"kms:EncryptionContext:a": "b"}}))
    assert decrypt()["Plaintext"] == b"x"
    root.put_key_policy(KeyId=arn, PolicyName="default", Policy=document(
        allow("kms:*", Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:user/nobody"})),
        BypassPolicyLockoutSafetyCheck=True)
    refused(decrypt, "AccessDeniedException", missing("kms:Decrypt", arn, "resource-based policy"), 400)


def keys_by_services():
    """Whoever uses what lies under a key of the account needs that key too; AWS's own keys let everybody in."""
    kms, own = client("kms"), ["s3:*", "sqs:*", "secretsmanager:*", "ssm:*"]
    arn = kms.create_key()["KeyMetadata"]["Arn"]
    names = f"secretsmanager:us-east-1:{ACCOUNT}:secret:sealed-*"
    root = {service: client(service) for service in ("s3", "sqs", "secretsmanager", "ssm")}
    ann = {service: client(service, KEY) for service in root}
    root["s3"].create_bucket(Bucket="sealed")
    sse = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": arn}
    root["s3"].put_object(Bucket="sealed", Key="a", Body=b"x", **sse)
    url = root["sqs"].create_queue(QueueName="sealed", Attributes={"KmsMasterKeyId": arn})["QueueUrl"]
    root["sqs"].send_message(QueueUrl=url, MessageBody="x")
    root["secretsmanager"].create_secret(Name="sealed", SecretString="x", KmsKeyId=arn)
    root["ssm"].put_parameter(Name="/sealed/a", Value="x", Type="SecureString", KeyId=arn)
    root["ssm"].put_parameter(Name="/of-aws", Value="x", Type="SecureString")
    read = [
        ("AccessDenied", 403, lambda: ann["s3"].get_object(Bucket="sealed", Key="a")),
        ("KMS.AccessDeniedException", 400, lambda: ann["sqs"].receive_message(QueueUrl=url)),
        ("AccessDeniedException", 400, lambda: ann["secretsmanager"].get_secret_value(SecretId="sealed")),
        ("AccessDeniedException", 400, lambda: ann["ssm"].get_parameter(Name="/sealed/a", WithDecryption=True)),
        ("AccessDeniedException", 400, lambda: ann["ssm"].get_parameters_by_path(Path="/sealed", WithDecryption=True)),
    ]
    write = [
        ("AccessDenied", 403, "GenerateDataKey", lambda: ann["s3"].put_object(Bucket="sealed", Key="b", Body=b"x", **sse)),
        ("AccessDenied", 403, "GenerateDataKey",
         lambda: ann["s3"].create_multipart_upload(Bucket="sealed", Key="b", **sse)),
        ("KMS.AccessDeniedException", 400, "GenerateDataKey",
         lambda: ann["sqs"].send_message(QueueUrl=url, MessageBody="y")),
        ("AccessDeniedException", 400, None,
         lambda: ann["secretsmanager"].put_secret_value(SecretId="sealed", SecretString="y")),
        ("AccessDeniedException", 400, "Encrypt",
         lambda: ann["ssm"].put_parameter(Name="/sealed/a", Value="y", Overwrite=True)),
    ]
    words = lambda call, operation: "Access to KMS is not allowed" if operation is None else missing(f"kms:{operation}", arn)
    grant(allow(own))
    for code, status, call in read:
        refused(call, code, "Access to KMS is not allowed" if call is read[2][2] else missing("kms:Decrypt", arn), status)
    for code, status, operation, call in write:
        refused(call, code, words(call, operation), status)
    ann["ssm"].get_parameter(Name="/of-aws", WithDecryption=True)
    ann["ssm"].get_parameter(Name="/sealed/a")
    ann["s3"].head_object(Bucket="sealed", Key="a")
    new = lambda: ann["secretsmanager"].create_secret(Name="sealed-new", SecretString="x", KmsKeyId=arn)
    refused(new, "AccessDeniedException", "Access to KMS is not allowed", 400)
    copy = lambda: ann["s3"].copy_object(Bucket="sealed", Key="c", CopySource="sealed/a")
    refused(copy, "AccessDenied", missing("kms:Decrypt", arn), 403)
    # By its service, and under its context.
    via = lambda service, **more: allow("kms:*", arn, Condition={
        "StringEquals": {"kms:ViaService": f"{service}.us-east-1.amazonaws.com"}, **more})
    of_queue = {"StringLike": {"kms:EncryptionContext:aws:sqs:arn": "*:sealed"}}
    of_secret = {"StringLike": {"kms:EncryptionContext:SecretARN": f"arn:aws:{names}"}}
    of_object = {"StringEquals": {"kms:EncryptionContext:aws:s3:arn": "arn:aws:s3:::sealed/a"}}
    of_parameter = {"StringLike": {"kms:EncryptionContext:PARAMETER_ARN": "*:parameter/sealed/*"}}
    grant(allow(own), via("s3", **of_object), via("sqs", **of_queue), via("secretsmanager", **of_secret),
          via("ssm", **of_parameter))
    for _, _, call in read:
        call()
    refused(write[0][3], "AccessDenied", missing("kms:GenerateDataKey", arn), 403)
    for _, _, _, call in write[2:]:
        call()
    new()
    copy()
    refused(lambda: client("kms", KEY).describe_key(KeyId=arn), "AccessDeniedException",
            missing("kms:DescribeKey", arn), 400)
    form = ann["s3"].generate_presigned_post("sealed", "form", Fields={"x-amz-server-side-encryption": "aws:kms",
        "x-amz-server-side-encryption-aws-kms-key-id": arn}, Conditions=[["starts-with", "$x-amz-server-side-encryption", ""],
        ["starts-with", "$x-amz-server-side-encryption-aws-kms-key-id", ""]])
    post = lambda: requests.post(form["url"], data=form["fields"], files={"file": b"x"})
    assert post().status_code == 403, post().text
    grant(allow(own), allow("kms:GenerateDataKey", arn))
    assert post().status_code == 204, post().text
    # Who may not use the key does not learn that it is disabled.
    grant(allow(own))
    kms.disable_key(KeyId=arn)
    refused(read[2][2], "AccessDeniedException", "Access to KMS is not allowed", 400)


def roles_that_are_passed():
    ann = client("iam", KEY)
    trust = document({"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"})
    role = iam.create_role(RoleName="passed", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    iam.create_instance_profile(InstanceProfileName="profile")
    add = lambda: ann.add_role_to_instance_profile(InstanceProfileName="profile", RoleName="passed")
    grant(allow("iam:AddRoleToInstanceProfile"))
    refused(add, "AccessDenied", missing("iam:PassRole", role), 403)
    root, s3 = client("s3"), client("s3", KEY)
    for bucket in ("passed-from", "passed-to"):
        root.create_bucket(Bucket=bucket)
        root.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    rule = {"ID": "r", "Status": "Enabled", "Prefix": "", "Destination": {"Bucket": "arn:aws:s3:::passed-to"}}
    replicate = lambda: s3.put_bucket_replication(
        Bucket="passed-from", ReplicationConfiguration={"Role": role, "Rules": [rule]})
    grant(allow("s3:*"))
    refused(replicate, "AccessDenied", missing("iam:PassRole", role), 403)
    passes = lambda service: allow("iam:PassRole", role, Condition={"StringEquals": {"iam:PassedToService": service}})
    grant(allow(["s3:*", "iam:AddRoleToInstanceProfile"]), passes("ec2.amazonaws.com"))
    add()
    refused(replicate, "AccessDenied", missing("iam:PassRole", role), 403)
    grant(allow("s3:*"), passes("s3.amazonaws.com"))
    replicate()


def mails():
    root, ann = client("ses"), client("ses", KEY)
    v2 = client("sesv2", KEY)
    root.verify_domain_identity(Domain="example.com")
    message = {"Subject": {"Data": "s"}, "Body": {"Text": {"Data": "t"}}}
    send = lambda: ann.send_email(Source="a@example.com", Destination={"ToAddresses": ["b@x.org"]}, Message=message)
    send2 = lambda: v2.send_email(FromEmailAddress="a@example.com", Destination={"ToAddresses": ["b@x.org"]},
                                  Content={"Simple": message})
    arn = f"arn:aws:ses:us-east-1:{ACCOUNT}:identity/example.com"
    grant(allow("sqs:*"))
    words = f"User `{ANN}' is not authorized to perform `ses:SendEmail' on resource `{arn}'"
    refused(send, "AccessDenied", words, 403)
    refused(send2, "AccessDeniedException", words, 403)
    refused(lambda: v2.list_email_identities(), "AccessDeniedException", missing("ses:ListEmailIdentities", "*"), 403)
    grant(allow("ses:SendEmail", arn, Condition={"StringEquals": {"ses:FromAddress": "a@example.com"}}))
    send()
    send2()


def roles_and_boundaries():
    sts = client("sts", KEY)
    trust = document({"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"})
    role = iam.create_role(RoleName="app", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    iam.put_role_policy(RoleName="app", PolicyName="p", PolicyDocument=document(allow("sqs:*")))
    assume = lambda **more: sts.assume_role(RoleArn=role, RoleSessionName="se", **more)["Credentials"]
    grant(allow("sqs:*"))
    refused(assume, "AccessDenied", missing("sts:AssumeRole", role), 403)
    assert sts.get_caller_identity()["Arn"] == ANN
    grant(allow("sts:AssumeRole", role))
    list_queues = lambda credentials: client("sqs", credentials).list_queues()
    list_queues(assume())
    session = f"arn:aws:sts::{ACCOUNT}:assumed-role/app/se"
    narrow = assume(Policy=document(allow("s3:*")))
    refused(lambda: list_queues(narrow), "AccessDenied", missing("sqs:ListQueues", "*", "session policy", session), 403)
    bound = iam.create_policy(PolicyName="bound", PolicyDocument=document(allow("s3:*")))["Policy"]["Arn"]
    iam.put_role_permissions_boundary(RoleName="app", PermissionsBoundary=bound)
    refused(lambda: list_queues(assume()), "AccessDenied",
            missing("sqs:ListQueues", "*", "permissions boundary", session), 403)
    iam.update_assume_role_policy(RoleName="app", PolicyDocument=document(
        {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}))
    refused(assume, "AccessDenied", "sts:AssumeRole", 403)
    bob = client("sts").get_federation_token(Name="bob", Policy=document(allow("sqs:ListQueues")))["Credentials"]
    list_queues(bob)
    refused(lambda: client("s3", bob).list_buckets(), "AccessDenied", "no session policy allows", 403)
    refused(lambda: client("iam", KEY).list_users(), "AccessDenied", missing("iam:ListUsers", "*"), 403)
    iam.update_access_key(UserName="ann", AccessKeyId=KEY["AccessKeyId"], Status="Inactive")
    refused(lambda: client("sqs", KEY).list_queues(), "InvalidClientTokenId", "", 403)
    iam.update_access_key(UserName="ann", AccessKeyId=KEY["AccessKeyId"], Status="Active")


def web_identity():
    url = "id.example"
    provider = iam.create_open_id_connect_provider(Url=f"https://{url}")["OpenIDConnectProviderArn"]
    trust = document({"Effect": "Allow", "Principal": {"Federated": provider},
                      "Action": "sts:AssumeRoleWithWebIdentity",
                      "Condition": {"StringEquals": {f"{url}:sub": "me"}}})
    role = iam.create_role(RoleName="web", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    sts = client("sts", config=Config(signature_version=UNSIGNED))

    def assume(subject, issuer=url):
        claims = json.dumps({"iss": f"https://{issuer}", "sub": subject, "aud": "app"}).encode()
        token = ".".join(["e30", base64.urlsafe_b64encode(claims).decode().rstrip("="), "sig"])
        return sts.assume_role_with_web_identity(RoleArn=role, RoleSessionName="we", WebIdentityToken=token)

    assert assume("me")["Provider"] == provider
    refused(lambda: assume("you"), "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity", 403)
    refused(lambda: assume("me", "no.example"), "InvalidIdentityToken", "No OpenIDConnect provider found", 400)


for part in (queues, buckets, state_lock, secrets, parameters, keys, keys_by_services, roles_that_are_passed, mails, roles_and_boundaries, web_identity):
    part()
