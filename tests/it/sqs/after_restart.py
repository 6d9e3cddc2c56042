"""Finds what before_restart.py left."""

import sys

from clients import client

sqs = client(sys.argv[1], "json")
names = [url.rsplit("/", 1)[1] for url in sqs.list_queues()["QueueUrls"]]
assert names == ["kept", "kept.fifo"], names
url = sqs.get_queue_url(QueueName="kept")["QueueUrl"]
assert url.startswith(sys.argv[1]), "the URL is by the host that this caller used"


def counts():
    shown = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return [shown["ApproximateNumberOfMessages" + kind] for kind in ("", "NotVisible", "Delayed")]


assert counts() == ["1", "1", "1"], counts()
(message,) = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"])["Messages"]
assert message["Body"] == "ready" and message["MessageAttributes"]["a"]["StringValue"] == "ready"
tags = sqs.list_queue_tags(QueueUrl=url)["Tags"]
assert tags["t"] == "1"
sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=tags["handle"], VisibilityTimeout=300)
sqs.delete_message(QueueUrl=url, ReceiptHandle=tags["handle"])
assert counts() == ["0", "1", "1"], counts()

fifo = sqs.get_queue_url(QueueName="kept.fifo")["QueueUrl"]
again = sqs.send_message(QueueUrl=fifo, MessageBody="1", MessageGroupId="g", MessageDeduplicationId="1")
received = sqs.receive_message(QueueUrl=fifo, MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"])["Messages"]
assert [m["Body"] for m in received] == ["1", "2"]
assert received[0]["MessageId"] == again["MessageId"]
new = sqs.send_message(QueueUrl=fifo, MessageBody="3", MessageGroupId="g", MessageDeduplicationId="3")
assert int(new["SequenceNumber"]) > int(received[1]["Attributes"]["SequenceNumber"])
