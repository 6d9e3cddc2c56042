"""The aws CLI, every command in a process of its own, knowing only the standard environment variables.

Starting Python and loading the CLI costs half a second a command; so it is loaded once and each command
runs in a fork: arguments in, exit code and output out, as in a shell.
"""

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request

import awscli.clidriver


def aws(line, *more, code=0, stdin=None):
    """Runs `aws LINE... MORE...`; its stdout as JSON where it is JSON, else as text. A failure's stderr."""
    arguments = [*line.split(), *more]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, tempfile.TemporaryFile() as given:
        given.write(stdin or b"")
        given.seek(0)
        child = os.fork()
        if child == 0:
            for fd, file in enumerate((given, out, err)):
                os.dup2(file.fileno(), fd)
            sys.argv = ["aws", *arguments]
            try:
                ended = awscli.clidriver.main()
            except SystemExit as end:
                ended = end.code
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(ended or 0)
        ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read())
    stdout, stderr = texts[0], texts[1].decode()
    assert ended == code, f"aws {' '.join(arguments)}: {ended}\n{stdout!r}\n{stderr}"
    if code:
        return stderr
    try:
        return json.loads(stdout)
    except ValueError:
        return stdout


def write(path, content):
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "wb") as file:
        file.write(content)
    return path


def read(path):
    with open(path, "rb") as file:
        return file.read()


def s3_files():
    assert aws("s3 mb s3://cli") == b"make_bucket: cli\n"
    small = write("small.txt", b"twenty-four bytes, small\n")
    large = write("large.bin", os.urandom(1 << 16) * 320)
    aws("s3 cp small.txt s3://cli/one/small.txt --content-type text/x-small --metadata colour=blue --no-progress")
    aws("s3 cp large.bin s3://cli/large.bin --no-progress")
    head = aws("s3api head-object --bucket cli --key large.bin")
    assert head["ContentLength"] == len(read(large)), head
    assert re.fullmatch(r'"[0-9a-f]{32}-3"', head["ETag"]), head
    head = aws("s3api head-object --bucket cli --key one/small.txt")
    assert head["ContentType"] == "text/x-small" and head["Metadata"] == {"colour": "blue"}, head
    aws("s3 cp s3://cli/large.bin back.bin --no-progress")
    assert read("back.bin") == read(large)
    aws("s3 cp s3://cli/large.bin s3://cli/copied.bin --no-progress")
    assert aws("s3api head-object --bucket cli --key copied.bin")["ContentLength"] == len(read(large))
    aws("s3 cp - s3://cli/streamed", stdin=b"from a pipe")
    assert aws("s3 cp s3://cli/streamed -") == b"from a pipe"
    listed = aws("s3 ls s3://cli").decode().splitlines()
    assert [line.split(maxsplit=2)[-1] for line in listed[:1]] == ["one/"], listed
    assert [line.split()[-1] for line in listed] == ["one/", "copied.bin", "large.bin", "streamed"], listed
    summary = aws("s3 ls s3://cli --recursive --summarize").decode()
    assert "Total Objects: 4" in summary, summary
    # Version 1 of the CLI presigns by Signature Version 2 unless told otherwise.
    aws("configure set default.s3.signature_version s3v4")
    url = aws("s3 presign s3://cli/one/small.txt --expires-in 60").decode().strip()
    with urllib.request.urlopen(url) as answer:
        assert answer.read() == read(small) and answer.headers["Content-Type"] == "text/x-small"
    refused = aws("s3 cp s3://cli/absent absent", code=1)
    assert "(404) when calling the HeadObject operation" in refused, refused
    refused = aws("s3 rb s3://cli", code=1)
    assert "BucketNotEmpty" in refused, refused
    aws("s3 mv s3://cli/streamed s3://cli/moved")
    aws("s3 rm s3://cli --recursive")
    assert aws("s3 ls s3://cli") == b""
    aws("s3 rb s3://cli")
    refused = aws("s3 ls s3://cli", code=255)
    assert "NoSuchBucket" in refused, refused


def s3_sync():
    names = ["plain", "with space", "plus+and&", "per%cent", "ümläut/日本.txt", "deep/er/still", "a'quote"]
    aws("s3 mb s3://tree")
    for name in names:
        # S3 knows whole seconds: a file of this very second would be newer than its own copy.
        past = time.time() - 60
        os.utime(write(f"tree/{name}", name.encode()), (past, past))
    sent = aws("s3 sync tree s3://tree/t --no-progress").decode().splitlines()
    assert len(sent) == len(names), sent
    assert aws("s3 sync tree s3://tree/t --no-progress") == b"", "nothing changed: nothing to send"
    write("tree/plain", b"changed length")
    os.remove("tree/with space")
    aws("s3 sync tree s3://tree/t --delete --no-progress")
    aws("s3 sync s3://tree/t back --no-progress")
    back = {os.path.relpath(os.path.join(at, file), "back") for at, _, files in os.walk("back") for file in files}
    assert back == set(names) - {"with space"}, back
    for name in back:
        assert read(f"back/{name}") == read(f"tree/{name}"), name
    aws("s3 rb s3://tree --force")


