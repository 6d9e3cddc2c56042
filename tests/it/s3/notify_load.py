"""Writes objects of which a queue is told, and which are replicated, until the gateway dies. Prints
each key that was acknowledged."""

import sys
import threading

from botocore.exceptions import BotoCoreError, ClientError

from common import s3

round_name = sys.argv[2]
lock = threading.Lock()


def load(worker):
    n = 0
    while True:
        n += 1
        key = f"{round_name}-{worker}-{n}"
        s3.put_object(Bucket="told", Key=key, Body=b"x")
        with lock:
            print(key, flush=True)


def until_death(worker):
    try:
        load(worker)
    except (BotoCoreError, ClientError):
        pass


threads = [threading.Thread(target=until_death, args=(worker,)) for worker in range(3)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
