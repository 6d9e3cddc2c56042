"""Browser uploads with policies, and buckets as websites."""

import base64
import datetime
import hashlib
import hmac
import json

import requests
from common import ENDPOINT, body, client, refused, s3, same

B = "forms"
at = {"Bucket": B}
s3.create_bucket(**at)
url = f"{ENDPOINT}/{B}"


def error(answer):
    text = answer.text
    code = text.split("<Code>")[1].split("</Code>")[0] if "<Code>" in text else ""
    message = text.split("<Message>")[1].split("</Message>")[0] if "<Message>" in text else ""
    return answer.status_code, code, message.replace("&quot;", '"').replace("&apos;", "'")


def post(form, content=b"content", **more):
    fields = {**form["fields"], **more}
    return requests.post(form["url"], data=fields, files={"file": ("cat photo.jpg", content)}, allow_redirects=False)


def made(version="s3v4", key="test", fields=None, conditions=None, name="up/${filename}", expires=600):
    return client(signature_version=version, key=key).generate_presigned_post(
        B, name, Fields=fields, Conditions=conditions, ExpiresIn=expires)


for version in ["s3v4", "s3"]:
    form = made(version)
    answer = post(form)
    same((answer.status_code, answer.text), (204, ""))
    same(answer.headers["ETag"], f'"{hashlib.md5(b"content").hexdigest()}"')
    assert answer.headers["Location"].endswith(f"/{B}/up/cat%20photo.jpg"), answer.headers
    same(body(B, "up/cat photo.jpg"), b"content")
    # Larger than what is held in memory, and with what looks like a boundary.
    large = b"\r\n--" * 100_000
    same(post(form, large).status_code, 204)
    same(body(B, "up/cat photo.jpg"), large)
    # Tampered, expired, incomplete.
    policy = json.loads(base64.b64decode(form["fields"]["policy"]))
    other = base64.b64encode(json.dumps({**policy, "conditions": []}).encode()).decode()
    answer = post(form, policy=other)
    same(error(answer)[:2], (403, "SignatureDoesNotMatch"))
    assert f"<StringToSign>{other}</StringToSign>" in answer.text and "<SignatureProvided>" in answer.text
    late = made(version, expires=-5)
    same(error(post(late)), (403, "AccessDenied", "Invalid according to Policy: Policy expired."))
    names = ["x-amz-signature", "x-amz-algorithm"] if version == "s3v4" else ["signature", "AWSAccessKeyId"]
    shown = {"x-amz-signature": "X-Amz-Signature", "x-amz-algorithm": "X-Amz-Algorithm", "signature": "Signature"}
    for name in names:
        fields = {k: v for k, v in form["fields"].items() if k != name}
        told = f"Bucket POST must contain a field named '{shown.get(name, name)}'.  If it is specified, please check the order of the fields."
        same(error(post({**form, "fields": fields})), (400, "InvalidArgument", told))
# A key that is not the environment's is taken in lenient mode, with its policy.
stranger = made(key="AKIAIOSFODNN7EXAMPLE", conditions=[["content-length-range", 5, 10]])
same(post(stranger, b"12345").status_code, 204)
same(error(post(stranger, b"1234"))[:2], (400, "EntityTooSmall"))
answer = post(stranger, b"12345678901")
same(error(answer)[:2], (400, "EntityTooLarge"))
assert "<ProposedSize>11</ProposedSize>" in answer.text and "<MaxSizeAllowed>10</MaxSizeAllowed>" in answer.text
assert b"12345" == body(B, "up/cat photo.jpg")

# Conditions, status, redirect, metadata, tags.
fields = {"success_action_status": "201", "Content-Type": "image/png", "x-amz-meta-who": "ann", "x-amz-storage-class": "STANDARD_IA",
          "tagging": "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"}
conditions = [{"success_action_status": "201"}, ["starts-with", "$Content-Type", "image/"], ["eq", "$x-amz-meta-who", "ann"],
              {"x-amz-storage-class": "STANDARD_IA"}, ["starts-with", "$tagging", ""]]
form = made(fields=fields, conditions=conditions, name="full")
answer = post(form)
same(answer.status_code, 201)
assert f"<PostResponse><Location>{url}/full</Location><Bucket>{B}</Bucket><Key>full</Key><ETag>" in answer.text, answer.text
head = s3.head_object(**at, Key="full", ChecksumMode="ENABLED")
same((head["ContentType"], head["Metadata"], head["StorageClass"]), ("image/png", {"who": "ann"}, "STANDARD_IA"))
assert head["ChecksumCRC64NVME"]
same(s3.get_object_tagging(**at, Key="full")["TagSet"], [{"Key": "a", "Value": "b"}])
failed = "Invalid according to Policy: Policy Condition failed: "
same(error(post(form, **{"Content-Type": "text/html"})), (403, "AccessDenied", failed + '["starts-with", "$Content-Type", "image/"]'))
same(error(post(form, **{"x-amz-meta-who": "bob"})), (403, "AccessDenied", failed + '["eq", "$x-amz-meta-who", "ann"]'))
same(error(post(form, acl="private")), (403, "AccessDenied", "Invalid according to Policy: Extra input fields: acl"))
same(error(post(form, tagging="not xml"))[:2], (400, "MalformedXML"))
wrong = made(conditions=[{"a": "1", "b": "2"}])
same(error(post(wrong)), (400, "InvalidPolicyDocument",
     "Invalid Policy: Invalid Simple-Condition: Simple-Conditions must have exactly one property specified."))
