"""What `life.py` left behind is there after a restart. Argument: the endpoint."""

import sys

import boto3

sm = boto3.client(
    "secretsmanager",
    endpoint_url=sys.argv[1],
    region_name="us-east-1",
    aws_access_key_id="test",
    aws_secret_access_key="test",
)
names = [s["Name"] for s in sm.list_secrets(SortBy="name")["SecretList"]]
assert names == ["app/db", "big", "empty", "key"], names
assert sm.get_secret_value(SecretId="app/db")["SecretString"] == "three"
assert sm.get_secret_value(SecretId="app/db", VersionStage="AWSPREVIOUS")["SecretString"] == "two"
described = sm.describe_secret(SecretId="app/db")
assert described["Description"] == "the database"
assert sorted(described["VersionIdsToStages"].values()) == [
    ["AWSCURRENT", "AWSPENDING"],
    ["AWSPREVIOUS"],
]
accessed = described["LastAccessedDate"]
assert (accessed.timestamp() % 86400) == 0, accessed
assert len(sm.list_secret_version_ids(SecretId="app/db", IncludeDeprecated=True)["Versions"]) == 3
