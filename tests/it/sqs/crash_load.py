"""Sends, receives and deletes until the gateway dies. Each line says what was answered, or was about to be asked."""

import sys
import threading

from botocore.exceptions import BotoCoreError, ClientError

from clients import client

endpoint, round_name = sys.argv[1:]
lock = threading.Lock()


def say(word, body):
    with lock:
        print(word, body, flush=True)


def load(worker):
    sqs = client(endpoint, "json")
    url = sqs.create_queue(QueueName="crash", Attributes={"VisibilityTimeout": "1"})["QueueUrl"]
    n = 0
    while True:
        n += 1
        body = f"{round_name}-{worker}-{n}"
        say("sending", body)
        sqs.send_message(QueueUrl=url, MessageBody=body)
        say("sent", body)
        if n % 2:
            for message in sqs.receive_message(QueueUrl=url).get("Messages", []):
                say("deleting", message["Body"])
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                say("deleted", message["Body"])


def until_death(worker):
    try:
        load(worker)
    except (BotoCoreError, ClientError):
        pass


threads = [threading.Thread(target=until_death, args=(worker,)) for worker in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
