"""Passwords of Postgres roles, rotated under an application that connects all the while.

The application knows what AWS recommends: read the current version, connect, and if that fails read again.
"""

import json
import os
import pathlib
import subprocess
import sys
import threading
import time

import boto3
import psycopg

sm = boto3.client("secretsmanager")
LIMIT = 60
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:"
own = psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)


def secret(name, stage="AWSCURRENT"):
    text = sm.get_secret_value(SecretId=name, VersionStage=stage)["SecretString"]
    login = json.loads(text)
    with open(os.environ["VALUES"], "a") as values:
        values.write(login["password"] + "\n")
    return login


def connect(name):
    login = secret(name)
    return psycopg.connect(
        host=login["host"],
        port=login["port"],
        user=login["username"],
        password=login["password"],
        dbname=login["dbname"],
    )


def rotate(name, **more):
    token = sm.rotate_secret(SecretId=name, **more)["VersionId"]
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        stages = sm.describe_secret(SecretId=name)["VersionIdsToStages"]
        if stages.get(token) == ["AWSCURRENT"]:
            return
        time.sleep(0.02)
    log = pathlib.Path(".devenv/logs/daemon.log").read_text()
    raise AssertionError(f"{name} was not rotated in {LIMIT} s:\n{log}")


class Application(threading.Thread):
    """Connects and asks, over and over; `retries` is how often it read the secret again."""

    def __init__(self, name):
        super().__init__()
        self.name_of_secret, self.stop = name, threading.Event()
        self.connections = self.retries = 0
        self.failed = None

    def run(self):
        deadline = time.monotonic() + LIMIT
        while not self.stop.is_set():
            try:
                with connect(self.name_of_secret) as connection:
                    assert connection.execute("select 1").fetchone() == (1,)
                self.connections += 1
                deadline = time.monotonic() + LIMIT
            except psycopg.OperationalError as error:
                self.retries += 1
                if time.monotonic() > deadline:
                    self.failed = error
                    return

    def goes_on(self, times):
        """Waits until it has connected so many times more."""
        wanted = self.connections + times
        deadline = time.monotonic() + LIMIT
        while self.connections < wanted and self.is_alive() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert self.connections >= wanted, self.failed

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.goes_on(1)
        self.stop.set()
        self.join()
        assert self.failed is None, self.failed


def arguments_of_all():
    """What `ps` shows, as one text."""
    texts = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            texts.append(path.read_bytes().decode(errors="replace"))
        except OSError:
            pass
    return "\n".join(texts)


def refused(login, password):
    try:
        psycopg.connect(host=login["host"], port=login["port"], user=login["username"], password=password, dbname="app")
    except psycopg.OperationalError:
        return True
    return False


for role in ["orders", "billing"]:
    password = secret(role)["password"]
    own.execute(f"create role {role} login password '{password}'")
own.execute("create table bills(id int); grant select on bills to billing")

# One role: connections that are open stay open, and one that reads the secret again gets in.
first = secret("orders")
with connect("orders") as open_connection, Application("orders") as application:
    for _ in range(3):
        rotate("orders")
        shown = arguments_of_all()
        assert secret("orders")["password"] not in shown
    assert open_connection.execute("select current_user").fetchone() == ("orders",)
now = secret("orders")
assert {**now, "password": ""} == {**first, "password": ""} and isinstance(now["port"], int), now
assert refused(first, first["password"]), "the old password works still"

# Two roles that take turns: whoever reads the current version always gets in at once.
users = set()
with Application("billing") as application:
    for _ in range(3):
        rotate("billing")
        users.add(secret("billing")["username"])
        # Until the next rotation the application has read the secret again.
        application.goes_on(2)
        with connect("billing") as connection:
            assert connection.execute("select count(*) from bills").fetchone() == (0,)
assert users == {"billing", "billing_clone"}, users
assert application.retries == 0, application.retries
assert application.connections > 0

# The name that AWS's own template has, and a superuser's secret of its own.
super_login = {**secret("billing"), "username": os.environ["PGUSER"], "password": os.environ["PGPASSWORD"]}
master = sm.create_secret(Name="master", SecretString=json.dumps(super_login))["ARN"]
own.execute("create role third login password 'of-the-third-role'")
login = {**secret("billing"), "username": "third", "password": "of-the-third-role", "masterarn": master}
sm.create_secret(Name="third", SecretString=json.dumps(login))
rotate("third", RotationLambdaARN=FUNCTION + "SecretsManagerRDSPostgreSQLRotationMultiUser")
assert secret("third")["username"] == "third_clone" and secret("third")["masterarn"] == master
connect("third").close()

# The role with which devenv itself enters keeps its password, and the log says why.
sm.create_secret(Name="own", SecretString=json.dumps(super_login))
sm.rotate_secret(SecretId="own", RotationLambdaARN=FUNCTION + "postgres-single-user")
log = pathlib.Path(".devenv/logs/daemon.log")
deadline = time.monotonic() + LIMIT
while "with which devenv itself enters" not in log.read_text():
    assert time.monotonic() < deadline, "the refusal was not logged"
    time.sleep(0.05)
psycopg.connect(os.environ["DATABASE_URL"]).close()
