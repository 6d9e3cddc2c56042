"""life.py ENDPOINT before|after: Parameter Store as boto3 meets it, before and after a kill -9."""

import json
import subprocess
import sys

import boto3
from botocore.exceptions import ClientError

ENDPOINT, PART = sys.argv[1], sys.argv[2]
ssm = boto3.client("ssm", endpoint_url=ENDPOINT)


def refused(call, code, words=None):
    try:
        call()
    except ClientError as error:
        given = error.response["Error"]
        assert given["Code"] == code, given
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 400
        if words is not None:
            assert words in given["Message"] if words else given["Message"] == "", given
    else:
        raise AssertionError(f"{code} expected")


def plain():
    put = ssm.put_parameter(Name="/app/db/host", Value="localhost", Type="String", Description="where",
                            Tags=[{"Key": "team", "Value": "a"}])
    assert (put["Version"], put["Tier"]) == (1, "Standard")
    got = ssm.get_parameter(Name="/app/db/host")["Parameter"]
    arn = "arn:aws:ssm:us-east-1:000000000000:parameter/app/db/host"
    assert {k: got[k] for k in got if k != "LastModifiedDate"} == {
        "Name": "/app/db/host", "Type": "String", "Value": "localhost", "Version": 1, "ARN": arn,
        "DataType": "text"}
    assert ssm.get_parameter(Name=arn)["Parameter"]["Name"] == "/app/db/host"
    assert ssm.put_parameter(Name="/app/db/host", Value="db", Overwrite=True)["Version"] == 2
    ssm.put_parameter(Name="plain", Value="a,b", Type="StringList")
    assert ssm.get_parameter(Name="arn:aws:ssm:us-east-1:000000000000:parameter/plain")["Parameter"]["Name"] == "plain"
    got = ssm.get_parameters(Names=["/app/db/host:1", "plain", "/none"])
    assert {p["Name"]: (p["Value"], p.get("Selector")) for p in got["Parameters"]} == {
        "/app/db/host": ("localhost", ":1"), "plain": ("a,b", None)}
    assert got["InvalidParameters"] == ["/none"]
    ssm.put_parameter(Name="/app/debug", Value="1", Type="String")
    ssm.put_parameter(Name="/apple", Value="1", Type="String")
    paths = lambda **more: [p["Name"] for p in ssm.get_parameters_by_path(Path="/app", **more)["Parameters"]]
    assert paths() == ["/app/debug"]
    assert paths(Recursive=True) == ["/app/db/host", "/app/debug"]
    pages = ssm.get_paginator("get_parameters_by_path").paginate(
        Path="/", Recursive=True, PaginationConfig={"PageSize": 1})
    assert [p["Name"] for page in pages for p in page["Parameters"]] == [
        "/app/db/host", "/app/debug", "/apple", "plain"]


def refusals():
    put = lambda name, **more: lambda: ssm.put_parameter(**{"Name": name, "Value": "x", "Type": "String", **more})
    refused(put("/app/debug"), "ParameterAlreadyExists", "set the overwrite option")
    refused(put("/aws/x"), "AccessDeniedException", "No access to reserved parameter name: /aws/x.")
    refused(put("a/b"), "ValidationException", "fully qualified name")
    refused(put("/l" * 16), "HierarchyLevelLimitExceededException", "15 levels")
    refused(put("/app/debug", Overwrite=True, Tags=[{"Key": "a", "Value": "b"}]), "ValidationException",
            "tags and overwrite can't be used together")
    refused(lambda: ssm.put_parameter(Name="/new", Value="x"), "ValidationException", "type is required")
    refused(put("/n", Value="a", AllowedPattern="^\\d+$"), "ParameterPatternMismatchException", "^\\d+$")
    refused(lambda: ssm.get_parameter(Name="/none"), "ParameterNotFound", "")
    refused(lambda: ssm.get_parameter(Name="/app/debug:9"), "ParameterVersionNotFound", "could not find version 9")
    refused(lambda: ssm.delete_parameter(Name="/none"), "ParameterNotFound", "")
    refused(lambda: ssm.get_parameters_by_path(Path="app"), "ValidationException", "forward slash")
    refused(lambda: ssm.describe_parameters(NextToken="?"), "InvalidNextToken")
    refused(lambda: ssm.get_parameters(Names=["/a"] * 11), "ValidationException",
            "Member must have length less than or equal to 10")
    refused(lambda: ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId="/none"), "InvalidResourceId")


