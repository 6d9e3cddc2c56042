"""Many holders at once, each in a slice of its own: nobody sees anything of the others. Then all of them
are over, and nothing of them is left but what was there before."""

import json
import os
import sys
import threading
import urllib.request

import boto3
import psycopg
import redis
from botocore.config import Config

ENDPOINT = os.environ["AWS_ENDPOINT_URL"]


def call(method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(ENDPOINT + path, data, method=method)) as answer:
        return json.load(answer)


def client(service, lease):
    return boto3.client(
        service, endpoint_url=ENDPOINT, region_name="us-east-1", config=Config(retries={"max_attempts": 1}),
        aws_access_key_id=lease["account"], aws_secret_access_key="test")


MAKING = threading.Lock()


def use(lease):
    mark = lease["id"]
    with MAKING:
        # boto3 makes clients one at a time.
        sqs, s3, secrets, ses = (client(name, lease) for name in ["sqs", "s3", "secretsmanager", "ses"])
    url = sqs.create_queue(QueueName="same")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody=mark)
    s3.create_bucket(Bucket=f"bucket-{mark}")
    s3.put_object(Bucket=f"bucket-{mark}", Key="k", Body=mark.encode() * 3000)
    secrets.create_secret(Name="same", SecretString=mark)
    ses.verify_email_identity(EmailAddress="a@example.com")
    ses.send_email(Source="a@example.com", Destination={"ToAddresses": [f"x@{lease['mail_domain']}"]},
                   Message={"Subject": {"Data": mark}, "Body": {"Text": {"Data": "x"}}})
    with psycopg.connect(lease["env"]["DATABASE_URL"], autocommit=True) as connection:
        connection.execute("insert into seeded values (%s)", [mark])
        assert connection.execute("select name from seeded order by name desc").fetchall() == [("seed",), (mark,)]
    cache = redis.Redis.from_url(lease["env"]["REDIS_URL"])
    cache.rpush("same", mark)
    assert cache.lrange("same", 0, -1) == [mark.encode()]
    received = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    assert [m["Body"] for m in received] == [mark]
    assert [b["Name"] for b in s3.list_buckets()["Buckets"]] == [f"bucket-{mark}"]
    assert secrets.get_secret_value(SecretId="same")["SecretString"] == mark
    assert [s["Name"] for s in secrets.list_secrets()["SecretList"]] == ["same"]


def side_by_side(work, leases):
    failed = []

    def guarded(lease):
        try:
            work(lease)
        except BaseException as error:
            failed.append(error)
            raise

    threads = [threading.Thread(target=guarded, args=[lease]) for lease in leases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        sys.exit(1)


leases = call("POST", "/_devenv/leases", {"count": int(sys.argv[1]), "ttl": "10m"})["leases"]
for key in ["id", "account", "database", "redis", "mail_domain"]:
    assert len({lease[key] for lease in leases}) == len(leases), key
side_by_side(use, leases)
side_by_side(lambda lease: call("DELETE", f"/_devenv/leases/{lease['id']}"), leases)
