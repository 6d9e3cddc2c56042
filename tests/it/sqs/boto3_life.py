"""SQS as boto3 meets it, in the protocol of the second argument: a queue's life, messages, batches, attributes, FIFO, dead letters, long polls."""

import json
import sys
import threading
import time

from botocore.exceptions import ClientError

from clients import client

endpoint, protocol = sys.argv[1:]
sqs = client(endpoint, protocol)


def refused(code, call, **arguments):
    """The call fails with `code` (the query protocol's, which boto3 shows); gives back the message."""
    try:
        answer = call(**arguments)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error.response
        return error.response["Error"]["Message"]
    raise AssertionError(f"expected {code}, got {answer}")


def one(url, **arguments):
    return sqs.receive_message(QueueUrl=url, **arguments).get("Messages", [])


def queues():
    url = sqs.create_queue(QueueName="life", Attributes={"VisibilityTimeout": "2"}, tags={"a": "1"})["QueueUrl"]
    assert url == f"{endpoint}/000000000000/life", url
    assert sqs.create_queue(QueueName="life")["QueueUrl"] == url
    message = refused("QueueAlreadyExists", sqs.create_queue, QueueName="life", Attributes={"DelaySeconds": "1"})
    assert message.endswith("different value for attribute DelaySeconds"), message
    assert sqs.get_queue_url(QueueName="life")["QueueUrl"] == url
    assert sqs.list_queues(QueueNamePrefix="li")["QueueUrls"] == [url]
    assert "QueueUrls" not in sqs.list_queues(QueueNamePrefix="x")
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert attributes["QueueArn"] == "arn:aws:sqs:eu-west-1:000000000000:life"
    assert (attributes["VisibilityTimeout"], attributes["MaximumMessageSize"]) == ("2", "1048576")
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "30"})
    sqs.tag_queue(QueueUrl=url, Tags={"b": "2"})
    sqs.untag_queue(QueueUrl=url, TagKeys=["a"])
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"b": "2"}
    refused("AWS.SimpleQueueService.NonExistentQueue", sqs.get_queue_url, QueueName="nowhere")
    refused("AWS.SimpleQueueService.NonExistentQueue", sqs.send_message, QueueUrl=url + "x", MessageBody="b")
    return url


def messages(url):
    sent = sqs.send_message(
        QueueUrl=url,
        MessageBody="hällo",
        MessageAttributes={
            "n": {"DataType": "Number", "StringValue": "1"},
            "b": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
        },
        MessageSystemAttributes={"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1"}},
    )
    # boto3 checks both digests itself and fails when they are wrong.
    (message,) = one(url, MessageAttributeNames=["All"], MessageSystemAttributeNames=["All"])
    assert message["MessageId"] == sent["MessageId"] and message["Body"] == "hällo"
    assert message["MessageAttributes"]["b"]["BinaryValue"] == b"\x00\xff"
    assert message["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
    assert message["Attributes"]["AWSTraceHeader"] == "Root=1"
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"
    assert one(url) == []
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)
    (again,) = one(url, MessageSystemAttributeNames=["ApproximateReceiveCount"])
    assert again["Attributes"] == {"ApproximateReceiveCount": "2"}
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    sqs.delete_message(QueueUrl=url, ReceiptHandle=again["ReceiptHandle"])
    counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessagesNotVisible"])
    assert counts["Attributes"] == {"ApproximateNumberOfMessagesNotVisible": "0"}
    refused("ReceiptHandleIsInvalid", sqs.delete_message, QueueUrl=url, ReceiptHandle="x")
    refused("InvalidMessageContents", sqs.send_message, QueueUrl=url, MessageBody="\u0001")
    refused("MissingParameter", sqs.send_message, QueueUrl=url, MessageBody="")


