"""Two tests that would be in each other's way without a lease: both make the same queue, table and key."""

import os

import boto3
import psycopg
import pytest
import redis

pytest_plugins = ["devenv_lease"]


@pytest.mark.parametrize("mark", ["one", "two"])
def test_each_has_everything_to_itself(devenv_lease, mark):
    sqs = boto3.client("sqs")
    assert "QueueUrls" not in sqs.list_queues()
    url = sqs.create_queue(QueueName="jobs")["QueueUrl"]
    assert devenv_lease["account"] in url
    sqs.send_message(QueueUrl=url, MessageBody=mark)
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        assert connection.execute("select name from seeded").fetchall() == [("seed",)]
        connection.execute("insert into seeded values (%s)", [mark])
    cache = redis.Redis.from_url(os.environ["REDIS_URL"])
    assert cache.dbsize() == 0
    cache.set("key", mark)
    assert os.environ["DEVENV_MAIL_DOMAIN"] == devenv_lease["mail_domain"]
