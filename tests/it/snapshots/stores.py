"""Marks in every store, and chains of writers; the environment's variables say where the stores are.

mark TEXT   writes TEXT into every store
marks       prints what every store holds as one JSON object
write       counts in chains of stores until a file `stop` appears; prints the counts begun
"""

import json
import os
import sys
import threading

import boto3
import psycopg
import redis
from botocore.exceptions import ClientError

s3 = boto3.client("s3")
sqs = boto3.client("sqs")
secrets = boto3.client("secretsmanager")
QUEUE = f"{os.environ['AWS_ENDPOINT_URL']}/000000000000/marks"
# More than what lies in the state file: a file of its own.
PADDING = "." * 40_000


def database():
    return psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)


def cache():
    return redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)


def mark(text):
    s3.put_object(Bucket="marks", Key="mark", Body=text + PADDING)
    sqs.tag_queue(QueueUrl=QUEUE, Tags={"mark": text})
    try:
        secrets.put_secret_value(SecretId="mark", SecretString=text)
    except secrets.exceptions.ResourceNotFoundException:
        secrets.create_secret(Name="mark", SecretString=text)
    with database() as connection:
        connection.execute("create table if not exists marks (mark text)")
        connection.execute("create table if not exists counted (chain int, number int)")
        connection.execute("delete from marks")
        connection.execute("insert into marks values (%s)", [text])
    cache().set("mark", text)


def or_none(read):
    try:
        return read()
    except (ClientError, psycopg.Error):
        return None


def of_database(statement):
    with database() as connection:
        return connection.execute(statement).fetchone()[0]


def number(value):
    return int(value or 0)


def counted(chain):
    stores = {
        "s3": lambda: s3.get_object(Bucket="marks", Key=f"count-{chain}")["Body"].read().split(b".")[0],
        "sqs": lambda: sqs.list_queue_tags(QueueUrl=QUEUE).get("Tags", {}).get(f"count-{chain}"),
        "postgres": lambda: of_database(f"select max(number) from counted where chain = {chain}"),
        "redis": lambda: cache().get(f"count-{chain}"),
    }
    return [number(or_none(stores[store])) for store in CHAINS[chain]]


def marks():
    tags = or_none(lambda: sqs.list_queue_tags(QueueUrl=QUEUE)) or {}
    chains = [counted(chain) for chain in range(len(CHAINS))]
    print(json.dumps({
        "s3": or_none(lambda: s3.get_object(Bucket="marks", Key="mark")["Body"].read().decode().rstrip(".")),
        "sqs": tags.get("Tags", {}).get("mark"),
        "secret": or_none(lambda: secrets.get_secret_value(SecretId="mark")["SecretString"]),
        "postgres": or_none(lambda: of_database("select max(mark) from marks")),
        "redis": cache().get("mark"),
        "counted": [chain for chain in chains if all(chain)],
    }))


CHAINS = [["s3", "sqs", "postgres", "redis"], ["redis", "postgres", "sqs", "s3"]]


def write():
    begun = [0] * len(CHAINS)
    failed = []

    def count(chain):
        with database() as connection:
            store = cache()
            put = {
                "s3": lambda n: s3.put_object(Bucket="marks", Key=f"count-{chain}", Body=f"{n}{PADDING}"),
                "sqs": lambda n: sqs.tag_queue(QueueUrl=QUEUE, Tags={f"count-{chain}": str(n)}),
                "postgres": lambda n: connection.execute("insert into counted values (%s, %s)", [chain, n]),
                "redis": lambda n: store.set(f"count-{chain}", n),
            }
            while not os.path.exists("stop") and not failed:
                begun[chain] += 1
                for name in CHAINS[chain]:
                    put[name](begun[chain])

    def guarded(chain):
        try:
            count(chain)
        except Exception as error:
            failed.append(error)
            raise

    threads = [threading.Thread(target=guarded, args=[chain]) for chain in range(len(CHAINS))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps(begun))
    sys.exit(bool(failed))


{"mark": mark, "marks": marks, "write": write}[sys.argv[1]](*sys.argv[2:])