def batches(url):
    entries = [{"Id": str(n), "MessageBody": f"m{n}"} for n in range(9)]
    entries.append({"Id": "bad", "MessageBody": "late", "DelaySeconds": 901})
    result = sqs.send_message_batch(QueueUrl=url, Entries=entries)
    assert [e["Id"] for e in result["Successful"]] == [str(n) for n in range(9)]
    (failed,) = result["Failed"]
    assert (failed["Id"], failed["Code"], failed["SenderFault"]) == ("bad", "InvalidParameterValue", True)
    received = one(url, MaxNumberOfMessages=10)
    assert [m["Body"] for m in received] == [f"m{n}" for n in range(9)]
    handles = [{"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(received)]
    changes = [dict(h, VisibilityTimeout=60) for h in handles]
    assert len(sqs.change_message_visibility_batch(QueueUrl=url, Entries=changes)["Successful"]) == 9
    assert len(sqs.delete_message_batch(QueueUrl=url, Entries=handles)["Successful"]) == 9
    refused("AWS.SimpleQueueService.EmptyBatchRequest", sqs.send_message_batch, QueueUrl=url, Entries=[])
    twice = [{"Id": "a", "MessageBody": "1"}] * 2
    refused("AWS.SimpleQueueService.BatchEntryIdsNotDistinct", sqs.send_message_batch, QueueUrl=url, Entries=twice)


def fifo():
    url = sqs.create_queue(
        QueueName="q.fifo", Attributes={"FifoQueue": "true", "ContentBasedDeduplication": "true"}
    )["QueueUrl"]
    for body in ("a1", "a2", "b1", "a1"):
        sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId=body[0])
    (first,) = one(url)
    assert first["Body"] == "a1"
    (other,) = one(url)
    assert other["Body"] == "b1"
    assert one(url) == []
    sqs.delete_message(QueueUrl=url, ReceiptHandle=first["ReceiptHandle"])
    (second,) = one(url, MessageSystemAttributeNames=["All"])
    assert second["Body"] == "a2" and second["Attributes"]["MessageGroupId"] == "a"
    refused("MissingParameter", sqs.send_message, QueueUrl=url, MessageBody="x")


def dead_letters():
    dead = sqs.create_queue(QueueName="dead")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": "1"})
    url = sqs.create_queue(QueueName="source", Attributes={"RedrivePolicy": policy, "VisibilityTimeout": "0"})["QueueUrl"]
    assert sqs.list_dead_letter_source_queues(QueueUrl=dead)["queueUrls"] == [url]
    sqs.send_message(QueueUrl=url, MessageBody="poison")
    assert len(one(url)) == 1
    assert one(url) == []
    (message,) = one(dead, MessageSystemAttributeNames=["All"])
    assert message["Attributes"]["DeadLetterQueueSourceArn"].endswith(":source")
    assert message["Attributes"]["ApproximateReceiveCount"] == "2"


def long_polls():
    url = sqs.create_queue(QueueName="polls")["QueueUrl"]
    started = time.monotonic()
    assert one(url, WaitTimeSeconds=1) == []
    assert 0.9 < time.monotonic() - started < 2
    got = []

    def wait():
        mine = client(endpoint, protocol)
        while True:
            answer = mine.receive_message(QueueUrl=url, WaitTimeSeconds=10)
            for message in answer.get("Messages", []):
                got.append(time.monotonic() - float(message["Body"]))
                mine.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                return

    threads = [threading.Thread(target=wait) for _ in range(8)]
    for thread in threads:
        thread.start()
    time.sleep(1)
    for _ in threads:
        sqs.send_message(QueueUrl=url, MessageBody=str(time.monotonic()))
    for thread in threads:
        thread.join(5)
    assert len(got) == len(threads) and max(got) < 1, got
    # A delayed message ends the wait when it becomes visible, not when the wait is over.
    sqs.send_message(QueueUrl=url, MessageBody="late", DelaySeconds=1)
    started = time.monotonic()
    assert [m["Body"] for m in one(url, WaitTimeSeconds=10)] == ["late"]
    assert 0.5 < time.monotonic() - started < 2


url = queues()
messages(url)
batches(url)
fifo()
dead_letters()
long_polls()
sqs.purge_queue(QueueUrl=url)
sqs.delete_queue(QueueUrl=url)
refused("AWS.SimpleQueueService.NonExistentQueue", sqs.delete_queue, QueueUrl=url)
assert sqs.list_message_move_tasks(SourceArn="arn:aws:sqs:eu-west-1:000000000000:dead").get("Results", []) == []
