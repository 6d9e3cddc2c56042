"""What SDKs do not do by themselves: presigned URLs, raw chunked bodies, 100-continue, broken clients."""

import hashlib
import socket
import time

import requests
from common import ENDPOINT, body, client, refused, s3, same

B = "raw"
s3.create_bucket(Bucket=B)
host = ENDPOINT.removeprefix("http://")
# Any signature will do, but there must be one.
AUTHORIZATION = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
signed = requests.Session()
signed.headers["Authorization"] = AUTHORIZATION


def code_of(answer):
    return answer.text.split("<Code>")[1].split("</Code>")[0]


# Presigned URLs for every method; Version 2 is refused in AWS's words, in the query and in the head.
signer = client(signature_version="s3v4")
of = {"Bucket": B, "Key": "pre signed"}
made = {name: signer.generate_presigned_url(f"{name}_object", Params=of) for name in ["put", "get", "head", "delete"]}
same(requests.put(made["put"], data=b"by url").status_code, 200)
same(requests.get(made["get"]).content, b"by url")
same(requests.head(made["head"]).headers["Content-Length"], "6")
same(requests.delete(made["delete"]).status_code, 204)
same(code_of(requests.get(made["get"])), "NoSuchKey")
same(requests.put(made["put"], data=b"by url").status_code, 200)
old = client(signature_version="s3")
for key in ["test", "AKIAIOSFODNN7EXAMPLE"]:
    for name, seconds in [("get_object", 60), ("put_object", 60), ("get_object", -5)]:
        old_url = client(key=key, signature_version="s3").generate_presigned_url(name, Params=of, ExpiresIn=seconds)
        answer = requests.request(name.split("_")[0], old_url, data=b"x" if "put" in name else None)
        same((answer.status_code, code_of(answer)), (400, "InvalidRequest"))
        assert ("<Message>The authorization mechanism you have provided is not supported. "
                "Please use AWS4-HMAC-SHA256.</Message>") in answer.text, answer.text
refused("InvalidRequest", 400, old.list_buckets)
same(body(B, "pre signed"), b"by url")
url = signer.generate_presigned_url("get_object", Params=of, ExpiresIn=1)
time.sleep(2.1)
answer = requests.get(url)
same((answer.status_code, code_of(answer)), (403, "AccessDenied"))
assert "<Message>Request has expired</Message>" in answer.text, answer.text
cut = url.split("&X-Amz-Signature")[0]
same(code_of(requests.get(cut)), "AuthorizationQueryParametersError")
same(code_of(requests.get(f"{ENDPOINT}/{B}/pre signed")), "AccessDenied")  # without credentials

# The error document and headers.
answer = signed.get(f"{ENDPOINT}/{B}/<none>")
same((answer.status_code, answer.headers["Content-Type"]), (404, "application/xml"))
for part in ["<Code>NoSuchKey</Code>", "<Message>The specified key does not exist.</Message>",
             "<Key>&lt;none&gt;</Key>", "<RequestId>", "<HostId>"]:
    assert part in answer.text, answer.text
same(len(answer.headers["x-amz-request-id"]), 16)
assert answer.headers["x-amz-id-2"]
same(signed.head(f"{ENDPOINT}/{B}/none").text, "")

# aws-chunked, signed and with a trailer, cut into single bytes.
framed = b"5;chunk-signature=aa\r\nhello\r\n6;chunk-signature=bb\r\n world\r\n0;chunk-signature=cc\r\n\r\n"
headers = {"x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "x-amz-decoded-content-length": "11",
           "content-encoding": "aws-chunked,gzip"}
same(signed.put(f"{ENDPOINT}/{B}/chunked", data=framed, headers=headers).status_code, 200)
same(s3.head_object(Bucket=B, Key="chunked")["ContentEncoding"], "gzip")
same(s3.head_object(Bucket=B, Key="chunked")["ETag"], f'"{hashlib.md5(b"hello world").hexdigest()}"')
wrong = {**headers, "x-amz-decoded-content-length": "12"}
same(code_of(signed.put(f"{ENDPOINT}/{B}/short", data=framed, headers=wrong)), "IncompleteBody")
trailing = b"b\r\nhello world\r\n0\r\nx-amz-checksum-crc32:DUoRhQ==\r\n\r\n"
headers = {"x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "x-amz-decoded-content-length": "11",
           "x-amz-trailer": "x-amz-checksum-crc32"}
