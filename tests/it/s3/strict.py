"""`auth = "strict"`: signatures of requests, chunks, trailers, forms and URLs are verified; S3's own words."""

import datetime
import hashlib
import hmac
import json

import requests
from common import ENDPOINT, body, client, refused, s3, same

B = "strict"
at = {"Bucket": B}
s3.create_bucket(**at)
s3.put_object(**at, Key="k", Body=b"text")  # by boto3, with a checksum in a trailer over http
same(body(B, "k"), b"text")
host = ENDPOINT.removeprefix("http://")


def error(answer):
    return answer.status_code, answer.text.split("<Code>")[1].split("</Code>")[0] if "<Code>" in answer.text else ""


refused("InvalidAccessKeyId", 403, client(key="AKIAIOSFODNN7EXAMPLE").list_buckets)
same(error(requests.get(f"{ENDPOINT}/{B}/k")), (403, "AccessDenied"))
same(error(requests.get(f"{ENDPOINT}/{B}/k?X-Amz-Credential=test/20260101/us-east-1/s3/aws4_request")), (403, "AccessDenied"))
s3.delete_public_access_block(**at)
s3.put_bucket_policy(**at, Policy=json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{B}/k"}]}))
same(requests.get(f"{ENDPOINT}/{B}/k").content, b"text")  # what is open is open in strict mode too


def sign(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def sha(data):
    return hashlib.sha256(data).hexdigest()


class Chunked:
    """A body whose chunks are signed, as the SDKs for Java and Go sent them for years."""

    def __init__(self, path, chunks, trailer=None, secret="test"):
        now = datetime.datetime.now(datetime.timezone.utc)
        self.stamp, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
        self.scope = f"{day}/us-east-1/s3/aws4_request"
        self.key = b"AWS4" + secret.encode()
        for part in self.scope.split("/"):
            self.key = sign(self.key, part)
        payload = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" + ("-TRAILER" if trailer else "")
        self.headers = {"host": host, "x-amz-content-sha256": payload, "x-amz-date": self.stamp,
                        "x-amz-decoded-content-length": str(sum(map(len, chunks)))}
        if trailer:
            self.headers["x-amz-trailer"] = trailer[0]
        names = ";".join(sorted(self.headers))
        lines = "".join(f"{n}:{self.headers[n]}\n" for n in sorted(self.headers))
        request = f"PUT\n{path}\n\n{lines}\n{names}\n{payload}"
        self.previous = self.next(f"AWS4-HMAC-SHA256\n{self.stamp}\n{self.scope}\n{sha(request.encode())}")
        self.headers["Authorization"] = (f"AWS4-HMAC-SHA256 Credential=test/{self.scope}, SignedHeaders={names}, "
                                         f"Signature={self.previous}")
        self.body = b""
        for data in [*chunks, b""]:
            self.chain("PAYLOAD", f"{sha(b'')}\n{sha(data)}")
            self.body += f"{len(data):x};chunk-signature={self.previous}\r\n".encode() + data + (b"\r\n" if data else b"")
        if trailer:
            line = f"{trailer[0]}:{trailer[1]}"
            self.chain("TRAILER", sha(f"{line}\n".encode()))
            self.body += f"{line}\r\nx-amz-trailer-signature:{self.previous}\r\n".encode()
        self.body += b"\r\n"

    def next(self, text):
        return hmac.new(self.key, text.encode(), hashlib.sha256).hexdigest()

    def chain(self, kind, rest):
        self.previous = self.next(f"AWS4-HMAC-SHA256-{kind}\n{self.stamp}\n{self.scope}\n{self.previous}\n{rest}")

    def send(self, path, changed=None):
        return requests.put(f"{ENDPOINT}{path}", data=changed or self.body, headers=self.headers)


path = f"/{B}/chunked"
chunks = [b"a" * 65_536, b"b" * 65_536, b"c" * 100]
crc = ("x-amz-checksum-crc32", "n7bLwA==")
whole = Chunked(path, chunks)
same(whole.send(path).status_code, 200)
same(body(B, "chunked"), b"".join(chunks))
for changed in [whole.body.replace(b"aa", b"ab", 1), whole.body.replace(b"cc", b"cd", 1), whole.body.replace(b"chunk-signature=", b"chunk-signature=0", 1),
                whole.body.replace(b"64;chunk-signature=" + whole.body.split(b"64;chunk-signature=")[1][:64], b"64", 1)]:
    same(error(whole.send(path, changed)), (403, "SignatureDoesNotMatch"))
import zlib
import base64
crc = ("x-amz-checksum-crc32", base64.b64encode(zlib.crc32(b"".join(chunks)).to_bytes(4, "big")).decode())
trailing = Chunked(path, chunks, crc)
same(trailing.send(path).status_code, 200)
for changed in [trailing.body.replace(b"trailer-signature:", b"trailer-signature:0"), trailing.body.split(b"x-amz-trailer-signature")[0] + b"\r\n",
                trailing.body.replace(crc[1].encode(), b"AAAAAA==")]:
    same(error(trailing.send(path, changed)), (403, "SignatureDoesNotMatch"))
answer = Chunked(path, chunks, secret="other").send(path)
same(error(answer), (403, "SignatureDoesNotMatch"))
for part in ["<AWSAccessKeyId>test</AWSAccessKeyId>", "<StringToSign>AWS4-HMAC-SHA256\n", "<SignatureProvided>", "<StringToSignBytes>41 57 53 34",
             "<CanonicalRequest>PUT\n/strict/chunked\n", "<CanonicalRequestBytes>50 55 54"]:
    assert part in answer.text, (part, answer.text)

# URLs.
signer, stranger = client(signature_version="s3v4"), client(key="AKIAIOSFODNN7EXAMPLE", signature_version="s3v4")
get = signer.generate_presigned_url("get_object", Params={**at, "Key": "chunked"})
same(requests.get(get).content, b"".join(chunks))
same(error(requests.get(get.replace("chunked", "other"))), (403, "SignatureDoesNotMatch"))
same(error(requests.get(stranger.generate_presigned_url("get_object", Params={**at, "Key": "k"}))), (403, "InvalidAccessKeyId"))
for call, arguments in [("head_object", {}), ("delete_object", {})]:
    url = signer.generate_presigned_url(call, Params={**at, "Key": "chunked"})
    assert requests.request(call.split("_")[0].upper(), url).status_code in [200, 204]
old = client(signature_version="s3")
answer = requests.get(old.generate_presigned_url("get_object", Params={**at, "Key": "k"}))
same(error(answer), (400, "InvalidRequest"))
assert "Please use AWS4-HMAC-SHA256." in answer.text, answer.text
refused("InvalidRequest", 400, old.list_buckets)

# Forms.
for version in ["s3v4", "s3"]:
    signer, stranger = client(signature_version=version), client(key="AKIAIOSFODNN7EXAMPLE", signature_version=version)
    form = signer.generate_presigned_post(B, "form")
    same(requests.post(form["url"], data=form["fields"], files={"file": b"x"}).status_code, 204)
    form = stranger.generate_presigned_post(B, "form")
    same(error(requests.post(form["url"], data=form["fields"], files={"file": b"x"})), (403, "InvalidAccessKeyId"))
same(error(requests.post(f"{ENDPOINT}/{B}", data={"key": "k"}, files={"file": b"x"})), (403, "AccessDenied"))
