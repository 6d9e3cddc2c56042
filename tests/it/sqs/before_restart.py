"""Leaves messages in every state behind."""

import sys

from clients import client

sqs = client(sys.argv[1], "json")
url = sqs.create_queue(QueueName="kept", Attributes={"DelaySeconds": "0"}, tags={"t": "1"})["QueueUrl"]
for body in ("in flight", "deleted", "ready"):
    sqs.send_message(
        QueueUrl=url, MessageBody=body, MessageAttributes={"a": {"DataType": "String", "StringValue": body}}
    )
sqs.send_message(QueueUrl=url, MessageBody="delayed", DelaySeconds=900)
first = sqs.receive_message(QueueUrl=url, VisibilityTimeout=600)["Messages"][0]
assert first["Body"] == "in flight"
second = sqs.receive_message(QueueUrl=url)["Messages"][0]
sqs.delete_message(QueueUrl=url, ReceiptHandle=second["ReceiptHandle"])
# The next process deletes by this handle.
sqs.tag_queue(QueueUrl=url, Tags={"handle": first["ReceiptHandle"]})

fifo = sqs.create_queue(QueueName="kept.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
for body in ("1", "2"):
    sqs.send_message(QueueUrl=fifo, MessageBody=body, MessageGroupId="g", MessageDeduplicationId=body)
gone = sqs.create_queue(QueueName="gone")["QueueUrl"]
sqs.send_message(QueueUrl=gone, MessageBody="x")
sqs.delete_queue(QueueUrl=gone)
