"""What the scripts of KMS share: clients whose every answer is compared with botocore's model."""

import base64
import json
import subprocess
import os

import boto3
import botocore
from botocore.config import Config

ANSWERED = set()


def check(shape, value, at):
    """A raw JSON answer has its shape: known members, kinds, names, lengths."""
    kind = shape.type_name
    if kind == "structure":
        assert isinstance(value, dict), (at, value)
        for name in shape.required_members:
            assert name in value, (at, name)
        for name, member in value.items():
            assert name in shape.members, f"{at}: {name} is no member of {shape.name}"
            check(shape.members[name], member, f"{at}.{name}")
        return
    if kind == "list":
        for n, member in enumerate(value):
            check(shape.member, member, f"{at}[{n}]")
        return
    if kind == "map":
        for key, member in value.items():
            check(shape.value, member, f"{at}[{key}]")
        return
    wanted = {"string": str, "blob": str, "boolean": bool, "integer": int, "timestamp": (int, float)}[kind]
    assert isinstance(value, wanted), (at, value)
    if kind == "blob":
        value = base64.b64decode(value, validate=True)
    if kind in ("string", "blob"):
        rules = shape.metadata
        # A grant without a name has an empty one, whatever the model says.
        least = 0 if shape.name == "GrantNameType" else rules.get("min", 0)
        assert least <= len(value) <= rules.get("max", 1 << 30), (at, len(value))
        assert not getattr(shape, "enum", None) or value in shape.enum, (at, value)


def client(region="us-east-1"):
    made = boto3.client("kms", region_name=region, config=Config(retries={"max_attempts": 1}))

    def raw(model, response_dict, **_):
        if response_dict["status_code"] < 300:
            ANSWERED.add(model.name)
            body = response_dict["body"]
            if model.output_shape is None:
                assert not body.strip(), (model.name, body)
            else:
                check(model.output_shape, json.loads(body), model.name)

    made.meta.events.register("before-parse.kms", lambda operation_model, response_dict, **more: raw(
        operation_model, response_dict, **more))
    return made


def refused(code, call, message=None, **arguments):
    """`call` must be refused with `code`."""
    try:
        answer = call(**arguments)
    except botocore.exceptions.ClientError as error:
        told = error.response["Error"]
        assert told["Code"] == code, told
        assert message is None or told["Message"] == message, told
        return told["Message"]
    raise AssertionError(f"not refused with {code}: {answer}")


def advance(by):
    subprocess.run([os.environ["DEVENV"], "clock", "advance", by], check=True, stdout=subprocess.DEVNULL)
