"""What an environment holds of one person: in an object and its key, a message, a mail, keys of Redis."""

import json
import os
import socket
import urllib.request
from urllib.parse import urlparse

import boto3


def redis(*words):
    """The lines that Redis answers to one command."""
    address = urlparse(os.environ["REDIS_URL"])
    with socket.create_connection((address.hostname, address.port), timeout=60) as link:
        parts = [f"${len(w.encode())}\r\n{w}\r\n" for w in words]
        link.sendall(f"*{len(words)}\r\n{''.join(parts)}*1\r\n$4\r\nQUIT\r\n".encode())
        said = b""
        while piece := link.recv(65536):
            said += piece
    lines = said.decode().split("\r\n")
    return [line for line in lines if line and line[0] not in "*$+"]


endpoint = os.environ["AWS_ENDPOINT_URL"]
s3, sqs = boto3.client("s3"), boto3.client("sqs")
keys = [one["Key"] for one in s3.list_objects_v2(Bucket="uploads")["Contents"]]
bodies = [json.load(s3.get_object(Bucket="uploads", Key=key)["Body"]) for key in keys]
queue = sqs.get_queue_url(QueueName="jobs")["QueueUrl"]
messages = []
while found := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
    messages += [json.loads(message["Body"]) for message in found]
with urllib.request.urlopen(f"{endpoint}/_devenv/mail", timeout=60) as answer:
    mails = json.load(answer)["mails"]
print(json.dumps({
    "keys": keys,
    "bodies": bodies,
    "messages": messages,
    "mails": [{"from": mail["from"], "to": mail["to"]} for mail in mails],
    "sessions": redis("KEYS", "session:*"),
    "profile": redis("HGET", "profile", "email"),
    "list": redis("LRANGE", "recent", "0", "-1"),
    "expires": int(redis("TTL", "profile")[0][1:]) > 0,
}))
