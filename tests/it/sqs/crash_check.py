"""Accounts for every message of crash_load.py, whose lines come on stdin."""

import sys
import time

from clients import client

said = {word: set() for word in ("sending", "sent", "deleting", "deleted")}
for line in sys.stdin:
    word, body = line.split()
    said[word].add(body)
# Receives of before the kill hide what they gave for a second.
time.sleep(1.2)
sqs = client(sys.argv[1], "json")
url = sqs.get_queue_url(QueueName="crash")["QueueUrl"]
found = []
while True:
    messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=600).get("Messages", [])
    if not messages:
        break
    found += [message["Body"] for message in messages]
assert len(found) == len(set(found)), "a message is there twice"
found = set(found)
missing = said["sent"] - said["deleting"] - found
assert not missing, f"acknowledged and gone: {sorted(missing)[:5]}"
back = said["deleted"] & found
assert not back, f"deleted and back: {sorted(back)[:5]}"
strangers = found - said["sending"]
assert not strangers, f"never sent: {sorted(strangers)[:5]}"
assert said["sent"] and said["deleted"]
