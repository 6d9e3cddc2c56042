"""A thousand long polls on one queue over bare sockets: each message wakes one of them, quickly; those whose
client has gone take none."""

import json
import resource
import selectors
import socket
import sys
import time
from urllib.parse import urlsplit

from clients import client

POLLS = 1000
resource.setrlimit(resource.RLIMIT_NOFILE, (4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
endpoint = urlsplit(sys.argv[1])
sqs = client(sys.argv[1], "json", key="test")
url = sqs.create_queue(QueueName="many")["QueueUrl"]
body = json.dumps({"QueueUrl": url, "WaitTimeSeconds": 20}).encode()
scope = "AWS4-HMAC-SHA256 Credential=test/20261121/eu-west-1/sqs/aws4_request, SignedHeaders=host, Signature=0"
request = (
    f"POST / HTTP/1.1\r\nHost: {endpoint.netloc}\r\nAuthorization: {scope}\r\nX-Amz-Target: AmazonSQS.ReceiveMessage\r\n"
    f"Content-Type: application/x-amz-json-1.0\r\nContent-Length: {len(body)}\r\n\r\n"
).encode() + body


def poll():
    stream = socket.create_connection((endpoint.hostname, endpoint.port))
    stream.sendall(request)
    return stream


dead = [poll() for _ in range(50)]
time.sleep(0.3)
for stream in dead:
    stream.close()
time.sleep(0.3)
selector = selectors.DefaultSelector()
for _ in range(POLLS):
    selector.register(poll(), selectors.EVENT_READ)
time.sleep(1)
assert not selector.select(0), "nothing was sent yet"
took = []
for n in range(200):
    started = time.monotonic()
    sqs.send_message(QueueUrl=url, MessageBody=str(n))
    ready = selector.select(5)
    took.append(time.monotonic() - started)
    assert len(ready) == 1, f"one message woke {len(ready)} polls"
    stream = ready[0][0].fileobj
    answer = json.loads(stream.recv(65536).split(b"\r\n\r\n", 1)[1])
    assert [m["Body"] for m in answer["Messages"]] == [str(n)]
    selector.unregister(stream)
    stream.close()
took.sort()
# The send itself and two Python wake-ups are in it; a busy machine too.
assert took[len(took) // 2] < 0.1, took[len(took) // 2]
for n in range(0, POLLS - 200, 10):
    sqs.send_message_batch(QueueUrl=url, Entries=[{"Id": str(i), "MessageBody": "b"} for i in range(10)])
left = POLLS - 200
deadline = time.monotonic() + 15
while left and time.monotonic() < deadline:
    for key, _ in selector.select(1):
        answer = json.loads(key.fileobj.recv(65536).split(b"\r\n\r\n", 1)[1])
        assert len(answer["Messages"]) == 1
        selector.unregister(key.fileobj)
        key.fileobj.close()
        left -= 1
assert not left, f"{left} polls were not answered"
