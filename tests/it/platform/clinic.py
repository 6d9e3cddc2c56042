"""What the clinic's API and worker share: clients, retries, the schema, the embedding.

Knows AWS, Postgres, Redis and SMTP by the standard environment variables alone, as in production.
"""

import functools
import hashlib
import json
import math
import os
import smtplib
import time
from email.message import EmailMessage

import boto3
import botocore.exceptions
import psycopg
import redis
from botocore.config import Config

DOCUMENTS = "epicenter-medical-documents"
QUEUE = "epicenter-document-processing"
DATABASE_SECRET = "epicenter/database"
SENDER = "no-reply@epicenter.example"
DIMENSIONS = 64
# How long a step keeps trying while the platform below it is away.
PATIENCE_SECONDS = 90

_CONFIG = Config(
    signature_version="s3v4",
    connect_timeout=3,
    read_timeout=20,
    retries={"mode": "standard", "max_attempts": 2},
)
_AWAY = (
    botocore.exceptions.HTTPClientError,
    botocore.exceptions.ConnectionError,
    botocore.exceptions.ClientError,
    psycopg.OperationalError,
    redis.exceptions.ConnectionError,
    redis.exceptions.TimeoutError,
    smtplib.SMTPException,
    OSError,
)


@functools.lru_cache
def client(service):
    """An AWS client; S3's signs by version 4, the others ignore the setting."""
    return boto3.client(service, config=_CONFIG if service == "s3" else _CONFIG.merge(Config(signature_version=None)))


def is_refusal(error):
    """An answer that another try would not change."""
    if not isinstance(error, botocore.exceptions.ClientError):
        return False
    return error.response["ResponseMetadata"]["HTTPStatusCode"] < 500


def persist(step, *arguments, **settings):
    """Carries out `step`, again and again while what it needs is away."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return step(*arguments, **settings)
        except _AWAY as error:
            if is_refusal(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def database():
    """A connection with the credentials that Secrets Manager keeps."""
    secret = persist(client("secretsmanager").get_secret_value, SecretId=DATABASE_SECRET)
    login = json.loads(secret["SecretString"])
    return psycopg.connect(
        host=login["host"],
        port=int(login["port"]),
        user=login["username"],
        password=login["password"],
        dbname=login["dbname"],
        connect_timeout=5,
        autocommit=True,
    )


def in_database(statement, arguments=()):
    """One statement on a connection of its own; its rows, if it has any."""

    def run():
        with database() as connection, connection.execute(statement, arguments) as cursor:
            return cursor.fetchall() if cursor.description else []

    return persist(run)


def cache():
    """The Redis that REDIS_URL names."""
    return redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)


def migrate():
    """The schema, made once. The lock keeps two programs from making it at the same time."""
    in_database(
        f"""
        SELECT pg_advisory_lock(4711);
        CREATE EXTENSION IF NOT EXISTS vector;
        CREATE TABLE IF NOT EXISTS documents (
            id text PRIMARY KEY, patient text NOT NULL, object_key text NOT NULL,
            sha256 text NOT NULL, embedding vector({DIMENSIONS}) NOT NULL);
        CREATE INDEX IF NOT EXISTS documents_nearest
            ON documents USING hnsw (embedding vector_cosine_ops);
        CREATE TABLE IF NOT EXISTS mails (document text, via text, message_id text);
        CREATE TABLE IF NOT EXISTS reminders (document text PRIMARY KEY, fired timestamptz DEFAULT now());
        """
    )


def embedding(text):
    """A unit vector from the hashes of a text's words: equal words, near vectors."""
    values = [0.0] * DIMENSIONS
    for word in text.lower().split():
        digest = hashlib.sha256(word.encode()).digest()
        values[digest[0] % DIMENSIONS] += 1.0 if digest[1] % 2 else -1.0
    length = math.sqrt(sum(value * value for value in values)) or 1.0
    return "[" + ",".join(f"{value / length:.6f}" for value in values) + "]"


def nearest(vector, but="", limit=3):
    """Ids of the documents that lie nearest."""
    rows = in_database(
        "SELECT id FROM documents WHERE id <> %s ORDER BY embedding <=> %s::vector, id LIMIT %s",
        (but, vector, limit),
    )
    return [row[0] for row in rows]


def mail_by_smtp(recipient, subject, text, message_id):
    """A mail by the relay that SMTP_HOST and SMTP_PORT name."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = SENDER, recipient, subject
    message["Message-ID"] = message_id
    message.set_content(text)
    with smtplib.SMTP(os.environ["SMTP_HOST"], int(os.environ["SMTP_PORT"]), timeout=10) as relay:
        relay.send_message(message)
