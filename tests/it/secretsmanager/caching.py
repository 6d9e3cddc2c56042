"""AWS's caching client: values are read once, and anew when they are stale. Argument: the endpoint."""

import sys
import time

import boto3
from aws_secretsmanager_caching import InjectKeywordedSecretString, SecretCache, SecretCacheConfig

sm = boto3.client("secretsmanager", endpoint_url=sys.argv[1], region_name="us-east-1",
                  aws_access_key_id="test", aws_secret_access_key="test")
sm.create_secret(Name="cached", SecretString='{"user":"ann","password":"one"}')
calls = []
sm.meta.events.register("before-call.secrets-manager.*", lambda model, **_: calls.append(model.name))

cache = SecretCache(config=SecretCacheConfig(secret_refresh_interval=3600), client=sm)
for _ in range(20):
    assert cache.get_secret_string("cached") == '{"user":"ann","password":"one"}'
assert calls == ["DescribeSecret", "GetSecretValue"], calls


@InjectKeywordedSecretString(secret_id="cached", cache=cache, user="user", password="password")
def login(user, password):
    return user, password


assert login() == ("ann", "one")
sm.create_secret(Name="bytes", SecretBinary=b"\x00\xff")
assert cache.get_secret_binary("bytes") == b"\x00\xff"

# A cache that refreshes at once sees the new current version, and the one before by its label.
fresh = SecretCache(config=SecretCacheConfig(secret_refresh_interval=0), client=sm)
assert fresh.get_secret_string("cached") == '{"user":"ann","password":"one"}'
sm.put_secret_value(SecretId="cached", SecretString="two")
deadline = time.monotonic() + 30
while fresh.get_secret_string("cached") != "two":
    assert time.monotonic() < deadline, "the cache keeps the old value"
assert fresh.get_secret_string("cached", "AWSPREVIOUS") == '{"user":"ann","password":"one"}'
assert cache.get_secret_string("cached") == '{"user":"ann","password":"one"}'
