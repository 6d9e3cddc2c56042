"""A slice of the running devenv environment for each test, or for each worker of pytest-xdist.

Copy this file beside your tests and name it in conftest.py: `pytest_plugins = ["devenv_lease"]`.
Run pytest with the environment's variables: `devenv exec -- pytest`.

`devenv_lease` is the lease (`id`, `account`, `database`, `redis`, `mail_domain`, `env`) of one test;
`devenv_session_lease` one for the whole session, which costs each test nothing. Both put the lease's
variables into `os.environ` for as long as they last, so clients made without arguments use it.
"""

import json
import os
import sys
import urllib.error
import urllib.request
from contextlib import contextmanager

import pytest


def _call(endpoint, method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{endpoint}{path}", data=data, method=method)
    # Never through a proxy: the environment is on this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise RuntimeError(json.load(error)["error"]["message"]) from None


def _forget_credentials():
    # boto3's default session remembers whose credentials it found first.
    if "boto3" in sys.modules:
        sys.modules["boto3"].DEFAULT_SESSION = None


@contextmanager
def lease(**asked):
    """A lease, ended with the block, or by devenv when this process ends before."""
    endpoint = os.environ["AWS_ENDPOINT_URL"]
    body = {"pid": os.getpid(), **asked}
    given = _call(endpoint, "POST", "/_devenv/leases", body)["leases"][0]
    before = dict(os.environ)
    os.environ.update(given["env"])
    _forget_credentials()
    try:
        yield given
    finally:
        os.environ.clear()
        os.environ.update(before)
        _forget_credentials()
        _call(endpoint, "DELETE", f"/_devenv/leases/{given['id']}")


@pytest.fixture
def devenv_lease():
    with lease() as given:
        yield given


@pytest.fixture(scope="session")
def devenv_session_lease():
    with lease() as given:
        yield given