def labels_and_history():
    name = "/app/db/host"
    assert ssm.label_parameter_version(Name=name, ParameterVersion=1, Labels=["prod", "9x"]) ["InvalidLabels"] == ["9x"]
    assert ssm.get_parameter(Name=f"{name}:prod")["Parameter"]["Version"] == 1
    ssm.label_parameter_version(Name=name, Labels=["prod"])
    history = ssm.get_parameter_history(Name=name)["Parameters"]
    assert [(h["Version"], h["Value"], h["Labels"]) for h in history] == [(1, "localhost", []), (2, "db", ["prod"])]
    assert [h["Version"] for h in ssm.get_parameter_history(Name=name, MaxResults=1)["Parameters"]] == [1]
    gone = ssm.unlabel_parameter_version(Name=name, ParameterVersion=2, Labels=["prod", "x"])
    assert (gone["RemovedLabels"], gone["InvalidLabels"]) == (["prod"], ["x"])
    ssm.label_parameter_version(Name=name, ParameterVersion=1, Labels=["old"])


def descriptions():
    described = lambda *filters: [p["Name"] for p in ssm.describe_parameters(ParameterFilters=list(filters))["Parameters"]]
    f = lambda key, values, option=None: {"Key": key, "Values": values, **({"Option": option} if option else {})}
    assert described(f("Name", ["/app/debug"])) == ["/app/debug"]
    assert described(f("Name", ["/app"], "BeginsWith")) == ["/app/db/host", "/app/debug", "/apple"]
    assert described(f("Name", ["db"], "Contains")) == ["/app/db/host"]
    assert described(f("Path", ["/app"])) == ["/app/debug"]
    assert described(f("Path", ["/app"], "Recursive"), f("Type", ["String"])) == ["/app/db/host", "/app/debug"]
    assert described(f("Type", ["StringList"])) == ["plain"]
    assert described(f("tag:team", ["a"])) == ["/app/db/host"]
    assert described(f("Tier", ["Advanced"])) == []
    old = ssm.describe_parameters(Filters=[{"Key": "Name", "Values": ["/app/d"]}])["Parameters"]
    assert [(p["Name"], p["Version"], p["Policies"]) for p in old] == [("/app/db/host", 2, []), ("/app/debug", 1, [])]
    assert old[0]["Description"] == "where" and old[0]["ARN"].endswith(":parameter/app/db/host")
    refused(lambda: described(f("Label", ["x"])), "InvalidFilterKey")
    tags = lambda: ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId="/apple")["TagList"]
    ssm.add_tags_to_resource(ResourceType="Parameter", ResourceId="/apple", Tags=[{"Key": "k", "Value": "v"}])
    assert tags() == [{"Key": "k", "Value": "v"}]
    ssm.remove_tags_from_resource(ResourceType="Parameter", ResourceId="/apple", TagKeys=["k"])
    assert tags() == []


