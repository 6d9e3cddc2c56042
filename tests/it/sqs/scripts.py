"""Runs the scripts of tests/it/scripts/sqs in which no time passes through a gateway: boto3_scripts ENDPOINT PROTOCOL FILE..."""

import json
import os
import sys

from botocore.exceptions import ClientError

from clients import client

endpoint, protocol, *files = sys.argv[1:]


def filled(value, names):
    if isinstance(value, str) and value.startswith("$"):
        return names[value[1:]]
    if isinstance(value, list):
        return [filled(v, names) for v in value]
    if isinstance(value, dict):
        return {k: filled(v, names) for k, v in value.items()}
    return value


def matches(expected, actual, names):
    """As in sqs/script.rs: `*` is anything, `$=x` names what is there, `$x` is what was named; an object may hold more."""
    if isinstance(expected, str) and expected.startswith("$="):
        names[expected[2:]] = actual
        return True
    if expected == "*":
        return True
    if isinstance(expected, str) and expected.startswith("$"):
        return actual == names[expected[1:]]
    if isinstance(expected, list):
        return isinstance(actual, list) and len(actual) == len(expected) and all(
            matches(e, a, names) for e, a in zip(expected, actual)
        )
    if isinstance(expected, dict):
        if not expected:
            return actual == {}
        return isinstance(actual, dict) and all(k in actual and matches(v, actual[k], names) for k, v in expected.items())
    return actual == expected


def play(file, account):
    sqs = client(endpoint, protocol, key=account, parameter_validation=False)
    names = {}
    for number, line in enumerate(open(file, encoding="utf-8"), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        at, operation, rest = line.split(None, 2)
        assert float(at) == 0, "a script with time is for the pure core"
        given, _, wanted = rest.partition("→")
        arguments = filled(json.loads(given), names)
        try:
            answer = sqs._make_api_call(operation, arguments)
            answer.pop("ResponseMetadata")
        except ClientError as error:
            answer = "! {Code}: {Message}".format(**error.response["Error"])
        wanted = wanted.strip()
        where = f"{os.path.basename(file)}:{number} over {protocol}: {answer!r}"
        if wanted.startswith("!"):
            assert isinstance(answer, str) and answer.startswith(filled_text(wanted, names)), where
        else:
            assert not isinstance(answer, str), where
            assert not wanted or matches(json.loads(wanted), answer, names), where


def filled_text(text, names):
    for name, value in names.items():
        text = text.replace("$" + name, str(value))
    return text


assert files
for at, file in enumerate(files):
    # An account each: scripts do not meet.
    play(file, f"{at + 1:012}")
