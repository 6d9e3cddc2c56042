"""Who may what: anonymous requests, bucket policies, ACLs, ownership, blocks of public access."""

import json

import requests
from common import ENDPOINT, client, refused, s3, same

B = "access"
at = {"Bucket": B}
url = f"{ENDPOINT}/{B}"
s3.create_bucket(**at)
s3.put_object(**at, Key="open/k", Body=b"open")
s3.put_object(**at, Key="k", Body=b"closed", Tagging="class=public")


def outcome(answer):
    code = answer.text.split("<Code>")[1].split("</Code>")[0] if "<Code>" in answer.text else ""
    return answer.status_code, code


DENIED = (403, "AccessDenied")


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": effect, "Principal": "*", "Action": action, "Resource": f"arn:aws:s3:::{resource}", **more}
        for effect, action, resource, more in statements]})


# Nothing is open by default, and nothing is told of what there is.
for path in ["/k", "/none", "?list-type=2", "?acl", "?policy", "/k?versionId=null", "/k?tagging"]:
    same(outcome(requests.get(url + path)), DENIED)
same(outcome(requests.put(f"{url}/new", data=b"x")), DENIED)
same(outcome(requests.put(f"{url}/new", headers={"x-amz-copy-source": f"/{B}/k"})), DENIED)
same(outcome(requests.delete(f"{url}/k")), DENIED)
same(outcome(requests.get(ENDPOINT)), DENIED)
same(outcome(requests.put(f"{ENDPOINT}/of-nobody")), DENIED)
same(requests.head(f"{url}/k").status_code, 403)
same(outcome(requests.get(f"{ENDPOINT}/there-is-none/k")), (404, "NoSuchBucket"))

# New buckets block public policies and have ACLs off.
read = policy(("Allow", "s3:GetObject", f"{B}/open/*", {}))
refused("AccessDenied", 403, s3.put_bucket_policy, **at, Policy=read)
refused("NoSuchBucketPolicy", 404, s3.get_bucket_policy_status, **at)
for acl in ["private", "public-read"]:
    refused("AccessControlListNotSupported", 400, s3.put_bucket_acl, **at, ACL=acl)
    refused("AccessControlListNotSupported", 400, s3.put_object_acl, **at, Key="k", ACL=acl)
refused("AccessControlListNotSupported", 400, s3.put_object, **at, Key="k2", ACL="public-read")
refused("AccessControlListNotSupported", 400, s3.create_multipart_upload, **at, Key="k2", ACL="public-read")
for acl in ["bucket-owner-full-control", "private"]:  # which are one where the owner writes
    s3.put_object(**at, Key="k2", ACL=acl)
refused("AccessControlListNotSupported", 400, client(key="111122223333").put_object, **at, Key="k2", ACL="private")
refused("InvalidBucketAclWithObjectOwnership", 400, s3.create_bucket, Bucket="acl-off", ACL="public-read")
refused("InvalidBucketAclWithBlockPublicAccessError", 400, s3.create_bucket, Bucket="acl-blocked", ACL="public-read",
        ObjectOwnership="ObjectWriter")

# A policy opens what it names.
s3.delete_public_access_block(**at)
s3.put_bucket_policy(**at, Policy=read)
same(s3.get_bucket_policy_status(**at)["PolicyStatus"], {"IsPublic": True})
same(requests.get(f"{url}/open/k").content, b"open")
same(outcome(requests.get(f"{url}/k")), DENIED)
same(outcome(requests.get(f"{url}/open/none")), DENIED)  # without the right to list
s3.put_bucket_policy(**at, Policy=policy(
    ("Allow", "s3:GetObject", f"{B}/*", {"Condition": {"StringEquals": {"s3:ExistingObjectTag/class": "public"}}}),
    ("Allow", "s3:ListBucket", B, {"Condition": {"StringLike": {"s3:prefix": "open/*"}}}),
    ("Allow", ["s3:PutObject", "s3:DeleteObject"], f"{B}/drop/*", {}),
    ("Deny", "s3:PutObject", f"{B}/*", {"Condition": {"StringNotEquals": {"s3:x-amz-storage-class": "STANDARD_IA"}}})))
