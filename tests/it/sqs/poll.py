"""Waits in a long poll that is answered empty when the gateway stops."""

import sys

from clients import client

sqs = client(sys.argv[1], "json")
url = sqs.create_queue(QueueName="q")["QueueUrl"]
print("!", end="", flush=True)
assert "Messages" not in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)