same(signed.put(f"{ENDPOINT}/{B}/t", data=(trailing[n:n + 1] for n in range(len(trailing))), headers=headers).status_code, 200)
same(body(B, "t"), b"hello world")
bad = trailing.replace(b"DUo", b"AUo")
same(code_of(signed.put(f"{ENDPOINT}/{B}/bad", data=bad, headers=headers)), "BadDigest")
other = {"x-amz-content-sha256": hashlib.sha256(b"other").hexdigest()}
same(code_of(signed.put(f"{ENDPOINT}/{B}/bad", data=b"body", headers=other)), "XAmzContentSHA256Mismatch")
refused("404", 404, s3.head_object, Bucket=B, Key="bad")
refused("404", 404, s3.head_object, Bucket=B, Key="short")


# 100-continue goes out only when the body is wanted.
def expecting(path, size):
    peer = socket.create_connection(host.split(":"), 5)
    peer.sendall(f"PUT {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: {AUTHORIZATION}\r\nContent-Length: {size}\r\nExpect: 100-continue\r\n\r\n".encode())
    return peer


peer = expecting(f"/{B}/expected", 4)
assert peer.recv(100).startswith(b"HTTP/1.1 100"), "no 100 Continue"
peer.sendall(b"body")
assert peer.recv(1000).startswith(b"HTTP/1.1 200")
for path, status in [("/nowhere/k", b"404"), (f"/{B}/{'k' * 1025}", b"400")]:
    answer = expecting(path, 4).recv(4000)
    assert answer.split()[1] == status
    # The body will not come: nothing else on this connection may be taken for it.
    assert b"\r\nconnection: close\r\n" in answer.lower(), answer

# More than 5 GiB at once is refused by the head alone, as are its like for a part.
for path in [f"/{B}/huge", f"/{B}/huge?partNumber=1&uploadId=x"]:
    answer = expecting(path, 5 * 2**30 + 1).recv(4000)
    assert answer.split()[1] == b"400" and b"<Code>EntityTooLarge</Code>" in answer, answer
    assert b"<MaxSizeAllowed>5368709120</MaxSizeAllowed>" in answer, answer

# A refused client that sends all the same sees the refusal, and may go on.
peer = socket.create_connection(host.split(":"), 5)
for _ in range(2):
    peer.sendall(f"PUT /nowhere/k HTTP/1.1\r\nHost: {host}\r\nAuthorization: {AUTHORIZATION}\r\nContent-Length: 5000000\r\n\r\n".encode())
    peer.sendall(b"x" * 5_000_000)
    assert peer.recv(4000).startswith(b"HTTP/1.1 404")

# A client that leaves in mid-upload leaves nothing.
peer = socket.create_connection(host.split(":"), 5)
peer.sendall(f"PUT /{B}/left HTTP/1.1\r\nHost: {host}\r\nAuthorization: {AUTHORIZATION}\r\nContent-Length: 10000000\r\n\r\n".encode() + b"x" * 3_000_000)
peer.close()
time.sleep(0.3)
refused("404", 404, s3.head_object, Bucket=B, Key="left")

# Nonsense is refused in S3's own words.
same(code_of(signed.post(f"{ENDPOINT}/{B}?delete", data=b"<Delete><Object>")), "MalformedXML")
same(code_of(signed.put(f"{ENDPOINT}/{B}?tagging", data=b"no xml")), "MalformedXML")
same(code_of(signed.get(f"{ENDPOINT}/{B}/%ff")), "InvalidURI")
same(signed.patch(f"{ENDPOINT}/{B}/k").status_code, 405)
same(code_of(signed.post(f"{ENDPOINT}/{B}", data={"key": "k"})), "PreconditionFailed")
same(code_of(signed.get(f"{ENDPOINT}/{B}/k?torrent")), "NotImplemented")