def s3api():
    made = aws("s3api create-bucket --bucket api-eu --region eu-west-1"
               " --create-bucket-configuration LocationConstraint=eu-west-1")
    assert "api-eu" in made["Location"], made
    where = aws("s3api get-bucket-location --bucket api-eu --region eu-west-1")
    assert where == {"LocationConstraint": "eu-west-1"}, where
    aws("s3api create-bucket --bucket api")
    body = b"checked in three ways"
    write("body", body)
    # CRC32C and CRC64NVME need awscrt, which is no part of this CLI.
    for algorithm in ["CRC32", "SHA1", "SHA256"]:
        field = f"Checksum{algorithm}"
        put = aws(f"s3api put-object --bucket api --key {algorithm} --body body --checksum-algorithm {algorithm}")
        head = aws(f"s3api head-object --bucket api --key {algorithm} --checksum-mode ENABLED")
        assert put[field] == head[field], (put, head)
        if algorithm.startswith("SHA"):
            digest = hashlib.new(algorithm.lower(), body).digest()
            assert put[field] == base64.b64encode(digest).decode(), put
        aws(f"s3api get-object --bucket api --key {algorithm} --checksum-mode ENABLED got")
        assert read("got") == body
    wrong = base64.b64encode(bytes(32)).decode()
    refused = aws("s3api put-object --bucket api --key wrong --body body --checksum-sha256", wrong, code=255)
    assert "(BadDigest)" in refused, refused
    refused = aws("s3api get-object --bucket api --key wrong got", code=255)
    assert "(NoSuchKey) when calling the GetObject operation: The specified key does not exist." in refused, refused
    part = aws("s3api list-objects-v2 --bucket api --max-items 1")
    assert [one["Key"] for one in part["Contents"]] == ["CRC32"] and part["NextToken"], part
    aws("s3api wait object-exists --bucket api --key SHA1")
    removed = aws("s3api delete-objects --bucket api --delete",
                  json.dumps({"Objects": [{"Key": "CRC32"}, {"Key": "SHA1"}, {"Key": "SHA256"}]}))
    assert len(removed["Deleted"]) == 3, removed


def sqs():
    # Version 1 alone sends `aws sqs` to queue.amazonaws.com whatever AWS_ENDPOINT_URL says, unless it is
    # given --endpoint-url (https://github.com/aws/aws-cli/issues/8737), which `devenv aws` does.
    listed = subprocess.run([os.environ["DEVENV"], "aws", "sqs", "list-queues"], capture_output=True, check=True)
    assert listed.stdout == b"", listed

    def call(line, *more, **how):
        return aws(f"--endpoint-url {os.environ['AWS_ENDPOINT_URL']} sqs {line}", *more, **how)

    url = call("create-queue --queue-name jobs --attributes VisibilityTimeout=1")["QueueUrl"]
    assert call("get-queue-url --queue-name jobs")["QueueUrl"] == url
    sent = call("send-message --queue-url", url, "--message-body", "grüße & <tags>",
               "--message-attributes", '{"kind": {"DataType": "String", "StringValue": "greeting"}}')
    assert sent["MD5OfMessageBody"] == hashlib.md5("grüße & <tags>".encode()).hexdigest(), sent
    got = call("receive-message --wait-time-seconds 2 --message-attribute-names All"
              " --attribute-names All --queue-url", url)["Messages"]
    assert got[0]["Body"] == "grüße & <tags>" and got[0]["MessageId"] == sent["MessageId"], got
    assert got[0]["MessageAttributes"]["kind"]["StringValue"] == "greeting", got
    assert got[0]["Attributes"]["ApproximateReceiveCount"] == "1", got
    call("delete-message --queue-url", url, "--receipt-handle", got[0]["ReceiptHandle"])
    call("send-message-batch --queue-url", url,
        "--entries", '[{"Id": "a", "MessageBody": "1"}, {"Id": "b", "MessageBody": "2"}]')
    counted = call("get-queue-attributes --attribute-names All --queue-url", url)["Attributes"]
    assert counted["ApproximateNumberOfMessages"] == "2", counted
    call("purge-queue --queue-url", url)
    assert call("receive-message --wait-time-seconds 1 --queue-url", url) == b""
    assert call("list-queues")["QueueUrls"] == [url]
    call("delete-queue --queue-url", url)
    refused = call("get-queue-url --queue-name absent", code=255)
    assert "(AWS.SimpleQueueService.NonExistentQueue)" in refused, refused


