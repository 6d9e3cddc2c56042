"""Leases one after another, so many in a row, each used and given back; what is there of the daemon and of
its state is printed after a first part and at the end."""

import json
import os
import sys
import threading
import time
import urllib.request

import boto3
import psycopg
import redis
from botocore.config import Config

ENDPOINT = os.environ["AWS_ENDPOINT_URL"]
TURNS, PID = int(sys.argv[1]), sys.argv[2]
WORKERS = 4
# Databases made in advance of a small template.
SPARES = 8
MAKING = threading.Lock()


def call(method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(ENDPOINT + path, data, method=method)) as answer:
        return json.load(answer)


def client(service, lease):
    with MAKING:
        # boto3 makes clients one at a time.
        return boto3.client(
            service, endpoint_url=ENDPOINT, region_name="us-east-1", config=Config(retries={"max_attempts": 1}),
            aws_access_key_id=lease["account"], aws_secret_access_key="test")


def turn(number):
    lease = call("POST", "/_devenv/leases", {"ttl": "10m"})["leases"][0]
    # Every tenth is used by AWS's own client; the others are held against what costs nothing to make.
    if number % 10 == 0:
        sqs, s3, secrets = (client(name, lease) for name in ["sqs", "s3", "secretsmanager"])
        url = sqs.create_queue(QueueName="same")["QueueUrl"]
        sqs.send_message(QueueUrl=url, MessageBody="x" * 2000)
        s3.create_bucket(Bucket=f"bucket-{lease['id']}")
        s3.put_object(Bucket=f"bucket-{lease['id']}", Key="k", Body=b"x" * 50_000)
        secrets.create_secret(Name="same", SecretString="s")
    if lease["redis"] is not None:
        with redis.Redis.from_url(lease["env"]["REDIS_URL"]) as cache:
            assert cache.keys() == []
            cache.set("k", "v")
    if lease["database"] is not None:
        with psycopg.connect(lease["env"]["DATABASE_URL"], autocommit=True) as connection:
            connection.execute("create table mine(x int)")
    call("DELETE", f"/_devenv/leases/{lease['id']}")


def side_by_side(turns):
    numbers, failed = iter(range(turns)), []

    def work():
        try:
            while not failed:
                with MAKING:
                    number = next(numbers, None)
                if number is None:
                    return
                turn(number)
        except BaseException as error:
            failed.append(error)
            raise

    threads = [threading.Thread(target=work) for _ in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        sys.exit(1)


def of_postgres():
    """What the server holds; nothing without one."""
    if "DATABASE_URL" not in os.environ:
        return {}
    with psycopg.connect(os.environ["DATABASE_URL"], dbname="postgres", autocommit=True) as server:
        number = lambda sql: server.execute(sql).fetchone()[0]
        data = number("show data_directory")
        spares = "select count(*) from pg_database where starts_with(datname, 'lease_spare_')"
        # Those that wait for the next leases come back by themselves: there are eight at the most.
        limit = time.monotonic() + 60
        while number(spares) != SPARES and time.monotonic() < limit:
            time.sleep(0.05)
        return {
            "spares": number(spares),
            "databases": number("select count(*) from pg_database where starts_with(datname, 'lease_')") - number(spares),
            # Its own session is no one's of a lease.
            "connections": number(
                "select count(*) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()"
            ),
            "directories": len(os.listdir(f"{data}/base")),
            "data_files": sum(len(names) for _, _, names in os.walk(data)),
            "server_kib": resident(open(f"{data}/postmaster.pid").readline().strip()),
        }


def resident(pid):
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))


def there():
    with open(f"/proc/{PID}/status") as file:
        status = dict(line.split(":", 1) for line in file)
    files = sum(len(names) for _, _, names in os.walk(".devenv/blobs"))
    return {
        "descriptors": len(os.listdir(f"/proc/{PID}/fd")),
        "threads": int(status["Threads"]),
        "resident_kib": resident(PID),
        "leases": len(call("GET", "/_devenv/leases")["leases"]),
        "blobs": files,
        "state_bytes": os.path.getsize(".devenv/state.db"),
        **of_postgres(),
    }


side_by_side(TURNS // 4)
first = there()
side_by_side(TURNS - TURNS // 4)
print(json.dumps({"first": first, "last": there()}))
