"""boto3 through the gateway: DynamoDB and SNS answered by upstreams, S3 by devenv, Lambda by nobody."""

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

once = Config(retries={"total_max_attempts": 1})
dynamodb = boto3.client("dynamodb", config=once)
dynamodb.create_table(
    TableName="patients",
    KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    BillingMode="PAY_PER_REQUEST",
)
dynamodb.put_item(TableName="patients", Item={"id": {"S": "1"}})
assert dynamodb.scan(TableName="patients")["Count"] == 1
try:
    dynamodb.describe_table(TableName="nobody")
    raise AssertionError("a table that is not there")
except ClientError as error:
    assert error.response["Error"]["Code"] == "ResourceNotFoundException", error.response

sns = boto3.client("sns", config=once)
topic = sns.create_topic(Name="news")["TopicArn"]
assert [t["TopicArn"] for t in sns.list_topics()["Topics"]] == [topic]

boto3.client("s3", config=once).create_bucket(Bucket="own")
for service, operation, status in [("lambda", "list_functions", 501), ("events", "list_rules", 502)]:
    try:
        getattr(boto3.client(service, config=once), operation)()
        raise AssertionError(f"{service} answered")
    except ClientError as error:
        found = error.response["ResponseMetadata"]["HTTPStatusCode"]
        assert found == status, (service, error.response)
