"""boto3 1.26, the last line that spoke the query protocol of itself: old_boto3.py ENDPOINT"""

import sys

import boto3
from botocore.exceptions import ClientError

assert boto3.__version__.startswith("1.26."), boto3.__version__
sqs = boto3.client("sqs", endpoint_url=sys.argv[1], region_name="us-east-1",
                   aws_access_key_id="test", aws_secret_access_key="test")
assert sqs.meta.service_model.metadata["protocol"] == "query"


def refused(code, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error.response
        return error.response
    raise AssertionError(f"not refused with {code}")


dead = sqs.create_queue(QueueName="old-dead")["QueueUrl"]
dead_arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
url = sqs.create_queue(QueueName="old", tags={"a": "b"}, Attributes={
    "VisibilityTimeout": "0",
    "RedrivePolicy": '{"deadLetterTargetArn":"%s","maxReceiveCount":"1"}' % dead_arn})["QueueUrl"]
assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"a": "b"}
sent = sqs.send_message(QueueUrl=url, MessageBody="häß <&>", MessageAttributes={
    "n": {"DataType": "Number", "StringValue": "1"}, "b": {"DataType": "Binary", "BinaryValue": b"\x00\xff"}})
message = sqs.receive_message(QueueUrl=url, AttributeNames=["All"], MessageAttributeNames=["All"])["Messages"][0]
assert message["Body"] == "häß <&>" and message["MessageId"] == sent["MessageId"]
assert message["MessageAttributes"]["b"]["BinaryValue"] == b"\x00\xff"
assert message["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
assert "Messages" not in sqs.receive_message(QueueUrl=url), "received once too often"
task = sqs.start_message_move_task(SourceArn=dead_arn)["TaskHandle"]
assert task
tasks = []
while not tasks or tasks[0]["Status"] == "RUNNING":
    tasks = sqs.list_message_move_tasks(SourceArn=dead_arn)["Results"]
assert tasks[0]["Status"] == "COMPLETED" and tasks[0]["ApproximateNumberOfMessagesMoved"] == 1, tasks
refused("InvalidParameterValue", sqs.cancel_message_move_task, TaskHandle=task)
refused("ResourceNotFoundException", sqs.start_message_move_task, SourceArn=dead_arn + "x")
moved = sqs.receive_message(QueueUrl=url, AttributeNames=["All"])["Messages"][0]
assert moved["MessageId"] != sent["MessageId"] and moved["Attributes"]["ApproximateReceiveCount"] == "1"
refused("AWS.SimpleQueueService.NonExistentQueue", sqs.get_queue_url, QueueName="none")
try:
    sqs.get_queue_url(QueueName="none")
except sqs.exceptions.QueueDoesNotExist:
    pass
batch = sqs.send_message_batch(QueueUrl=url, Entries=[
    {"Id": "1", "MessageBody": "x"}, {"Id": "2", "MessageBody": "y", "DelaySeconds": 901}])
assert [s["Id"] for s in batch["Successful"]] == ["1"] and batch["Failed"][0]["SenderFault"] is True
refused("AWS.SimpleQueueService.EmptyBatchRequest", sqs.send_message_batch, QueueUrl=url, Entries=[])
fifo = sqs.create_queue(QueueName="old.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
refused("MissingParameter", sqs.send_message, QueueUrl=fifo, MessageBody="x", MessageDeduplicationId="d")
for body in "ab":
    sqs.send_message(QueueUrl=fifo, MessageBody=body, MessageGroupId="g", MessageDeduplicationId=body)
got = sqs.receive_message(QueueUrl=fifo, MaxNumberOfMessages=10, AttributeNames=["All"])["Messages"]
assert [m["Body"] for m in got] == ["a", "b"] and got[0]["Attributes"]["MessageGroupId"] == "g"
sqs.purge_queue(QueueUrl=url)
assert url in sqs.list_queues(QueueNamePrefix="old")["QueueUrls"]
sqs.delete_queue(QueueUrl=url)