same(requests.get(f"{url}/k").content, b"closed")
same(outcome(requests.get(f"{url}/open/k")), DENIED)
same(requests.get(f"{url}?prefix=open/").status_code, 200)
same(outcome(requests.get(f"{url}?prefix=")), DENIED)
same(outcome(requests.put(f"{url}/drop/k", data=b"x")), DENIED)
same(requests.put(f"{url}/drop/k", data=b"x", headers={"x-amz-storage-class": "STANDARD_IA"}).status_code, 200)
# Signed requests stay allowed.
s3.put_object(**at, Key="signed", Body=b"x")
listed = "<Delete><Object><Key>drop/k</Key></Object><Object><Key>k</Key></Object></Delete>"
answer = requests.post(f"{url}?delete", data=listed).text
assert "<Deleted><Key>drop/k</Key></Deleted>" in answer and "<Key>k</Key><Code>AccessDenied</Code>" in answer, answer
refused("404", 404, s3.head_object, **at, Key="drop/k")
s3.put_bucket_policy(**at, Policy=policy(("Allow", "s3:*", f"{B}/*", {}), ("Allow", "s3:*", B, {})))
same(outcome(requests.get(f"{url}/none")), (404, "NoSuchKey"))
same(outcome(requests.put(f"{url}?policy", data=b"{}")), DENIED)  # whatever a policy says
s3.put_public_access_block(**at, PublicAccessBlockConfiguration={"RestrictPublicBuckets": True})
same(outcome(requests.get(f"{url}/k")), DENIED)
s3.put_public_access_block(**at, PublicAccessBlockConfiguration={"RestrictPublicBuckets": False})

# What is no policy for this bucket.
for wrong, message in [
    ("{", "This policy contains invalid Json"),
    (policy(("Allow", "s3:GetObject", "other/*", {})), "Policy has invalid resource"),
    (policy(("Allow", "s3:Fetch", f"{B}/*", {})), "Policy has invalid action"),
    (policy(("Allow", "s3:ListBucket", f"{B}/*", {})), "Action does not apply to any resource(s) in statement"),
    (policy(("allow", "s3:GetObject", f"{B}/*", {})), "Invalid effect: allow"),
    (policy(("Allow", "s3:GetObject", f"{B}/*", {"Principal": {"AWS": "me"}})), "Invalid principal in policy"),
    (policy(("Allow", "s3:GetObject", f"{B}/*", {"Condition": {"Like": {"aws:Referer": "x"}}})), "Invalid Condition type : Like"),
]:
    same(refused("MalformedPolicy", 400, s3.put_bucket_policy, **at, Policy=wrong)["Message"], message)
s3.delete_bucket_policy(**at)
same(outcome(requests.get(f"{url}/k")), DENIED)

# ACLs, where ownership lets them count.
s3.put_bucket_ownership_controls(**at, OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]})
s3.put_object_acl(**at, Key="k", ACL="public-read")
same([g["Permission"] for g in s3.get_object_acl(**at, Key="k")["Grants"]], ["FULL_CONTROL", "READ"])
same(requests.get(f"{url}/k").content, b"closed")
same(outcome(requests.get(f"{url}/k?acl")), DENIED)
s3.put_bucket_acl(**at, ACL="public-read-write")
same(requests.get(url).status_code, 200)
same(requests.put(f"{url}/by-anyone", data=b"x").status_code, 200)
same(requests.delete(f"{url}/by-anyone").status_code, 204)
group = "http://acs.amazonaws.com/groups/global/AllUsers"
s3.put_object(**at, Key="granted", Body=b"x", GrantRead=f'uri="{group}"')
same(requests.get(f"{url}/granted").status_code, 200)
same([g["Grantee"]["URI"] for g in s3.get_object_acl(**at, Key="granted")["Grants"]], [group])
s3.put_public_access_block(**at, PublicAccessBlockConfiguration={"IgnorePublicAcls": True})
same(outcome(requests.get(f"{url}/granted")), DENIED)
s3.put_public_access_block(**at, PublicAccessBlockConfiguration={"BlockPublicAcls": True})
refused("AccessDenied", 403, s3.put_object_acl, **at, Key="k", ACL="public-read")
refused("AccessDenied", 403, s3.put_object, **at, Key="k3", ACL="public-read")
same(requests.get(f"{url}/granted").status_code, 200)

