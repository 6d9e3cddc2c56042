"""operations.py ENDPOINT SERVICE [TABLE]: every operation of botocore's model answers in its shape, or says
501 and its name. Those that say 501 are the ones that the service's table of shapes calls `other`."""

import pathlib
import sys

import boto3
import botocore
from botocore.config import Config

ENDPOINT, SERVICE, TABLE = sys.argv[1], sys.argv[2], sys.argv[3]
# What the smallest value of a member must be so that its shape lets it pass.
SAMPLES = {"arnType": "arn:aws:iam::000000000000:x/y" + "z" * 8, "roleArn": "arn:aws:iam::000000000000:role/r"}


def sample(shape, depth=0):
    """The smallest input that a shape takes."""
    kind = shape.type_name
    if kind == "structure":
        names = shape.required_members if depth < 6 else []
        return {name: sample(shape.members[name], depth + 1) for name in names}
    if kind == "list":
        return [sample(shape.member, depth + 1)] * max(1, shape.metadata.get("min", 0)) if depth < 6 else []
    if kind == "map":
        return {}
    if kind == "string":
        if shape.name in SAMPLES:
            return SAMPLES[shape.name]
        return shape.enum[0] if getattr(shape, "enum", None) else "x" * max(1, shape.metadata.get("min", 1))
    return {"boolean": True, "blob": b"x", "timestamp": 0}.get(kind, max(1, shape.metadata.get("min", 1)))


def main():
    client = boto3.client(SERVICE, endpoint_url=ENDPOINT,
                          config=Config(retries={"max_attempts": 1}, parameter_validation=False))
    lines = pathlib.Path(TABLE).read_text().splitlines()
    others = {line.split()[1] for line in lines if line.startswith("other ")}
    unserved = set()
    for name in client.meta.service_model.operation_names:
        operation = client.meta.service_model.operation_model(name)
        given = sample(operation.input_shape) if operation.input_shape else {}
        try:
            answer = getattr(client, botocore.xform_name(name))(**given)
        except botocore.exceptions.ClientError as error:
            answer = error.response
            status = answer["ResponseMetadata"]["HTTPStatusCode"]
            assert answer["Error"]["Code"] not in ("InvalidAction", "UnknownOperationException"), (name, answer)
            if status == 501:
                assert answer["Error"]["Code"] == "NotImplemented" and name in answer["Error"]["Message"], answer
                unserved.add(name)
            assert status < 500 or status == 501, (name, answer)
        assert answer["ResponseMetadata"].get("RequestId"), (name, answer)
    assert unserved == others, (unserved ^ others)


if __name__ == "__main__":
    main()