form = made(fields={"success_action_redirect": "http://localhost:3000/done?x=1"}, conditions=[["starts-with", "$success_action_redirect", "http://localhost"]])
answer = post(form)
same(answer.status_code, 303)
assert answer.headers["Location"].startswith(f"http://localhost:3000/done?x=1&bucket={B}&key=up/cat+photo.jpg&etag=%22"), answer.headers
same(error(post(form, success_action_redirect="HTTP://localhost"))[1], "AccessDenied")

# What is no upload.
same(error(requests.post(url, data={"key": "k"}))[:2], (412, "PreconditionFailed"))
same(error(requests.post(url, data={"key": "k"}, files={"file": b"x"}))[:2], (403, "AccessDenied"))
same(error(requests.post(url, data=b"nonsense", headers={"Content-Type": "multipart/form-data; boundary=x"}))[:2], (400, "MalformedPOSTRequest"))
same(error(requests.post(f"{ENDPOINT}/none-such", files={"file": b"x"}))[:2], (404, "NoSuchBucket"))
form = made()
same(error(requests.post(form["url"], files={k: (None, v) for k, v in form["fields"].items()}))[:2], (400, "InvalidArgument"))
same(error(post(form, key="k" * 30_000))[1], "MaxPostPreDataLengthExceeded")

# Anonymous forms go where a policy lets anybody write.
s3.delete_public_access_block(**at)
s3.put_bucket_policy(**at, Policy=json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": "*", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{B}/drop/*"}]}))
same(requests.post(url, data={"key": "drop/${filename}"}, files={"file": ("f", b"x")}).status_code, 204)
same(body(B, "drop/f"), b"x")
same(error(requests.post(url, data={"key": "k"}, files={"file": b"x"}))[1], "AccessDenied")

# Websites.
W = "site"
s3.create_bucket(Bucket=W)
host = {"Host": f"{W}.s3-website.localhost:{ENDPOINT.rsplit(':')[-1]}"}


def visit(path, host=host, method="GET", **more):
    return requests.request(method, f"{ENDPOINT}{path}", headers={**host, **more}, allow_redirects=False)


answer = visit("/")
same((answer.status_code, answer.headers["Content-Type"]), (404, "text/html; charset=utf-8"))
for part in ["<title>404 Not Found</title>", "<li>Code: NoSuchWebsiteConfiguration</li>", f"<li>BucketName: {W}</li>", "<li>RequestId: "]:
    assert part in answer.text, answer.text
assert "<li>Code: NoSuchBucket</li>" in visit("/", {"Host": "nowhere.s3-website.localhost"}).text
config = {"IndexDocument": {"Suffix": "index.html"}, "RoutingRules": [
    {"Condition": {"KeyPrefixEquals": "old/"}, "Redirect": {"ReplaceKeyPrefixWith": "new/"}},
    {"Condition": {"HttpErrorCodeReturnedEquals": "404", "KeyPrefixEquals": "lost/"}, "Redirect": {"ReplaceKeyWith": "found.html", "HttpRedirectCode": "302"}}]}
s3.put_bucket_website(Bucket=W, WebsiteConfiguration=config)
for key, text in [("index.html", "home"), ("docs/index.html", "docs"), ("a.txt", "text")]:
    s3.put_object(Bucket=W, Key=key, Body=text, ContentType="text/html")
s3.put_object(Bucket=W, Key="moved", WebsiteRedirectLocation="/a.txt")
answer = visit("/")
same((answer.status_code, "<li>Code: AccessDenied</li>" in answer.text), (403, True))
s3.delete_public_access_block(Bucket=W)
s3.put_bucket_policy(Bucket=W, Policy=json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{W}/*"},
    {"Effect": "Allow", "Principal": "*", "Action": "s3:ListBucket", "Resource": f"arn:aws:s3:::{W}"}]}))
same([visit(p).text for p in ["/", "/index.html", "/docs/", "/a.txt"]], ["home", "home", "docs", "text"])
same((visit("/docs").status_code, visit("/docs").headers["Location"]), (302, "/docs/"))
same((visit("/moved").status_code, visit("/moved").headers["Location"]), (301, "/a.txt"))
answer = visit("/old/x y")
same((answer.status_code, answer.headers["Location"]), (301, f"http://{host['Host']}/new/x%20y"))
answer = visit("/lost/page")
same((answer.status_code, answer.headers["Location"]), (302, f"http://{host['Host']}/found.html"))
answer = visit("/none/")
same(answer.status_code, 404)
assert "<li>Code: NoSuchKey</li>" in answer.text and "<li>Key: none/index.html</li>" in answer.text
answer = visit("/a.txt", method="DELETE")
assert answer.status_code == 405 and "<li>Method: DELETE</li>\n<li>ResourceType: OBJECT</li>" in answer.text
same((visit("/a.txt", method="HEAD").text, visit("/none", method="HEAD").status_code), ("", 404))
tag = visit("/a.txt").headers["ETag"]
same(visit("/a.txt", **{"If-None-Match": tag}).status_code, 304)
s3.put_bucket_website(Bucket=W, WebsiteConfiguration={"IndexDocument": {"Suffix": "index.html"}, "ErrorDocument": {"Key": "error.html"}})
assert "An Error Occurred While Attempting to Retrieve a Custom Error Document</h3>\n<ul>\n<li>Code: NoSuchKey</li>" in visit("/none").text
s3.put_object(Bucket=W, Key="error.html", Body="sorry")
same((visit("/none").status_code, visit("/none").text), (404, "sorry"))
s3.put_bucket_website(Bucket=W, WebsiteConfiguration={"RedirectAllRequestsTo": {"HostName": "example.org", "Protocol": "https"}})
answer = visit("/a/b")
same((answer.status_code, answer.headers["Location"]), (301, "https://example.org/a/b"))