# Every refusal of an ACL, as AWS was recorded.
owner = s3.get_bucket_acl(**at)["Owner"]
own = {"Grantee": {"ID": owner["ID"], "Type": "CanonicalUser"}, "Permission": "FULL_CONTROL"}
logs = {"Grantee": {"URI": "http://acs.amazonaws.com/groups/s3/LogDelivery", "Type": "Group"}, "Permission": "WRITE"}
for put, of in [(s3.put_bucket_acl, at), (s3.put_object_acl, {**at, "Key": "k"})]:
    put(**of, AccessControlPolicy={"Owner": owner, "Grants": [own, logs]})
    error = refused("InvalidArgument", 400, put, **of, ACL="fake-acl")
    same((error["ArgumentName"], error["ArgumentValue"]), ("x-amz-acl", "fake-acl"))
    error = refused("InvalidArgument", 400, put, **of, GrantWrite='uri="http://acs.amazonaws.com/groups/s3/FakeGroup"')
    same((error["Message"], error["ArgumentName"]), ("Invalid group uri", "uri"))
    error = refused("InvalidArgument", 400, put, **of, GrantWrite='fakekey="1234"')
    same((error["Message"], error["ArgumentName"]), ("Argument format not recognized", "x-amz-grant-write"))
    same(refused("InvalidArgument", 400, put, **of, GrantWrite='id="wrong-id"')["Message"], "Invalid id")
    refused("MalformedACLError", 400, put, **of, AccessControlPolicy={"Grants": [own]})
    refused("MalformedACLError", 400, put, **of, AccessControlPolicy={})
    refused("MalformedACLError", 400, put, **of, AccessControlPolicy={"Owner": owner, "Grants": [{**own, "Permission": "FAKE"}]})
    error = refused("InvalidArgument", 400, put, **of, AccessControlPolicy={"Owner": {"ID": "wrong-id"}, "Grants": [own]})
    same((error["Message"], error["ArgumentName"]), ("Invalid id", "CanonicalUser/ID"))
    same(refused("MissingSecurityHeader", 400, put, **of)["MissingHeaderName"], "x-amz-acl")
    refused("InvalidRequest", 400, put, **of, ACL="private", GrantRead=f'uri="{group}"')
    refused("UnexpectedContent", 400, put, **of, ACL="private", AccessControlPolicy={"Owner": owner, "Grants": [own]})

# Presigned URLs of the environment's own keys must be what was signed; anybody else's are anybody's.
signer, stranger = client(signature_version="s3v4"), client(key="AKIAIOSFODNN7EXAMPLE", signature_version="s3v4")
made = signer.generate_presigned_url("get_object", Params={**at, "Key": "signed"})
same(requests.get(made).content, b"x")
error = requests.get(made.replace("/signed?", "/k?"))
same(outcome(error), (403, "SignatureDoesNotMatch"))
assert "<StringToSign>" in error.text and "<SignatureProvided>" in error.text, error.text
same(outcome(requests.put(made, data=b"x")), (403, "SignatureDoesNotMatch"))
made = stranger.generate_presigned_url("get_object", Params={**at, "Key": "signed"})
same(requests.get(made.replace("/signed?", "/k?")).content, b"closed")
same(outcome(requests.get(made, headers={"Authorization": "AWS x:y"})), (400, "InvalidArgument"))
made = signer.generate_presigned_url("put_object", Params={**at, "Key": "typed", "ContentType": "text/plain"})
same(outcome(requests.put(made, data=b"x", headers={"Content-Type": "text/html"})), (403, "SignatureDoesNotMatch"))
same(requests.put(made, data=b"x", headers={"Content-Type": "text/plain"}).status_code, 200)
error = requests.put(made, data=b"x", headers={"Content-Type": "text/plain", "x-amz-storage-class": "STANDARD_IA"})
same(outcome(error), DENIED)
assert "<HeadersNotSigned>x-amz-storage-class</HeadersNotSigned>" in error.text, error.text
