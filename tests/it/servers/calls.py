"""Postgres and Redis behind the proxies of `[faults]`, and behind the virtual clock."""

import os
import sys
import time

import boto3
import psycopg
import redis
from botocore.config import Config
from botocore.exceptions import ClientError
from redis.backoff import NoBackoff
from redis.retry import Retry


def database():
    return psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)


def cache():
    return redis.from_url(os.environ["REDIS_URL"], retry=Retry(NoBackoff(), 0))


def cut(call, kind):
    try:
        call()
    except kind:
        return
    raise AssertionError(f"{kind} was expected")


def passes():
    """What no fault hits passes unchanged, however long it is."""
    with database() as db:
        db.execute("create table orders(id int, text text)")
        text = "é" * 700_000
        assert db.execute("select %s::text", [text]).fetchone()[0] == text
        rows = db.execute("select generate_series(1, 50000)").fetchall()
        assert [row[0] for row in rows] == list(range(1, 50_001))
    store = cache()
    store.set("big", b"\x00\r\n*$" * 300_000)
    assert store.get("big") == b"\x00\r\n*$" * 300_000
    with store.pipeline() as pipe:
        for number in range(5_000):
            pipe.set(f"k{number}", number)
        assert all(pipe.execute())
    sqs = boto3.client("sqs", config=Config(retries={"total_max_attempts": 1}))
    try:
        sqs.list_queues()
        raise AssertionError("the profile's fault was expected")
    except ClientError as error:
        assert error.response["Error"]["Code"] == "OnPurpose", error.response
    begun = time.monotonic()
    assert store.get("slow:1") is None
    assert time.monotonic() - begun >= 0.03


def struck():
    with database() as db:
        cut(lambda: db.execute("insert into orders values (1, 'hunter2')"), psycopg.OperationalError)
    with database() as db:
        assert db.execute("select count(*) from orders").fetchone()[0] == 0, "nothing was done"
        db.execute("insert into orders values (2, 'two')")
        cut(lambda: db.execute("table orders").fetchall(), psycopg.OperationalError)
    store = cache()
    cut(lambda: store.incr("counter"), redis.exceptions.ConnectionError)
    assert store.get("counter") == b"1", "the command was carried out"


def followed():
    """`now()` as applications write it; the machine's for comparison."""
    with database() as db:
        ahead = db.execute("select extract(epoch from now() - pg_catalog.now())::int").fetchone()[0]
        shown = db.execute("select to_char(now() at time zone 'utc', 'YYYY-MM-DD HH24:MI:SS')").fetchone()[0]
        assert db.execute("select current_schema()").fetchone()[0] == "public"
        db.execute("create table if not exists stamped(at timestamptz default now())")
        same = db.execute("insert into stamped default values returning at = now()").fetchone()[0]
        assert same, "a column's default is the same now()"
    print(ahead, shown, sep="|")


def keys():
    store = cache()
    store.set("short", 1, ex=600)
    store.set("long", 1, ex=7200)
    store.set("for ever", 1)
    redis.from_url(os.environ["REDIS_URL"] + "/3").set("elsewhere", 1, ex=600)


def expired():
    """After fifteen minutes."""
    store, other = cache(), redis.from_url(os.environ["REDIS_URL"] + "/3")
    limit = time.monotonic() + 30
    while store.exists("short") or other.exists("elsewhere"):
        assert time.monotonic() < limit, "it is there still"
        time.sleep(0.01)
    assert 0 < store.ttl("long") <= 7200 - 900, store.ttl("long")
    assert store.ttl("for ever") == -1


globals()[sys.argv[1]]()