def mail():
    aws("ses verify-email-identity --email-address desk@example.com")
    assert aws("ses list-identities")["Identities"] == ["desk@example.com"]
    first = aws("ses send-email --from desk@example.com --to ann@example.com --subject Hello --text", "Good day")
    content = {"Simple": {"Subject": {"Data": "Again"}, "Body": {"Html": {"Data": "<p>Good day</p>"}}}}
    second = aws("sesv2 send-email --from-email-address desk@example.com"
                 " --destination ToAddresses=ann@example.com --content", json.dumps(content))
    raw = "From: desk@example.com\r\nTo: ann@example.com\r\nSubject: Raw\r\n\r\nGood day\r\n"
    third = aws("ses send-raw-email --raw-message", json.dumps({"Data": raw}))
    assert len({first["MessageId"], second["MessageId"], third["MessageId"]}) == 3
    assert float(aws("ses get-send-quota")["SentLast24Hours"]) == 3.0
    template = {"TemplateName": "hello", "SubjectPart": "Hi {{name}}", "TextPart": "Dear {{name}}"}
    aws("ses create-template --template", json.dumps(template))
    fourth = aws("ses send-templated-email --source desk@example.com --destination ToAddresses=ann@example.com"
                 " --template hello --template-data", json.dumps({"name": "Ann"}))
    assert fourth["MessageId"]
    assert aws("sesv2 get-email-template --template-name hello")["TemplateContent"]["Text"] == "Dear {{name}}"
    aws("sesv2 create-contact-list --contact-list-name news")
    assert aws("sesv2 list-contact-lists")["ContactLists"][0]["ContactListName"] == "news"


def secrets():
    made = aws("secretsmanager create-secret --name prod/db --secret-string", '{"user":"ann"}')
    assert re.fullmatch(r"arn:aws:secretsmanager:us-east-1:\d{12}:secret:prod/db-\w{6}", made["ARN"]), made
    put = aws("secretsmanager put-secret-value --secret-id prod/db --secret-string second")
    assert put["VersionStages"] == ["AWSCURRENT"], put
    assert aws("secretsmanager get-secret-value --secret-id prod/db")["SecretString"] == "second"
    before = aws("secretsmanager get-secret-value --secret-id prod/db --version-stage AWSPREVIOUS")
    assert before["SecretString"] == '{"user":"ann"}' and before["VersionId"] == made["VersionId"], before
    write("key.der", bytes(range(256)))
    aws("secretsmanager create-secret --name binary --secret-binary fileb://key.der")
    got = aws("secretsmanager get-secret-value --secret-id binary")
    assert base64.b64decode(got["SecretBinary"]) == bytes(range(256)), got
    assert {one["Name"] for one in aws("secretsmanager list-secrets")["SecretList"]} == {"prod/db", "binary"}
    copies = aws("secretsmanager replicate-secret-to-regions --secret-id prod/db --add-replica-regions Region=eu-west-1")
    assert copies["ReplicationStatus"][0]["Status"] == "InSync", copies
    assert aws("secretsmanager get-secret-value --region eu-west-1 --secret-id prod/db")["SecretString"] == "second"
    aws("secretsmanager remove-regions-from-replication --secret-id prod/db --remove-replica-regions eu-west-1")
    refused = aws("secretsmanager rotate-secret --secret-id prod/db", code=255)
    assert "(InvalidRequestException)" in refused and "No Lambda rotation function ARN" in refused, refused
    aws("secretsmanager delete-secret --secret-id prod/db")
    refused = aws("secretsmanager get-secret-value --secret-id prod/db", code=255)
    assert "(InvalidRequestException)" in refused, refused
    refused = aws("secretsmanager get-secret-value --secret-id absent", code=255)
    assert "(ResourceNotFoundException)" in refused and "can't find the specified secret" in refused, refused


def keys():
    key = aws("kms create-key --tags TagKey=team,TagValue=a --description", "by the CLI")["KeyMetadata"]
    aws("kms create-alias --alias-name alias/cli --target-key-id", key["KeyId"])
    write("plain.txt", b"plain text")
    made = aws("kms encrypt --key-id alias/cli --plaintext fileb://plain.txt --encryption-context a=b")
    write("sealed.bin", base64.b64decode(made["CiphertextBlob"]))
    opened = aws("kms decrypt --ciphertext-blob fileb://sealed.bin --encryption-context a=b")
    assert base64.b64decode(opened["Plaintext"]) == b"plain text" and opened["KeyId"] == key["Arn"], opened
    refused = aws("kms decrypt --ciphertext-blob fileb://sealed.bin", code=255)
    assert "(InvalidCiphertextException)" in refused, refused
    aws("kms enable-key-rotation --rotation-period-in-days 90 --key-id", key["KeyId"])
    assert aws("kms get-key-rotation-status --key-id", key["KeyId"])["RotationPeriodInDays"] == 90
    aws("kms schedule-key-deletion --pending-window-in-days 7 --key-id", key["KeyId"])
    refused = aws("kms encrypt --key-id alias/cli --plaintext fileb://plain.txt", code=255)
    assert "(KMSInvalidStateException)" in refused and "is pending deletion." in refused, refused


def identity():
    caller = aws("sts get-caller-identity")
    assert caller["Account"] == "000000000000" and caller["Arn"].startswith("arn:aws:"), caller


globals()[sys.argv[1]]()
