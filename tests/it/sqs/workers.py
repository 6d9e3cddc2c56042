"""Programs that live by queues: Celery, dramatiq, and the pattern of Shoryuken (fetch ten, keep them hidden
while they are worked on, delete in one batch): workers.py ENDPOINT"""

import os
import sys
import time
from urllib.parse import urlparse

endpoint = sys.argv[1]
os.environ.update(AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test", AWS_DEFAULT_REGION="us-east-1")


def until(what, done):
    end = time.monotonic() + 60
    while not done():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.02)


def with_dramatiq():
    import dramatiq
    from dramatiq_sqs import SQSBroker

    broker = SQSBroker(namespace="dramatiq", dead_letter=True, endpoint_url=endpoint)
    dramatiq.set_broker(broker)
    done, tried = [], []

    @dramatiq.actor(queue_name="jobs")
    def note(number):
        done.append(number)

    @dramatiq.actor(queue_name="jobs", max_retries=2, min_backoff=10, max_backoff=20)
    def fails_once(number):
        tried.append(number)
        if len(tried) == 1:
            raise RuntimeError("once")

    for number in range(25):
        note.send(number)
    fails_once.send(1)
    worker = dramatiq.Worker(broker, worker_timeout=50, worker_threads=2)
    worker.start()
    until("dramatiq's actors", lambda: len(done) >= 25 and len(tried) >= 2)
    worker.stop(timeout=5000)
    assert sorted(done) == list(range(25)), sorted(done)


def with_celery():
    from celery import Celery
    from celery.contrib.testing.worker import start_worker

    host = urlparse(endpoint)
    app = Celery("devenv", broker=f"sqs://test:test@{host.hostname}:{host.port}")
    app.conf.update(
        broker_transport_options={"is_secure": False, "region": "us-east-1", "wait_time_seconds": 1,
                                  "visibility_timeout": 30},
        worker_enable_remote_control=False,
        task_default_queue="celery-jobs",
        task_ignore_result=True,
    )
    done = []

    @app.task
    def note(number):
        done.append(number)

    with start_worker(app, pool="solo", perform_ping_check=False, loglevel="ERROR", shutdown_timeout=30):
        for number in range(15):
            note.delay(number)
        note.apply_async((99,), countdown=1)
        until("Celery's tasks", lambda: len(done) >= 16)
    assert sorted(done) == [*range(15), 99], sorted(done)


def like_shoryuken():
    import boto3

    sqs = boto3.client("sqs", endpoint_url=endpoint)
    url = sqs.create_queue(QueueName="shoryuken", Attributes={"VisibilityTimeout": "1"})["QueueUrl"]
    entries = [{"Id": str(n), "MessageBody": str(n)} for n in range(10)]
    assert len(sqs.send_message_batch(QueueUrl=url, Entries=entries)["Successful"]) == 10
    fetched = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["All"],
                                  MessageAttributeNames=["All"])["Messages"]
    assert len(fetched) == 10
    handles = [{"Id": m["MessageId"], "ReceiptHandle": m["ReceiptHandle"]} for m in fetched]
    extended = sqs.change_message_visibility_batch(
        QueueUrl=url, Entries=[{**h, "VisibilityTimeout": 60} for h in handles])
    assert len(extended["Successful"]) == 10
    time.sleep(1.1)
    assert "Messages" not in sqs.receive_message(QueueUrl=url), "the heartbeat did not keep them hidden"
    given_back, worked = handles[0], handles[1:]
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=given_back["ReceiptHandle"], VisibilityTimeout=0)
    deleted = sqs.delete_message_batch(QueueUrl=url, Entries=worked)
    assert len(deleted["Successful"]) == 9 and "Failed" not in deleted
    again = sqs.receive_message(QueueUrl=url, AttributeNames=["ApproximateReceiveCount"])["Messages"]
    assert [m["Attributes"]["ApproximateReceiveCount"] for m in again] == ["2"]


like_shoryuken()
with_dramatiq()
with_celery()
