"""boto3 clients of SQS in both of its protocols. botocore speaks awsJson; for awsQuery its own model gets back
what AWS took out of it in 2023: the protocol's name and the names of flattened lists and maps."""

import functools
import gzip
import json
import os
import tempfile

import boto3
import botocore
from botocore.config import Config

MODELS = tempfile.TemporaryDirectory(prefix="devenv-sqs-model-")
LISTS = {
    "AttributeNameList": "AttributeName",
    "BatchResultErrorEntryList": "BatchResultErrorEntry",
    "ChangeMessageVisibilityBatchRequestEntryList": "ChangeMessageVisibilityBatchRequestEntry",
    "ChangeMessageVisibilityBatchResultEntryList": "ChangeMessageVisibilityBatchResultEntry",
    "DeleteMessageBatchRequestEntryList": "DeleteMessageBatchRequestEntry",
    "DeleteMessageBatchResultEntryList": "DeleteMessageBatchResultEntry",
    "MessageAttributeNameList": "MessageAttributeName",
    "MessageList": "Message",
    "MessageSystemAttributeList": "MessageSystemAttributeName",
    "QueueUrlList": "QueueUrl",
    "SendMessageBatchRequestEntryList": "SendMessageBatchRequestEntry",
    "SendMessageBatchResultEntryList": "SendMessageBatchResultEntry",
    "TagKeyList": "TagKey",
    "AWSAccountIdList": "AWSAccountId",
    "ActionNameList": "ActionName",
}
MAPS = {
    "MessageBodyAttributeMap": ("MessageAttribute", "Name"),
    "MessageBodySystemAttributeMap": ("MessageSystemAttribute", "Name"),
    "MessageSystemAttributeMap": ("Attribute", "Name"),
    "QueueAttributeMap": ("Attribute", "Name"),
    "TagMap": ("Tag", "Key"),
}


@functools.lru_cache
def query_model():
    """A data path for botocore that holds the model of SQS in awsQuery."""
    source = os.path.join(os.path.dirname(botocore.__file__), "data", "sqs", "2012-11-05")
    with gzip.open(os.path.join(source, "service-2.json.gz")) as file:
        model = json.load(file)
    metadata = model["metadata"]
    metadata.update(protocol="query", protocols=["query"], xmlNamespace="http://queue.amazonaws.com/doc/2012-11-05/")
    metadata.pop("awsQueryCompatible", None)
    for name, operation in model["operations"].items():
        if "output" in operation:
            operation["output"]["resultWrapper"] = name + "Result"
    for shape in model["shapes"].values():
        for member in shape.get("members", {}).values():
            name = member["shape"]
            if name in LISTS:
                member["locationName"] = LISTS[name]
            elif name in MAPS:
                member["locationName"] = MAPS[name][0]
    for name, element in LISTS.items():
        model["shapes"][name]["member"]["locationName"] = element
    for name, (_, key) in MAPS.items():
        model["shapes"][name]["key"]["locationName"] = key
        model["shapes"][name]["value"]["locationName"] = "Value"
    path = MODELS.name
    folder = os.path.join(path, "sqs", "2012-11-05")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "service-2.json"), "w") as file:
        json.dump(model, file)
    return path


def client(endpoint, protocol, region="eu-west-1", key="test", **config):
    """A client that speaks `protocol`: `json` or `query`."""
    session = boto3.Session()
    if protocol == "query":
        loader = session._session.get_component("data_loader")
        loader.search_paths.insert(0, query_model())
    made = session.client(
        "sqs",
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id=key,
        aws_secret_access_key="test",
        config=Config(retries={"max_attempts": 0}, max_pool_connections=50, **config),
    )
    assert made.meta.service_model.metadata["protocol"] == protocol
    return made