def secure_strings():
    kms = boto3.client("kms", endpoint_url=ENDPOINT)
    own = kms.create_key()["KeyMetadata"]["KeyId"]
    ssm.put_parameter(Name="/secure/own", Value="s3cret", Type="SecureString", KeyId=own)
    ssm.put_parameter(Name="/secure/default", Value="ü" * 4096, Type="SecureString")
    get = lambda name, **more: ssm.get_parameter(Name=name, **more)["Parameter"]["Value"]
    assert get("/secure/own", WithDecryption=True) == "s3cret" and get("/secure/own") != "s3cret"
    assert get("/secure/default", WithDecryption=True) == "ü" * 4096
    described = ssm.describe_parameters(ParameterFilters=[{"Key": "KeyId", "Values": ["alias/aws/ssm"]}])["Parameters"]
    assert [(p["Name"], p["KeyId"]) for p in described] == [("/secure/default", "alias/aws/ssm")]
    ssm.put_parameter(Name="/secure/own", Value="newer", Overwrite=True)
    both = ssm.get_parameters_by_path(Path="/secure", WithDecryption=True)["Parameters"]
    assert [p["Value"] for p in both] == ["ü" * 4096, "newer"]
    history = ssm.get_parameter_history(Name="/secure/own", WithDecryption=True)["Parameters"]
    assert [(h["Value"], h["KeyId"]) for h in history] == [("s3cret", own), ("newer", own)]
    refused(lambda: ssm.put_parameter(Name="/secure/x", Value="x", Type="SecureString", KeyId="alias/none"),
            "InvalidKeyId", "alias/none")


def secrets():
    sm = boto3.client("secretsmanager", endpoint_url=ENDPOINT)
    made = sm.create_secret(Name="prod/db", SecretString="s3cret")
    name = "/aws/reference/secretsmanager/prod/db"
    got = ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]
    assert (got["Value"], got["Type"], got["Version"], got["ARN"]) == ("s3cret", "SecureString", 0, made["ARN"])
    assert json.loads(got["SourceResult"])["versionId"] == made["VersionId"]
    sm.put_secret_value(SecretId="prod/db", SecretString="newer")
    both = ssm.get_parameters(Names=[f"{name}:AWSPREVIOUS", "/apple", "/aws/reference/secretsmanager/no"],
                              WithDecryption=True)
    assert {p["Value"] for p in both["Parameters"]} == {"s3cret", "1"}
    assert both["InvalidParameters"] == ["/aws/reference/secretsmanager/no"]
    assert ssm.get_parameter(Name=f"{name}:{made['VersionId']}", WithDecryption=True)["Parameter"]["Value"] == "s3cret"
    refused(lambda: ssm.get_parameter(Name=name), "ValidationException", "WithDecryption flag must be True")
    refused(lambda: ssm.get_parameter(Name="/aws/reference/secretsmanager/no", WithDecryption=True),
            "ParameterNotFound", "Secret /aws/reference/secretsmanager/no not found.")


def command_line():
    aws = [sys.executable, "-m", "awscli", "--endpoint-url", ENDPOINT, "ssm"]
    run = lambda *words: json.loads(subprocess.run([*aws, *words], check=True, capture_output=True).stdout or "{}")
    run("put-parameter", "--name", "/cli", "--value", "x", "--type", "String")
    assert run("get-parameter", "--name", "/cli")["Parameter"]["Value"] == "x"
    assert run("delete-parameters", "--names", "/cli", "/none")["InvalidParameters"] == ["/none"]


def main():
    if PART == "before":
        plain()
        refusals()
        labels_and_history()
        descriptions()
        secure_strings()
        secrets()
        command_line()
    else:
        history = ssm.get_parameter_history(Name="/app/db/host")["Parameters"]
        assert [(h["Version"], h["Labels"]) for h in history] == [(1, ["old"]), (2, [])]
        tags = ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId="/app/db/host")["TagList"]
        assert tags == [{"Key": "team", "Value": "a"}]
        assert ssm.get_parameter(Name="/secure/own", WithDecryption=True)["Parameter"]["Value"] == "newer"
        assert ssm.delete_parameters(Names=["/app/db/host"])["DeletedParameters"] == ["/app/db/host"]
        refused(lambda: ssm.get_parameter(Name="/app/db/host"), "ParameterNotFound")


if __name__ == "__main__":
    main()
