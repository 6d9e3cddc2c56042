// The AWS SDK for JavaScript v3 with nothing but the standard environment variables; only S3 is
// also told to put the bucket in the path, or is given a name for a host, before which it puts the bucket.

import assert from "node:assert/strict";
import { createHash, createPublicKey, randomBytes, verify } from "node:crypto";
import http from "node:http";
import { createRequire } from "node:module";
import { Readable } from "node:stream";

const installed = createRequire(process.env.DEVENV_TEST_NODE_MODULES + "/");
const s3 = installed("@aws-sdk/client-s3");
const sqs = installed("@aws-sdk/client-sqs");
const ses = installed("@aws-sdk/client-ses");
const sesv2 = installed("@aws-sdk/client-sesv2");
const secrets = installed("@aws-sdk/client-secrets-manager");
const kms = installed("@aws-sdk/client-kms");
const sts = installed("@aws-sdk/client-sts");
const { Upload } = installed("@aws-sdk/lib-storage");
const { getSignedUrl } = installed("@aws-sdk/s3-request-presigner");

const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

async function stream(body) {
  const parts = [];
  for await (const part of body) parts.push(part);
  return Buffer.concat(parts);
}

async function objects(client, Bucket) {
  await client.send(new s3.CreateBucketCommand({ Bucket }));
  await client.send(new s3.HeadBucketCommand({ Bucket }));
  const Key = "a folder/ümläut +&%.txt";
  const put = await client.send(new s3.PutObjectCommand({
    Bucket, Key, Body: "plain text", ContentType: "text/plain", Metadata: { colour: "blue" },
  }));
  assert.ok(put.ETag && put.ChecksumCRC32, "the SDK's own checksum comes back");
  const got = await client.send(new s3.GetObjectCommand({ Bucket, Key }));
  assert.equal(await got.Body.transformToString(), "plain text");
  assert.deepEqual([got.ContentType, got.Metadata], ["text/plain", { colour: "blue" }]);
  assert.ok(got.LastModified instanceof Date);
  const part = await client.send(new s3.GetObjectCommand({ Bucket, Key, Range: "bytes=6-" }));
  assert.equal(await part.Body.transformToString(), "text");

  for (const ChecksumAlgorithm of ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"]) {
    const Body = randomBytes(5000);
    const put = await client.send(new s3.PutObjectCommand({ Bucket, Key: "sum", Body, ChecksumAlgorithm }));
    const got = await client.send(new s3.GetObjectCommand({ Bucket, Key: "sum", ChecksumMode: "ENABLED" }));
    assert.equal(put[`Checksum${ChecksumAlgorithm}`], got[`Checksum${ChecksumAlgorithm}`]);
    assert.equal(sha256(await got.Body.transformToByteArray()), sha256(Body));
  }

  // A stream of known length goes out aws-chunked with a trailing checksum.
  const bytes = randomBytes(3 << 20);
  await client.send(new s3.PutObjectCommand({
    Bucket, Key: "streamed", Body: Readable.from(slices(bytes, 70001)), ContentLength: bytes.length,
  }));
  const streamed = await client.send(new s3.GetObjectCommand({ Bucket, Key: "streamed" }));
  assert.equal(sha256(await stream(streamed.Body)), sha256(bytes));

  // A stream of unknown length goes out in parts.
  const large = randomBytes(1 << 20);
  const whole = Buffer.concat(Array(13).fill(large));
  const upload = new Upload({ client, params: { Bucket, Key: "large", Body: Readable.from(slices(whole, 99991)) } });
  const done = await upload.done();
  assert.match(done.ETag, /^"[0-9a-f]{32}-3"$/);
  const back = await client.send(new s3.GetObjectCommand({ Bucket, Key: "large" }));
  assert.equal(sha256(await stream(back.Body)), sha256(whole));

  await client.send(new s3.CopyObjectCommand({
    Bucket, Key: "copy", CopySource: encodeURI(`${Bucket}/${Key}`).replace("+", "%2B").replace("&", "%26"),
  }));
  const keys = [];
  for await (const page of s3.paginateListObjectsV2({ client, pageSize: 2 }, { Bucket })) {
    keys.push(...page.Contents.map((one) => one.Key));
  }
  assert.deepEqual(keys, [Key, "copy", "large", "streamed", "sum"]);
  await presigned(client, Bucket);
  await refusals(client, Bucket);
  const gone = await client.send(new s3.DeleteObjectsCommand({
    Bucket, Delete: { Objects: [...keys, "presigned"].map((Key) => ({ Key })) },
  }));
  assert.equal(gone.Deleted.length, 6);
  await client.send(new s3.DeleteBucketCommand({ Bucket }));
}

function* slices(bytes, size) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function presigned(client, Bucket) {
  const sign = (command) => getSignedUrl(client, command, { expiresIn: 60 });
  const put = await plain("PUT", await sign(new s3.PutObjectCommand({ Bucket, Key: "presigned" })), "by URL");
  assert.equal(put.status, 200, put.text);
  const got = await plain("GET", await sign(new s3.GetObjectCommand({ Bucket, Key: "presigned" })));
  assert.deepEqual([got.status, got.text], [200, "by URL"]);
}

// One request without the SDK; *.localhost is this machine whether the resolver knows it or not.
function plain(method, url, body) {
  return new Promise((resolve, reject) => {
    const request = http.request(url, { method, lookup }, async (answer) => {
      resolve({ status: answer.statusCode, text: (await stream(answer)).toString() });
    });
    request.on("error", reject).end(body);
  });
}

function lookup(_host, options, callback) {
  if (options.all) callback(null, [{ address: "127.0.0.1", family: 4 }]);
  else callback(null, "127.0.0.1", 4);
}

async function refusals(client, Bucket) {
  const missing = new s3.GetObjectCommand({ Bucket, Key: "missing" });
  await assert.rejects(client.send(missing), (error) =>
    error instanceof s3.NoSuchKey && error.$metadata.httpStatusCode === 404 && !!error.$metadata.requestId);
  const head = new s3.HeadObjectCommand({ Bucket, Key: "missing" });
  await assert.rejects(client.send(head), (error) => error instanceof s3.NotFound);
  const nowhere = new s3.ListObjectsV2Command({ Bucket: `${Bucket}-absent` });
  await assert.rejects(client.send(nowhere), (error) => error.name === "NoSuchBucket");
  await assert.rejects(client.send(new s3.DeleteBucketCommand({ Bucket })), { name: "BucketNotEmpty" });
}

async function queues() {
  const client = new sqs.SQSClient();
  const { QueueUrl } = await client.send(new sqs.CreateQueueCommand({ QueueName: "jobs" }));
  const receive = () => client.send(new sqs.ReceiveMessageCommand({
    QueueUrl, WaitTimeSeconds: 20, MessageAttributeNames: ["All"], MessageSystemAttributeNames: ["All"],
  }));
  const started = Date.now();
  const waiting = receive();
  await new Promise((resolve) => setTimeout(resolve, 300));
  // The client checks the MD5 of body and attributes itself.
  await client.send(new sqs.SendMessageCommand({
    QueueUrl, MessageBody: "grüße & <tags> \u{1f600}",
    MessageAttributes: { kind: { DataType: "Binary", BinaryValue: Buffer.from([0, 255]) } },
  }));
  const { Messages: [message] } = await waiting;
  assert.ok(Date.now() - started < 10_000, "a long poll ends when a message comes");
  assert.equal(message.Body, "grüße & <tags> \u{1f600}");
  assert.deepEqual([...message.MessageAttributes.kind.BinaryValue], [0, 255]);
  assert.equal(message.Attributes.ApproximateReceiveCount, "1");
  await client.send(new sqs.DeleteMessageCommand({ QueueUrl, ReceiptHandle: message.ReceiptHandle }));
  const batch = await client.send(new sqs.SendMessageBatchCommand({
    QueueUrl, Entries: ["a", "b"].map((Id) => ({ Id, MessageBody: Id })),
  }));
  assert.equal(batch.Successful.length, 2);
  const absent = new sqs.GetQueueUrlCommand({ QueueName: "absent" });
  await assert.rejects(client.send(absent), (error) =>
    error instanceof sqs.QueueDoesNotExist && error.$metadata.httpStatusCode === 400);
  await client.send(new sqs.DeleteQueueCommand({ QueueUrl }));
}

async function mail() {
  const old = new ses.SESClient();
  await old.send(new ses.VerifyEmailIdentityCommand({ EmailAddress: "desk@example.com" }));
  const { Identities } = await old.send(new ses.ListIdentitiesCommand({}));
  assert.deepEqual(Identities, ["desk@example.com"]);
  const Destination = { ToAddresses: ["ann@example.com"] };
  const Simple = { Subject: { Data: "Héllo" }, Body: { Text: { Data: "Good day" } } };
  const first = await old.send(new ses.SendEmailCommand({ Source: "desk@example.com", Destination, Message: Simple }));
  const raw = Buffer.from("From: desk@example.com\r\nTo: ann@example.com\r\nSubject: Raw\r\n\r\nGood day\r\n");
  const second = await old.send(new ses.SendRawEmailCommand({ RawMessage: { Data: raw } }));
  const client = new sesv2.SESv2Client();
  const third = await client.send(new sesv2.SendEmailCommand({
    FromEmailAddress: "desk@example.com", Destination, Content: { Simple },
  }));
  assert.equal(new Set([first.MessageId, second.MessageId, third.MessageId]).size, 3);
  await client.send(new sesv2.CreateEmailTemplateCommand({
    TemplateName: "hello", TemplateContent: { Subject: "Hi {{name}}", Text: "Dear {{name}}" },
  }));
  const { RenderedTemplate } = await client.send(new sesv2.TestRenderEmailTemplateCommand({
    TemplateName: "hello", TemplateData: JSON.stringify({ name: "Ann" }),
  }));
  assert.match(RenderedTemplate, /Dear Ann/);
  await assert.rejects(
    old.send(new ses.TestRenderTemplateCommand({ TemplateName: "hello", TemplateData: "{}" })),
    (error) => error instanceof ses.MissingRenderingAttributeException);
  const bulk = await old.send(new ses.SendBulkTemplatedEmailCommand({
    Source: "desk@example.com", Template: "hello", DefaultTemplateData: JSON.stringify({ name: "all" }),
    Destinations: [{ Destination }, { Destination, ReplacementTemplateData: JSON.stringify({ name: "one" }) }],
  }));
  assert.deepEqual(bulk.Status.map((one) => one.Status), ["Success", "Success"]);
  await client.send(new sesv2.CreateConfigurationSetCommand({ ConfigurationSetName: "set" }));
  const described = await old.send(new ses.DescribeConfigurationSetCommand({
    ConfigurationSetName: "set", ConfigurationSetAttributeNames: ["reputationOptions"],
  }));
  assert.equal(described.ReputationOptions.SendingEnabled, true);
  await assert.rejects(
    old.send(new ses.CreateConfigurationSetCommand({ ConfigurationSet: { Name: "set" } })),
    (error) => error instanceof ses.ConfigurationSetAlreadyExistsException);
  const absent = new sesv2.GetEmailIdentityCommand({ EmailIdentity: "absent.example" });
  await assert.rejects(client.send(absent), (error) => error instanceof sesv2.NotFoundException);
}

async function secretValues() {
  const client = new secrets.SecretsManagerClient();
  const made = await client.send(new secrets.CreateSecretCommand({ Name: "prod/db", SecretString: "first" }));
  await client.send(new secrets.PutSecretValueCommand({ SecretId: made.ARN, SecretBinary: Buffer.from([0, 255]) }));
  const got = await client.send(new secrets.GetSecretValueCommand({ SecretId: "prod/db" }));
  assert.deepEqual([...got.SecretBinary], [0, 255]);
  assert.ok(got.CreatedDate instanceof Date && got.CreatedDate.getFullYear() > 2020);
  const regions = [{ Region: "eu-north-1" }];
  await client.send(new secrets.ReplicateSecretToRegionsCommand({ SecretId: "prod/db", AddReplicaRegions: regions }));
  const copy = new secrets.SecretsManagerClient({ region: "eu-north-1" });
  const shown = await copy.send(new secrets.DescribeSecretCommand({ SecretId: "prod/db" }));
  assert.equal(shown.PrimaryRegion, "us-east-1");
  await copy.send(new secrets.StopReplicationToReplicaCommand({ SecretId: "prod/db" }));
  const many = await client.send(new secrets.BatchGetSecretValueCommand({ SecretIdList: ["prod/db", "absent"] }));
  assert.deepEqual([many.SecretValues.length, many.Errors[0].ErrorCode], [1, "ResourceNotFoundException"]);
  const absent = new secrets.GetSecretValueCommand({ SecretId: "absent" });
  await assert.rejects(client.send(absent), (error) => error instanceof secrets.ResourceNotFoundException);
  const again = new secrets.CreateSecretCommand({ Name: "prod/db", SecretString: "x" });
  await assert.rejects(client.send(again), (error) => error instanceof secrets.ResourceExistsException);
}

async function keys() {
  const client = new kms.KMSClient();
  const { KeyMetadata } = await client.send(new kms.CreateKeyCommand({ Description: "by JavaScript" }));
  assert.ok(KeyMetadata.CreationDate instanceof Date && KeyMetadata.Enabled);
  await client.send(new kms.CreateAliasCommand({ AliasName: "alias/js", TargetKeyId: KeyMetadata.KeyId }));
  const EncryptionContext = { tenant: "a" };
  const made = await client.send(new kms.EncryptCommand({
    KeyId: "alias/js", Plaintext: Buffer.from("grüße"), EncryptionContext,
  }));
  const opened = await client.send(new kms.DecryptCommand({ CiphertextBlob: made.CiphertextBlob, EncryptionContext }));
  assert.equal(Buffer.from(opened.Plaintext).toString(), "grüße");
  const without = new kms.DecryptCommand({ CiphertextBlob: made.CiphertextBlob });
  await assert.rejects(client.send(without), (error) => error instanceof kms.InvalidCiphertextException);
  const pair = await client.send(new kms.CreateKeyCommand({ KeySpec: "ECC_NIST_P256", KeyUsage: "SIGN_VERIFY" }));
  const { KeyId } = pair.KeyMetadata;
  const { PublicKey } = await client.send(new kms.GetPublicKeyCommand({ KeyId }));
  const { Signature } = await client.send(new kms.SignCommand({
    KeyId, Message: Buffer.from("message"), SigningAlgorithm: "ECDSA_SHA_256",
  }));
  const key = createPublicKey({ key: Buffer.from(PublicKey), format: "der", type: "spki" });
  assert.ok(verify("sha256", Buffer.from("message"), key, Signature));
  const names = [];
  for await (const page of kms.paginateListAliases({ client, pageSize: 1 }, {})) {
    names.push(...page.Aliases.map((one) => one.AliasName));
  }
  assert.deepEqual(names, ["alias/js"]);
  const absent = new kms.DescribeKeyCommand({ KeyId: "alias/absent" });
  await assert.rejects(client.send(absent), (error) => error instanceof kms.NotFoundException);
}

const caller = await new sts.STSClient().send(new sts.GetCallerIdentityCommand({}));
assert.equal(caller.Account, "000000000000");
// To an address the SDK speaks path style by itself.
await objects(new s3.S3Client(), "by-default");
await objects(new s3.S3Client({ forcePathStyle: true }), "in-the-path");
// Virtual-hosted: the bucket before the endpoint's host.
const endpoint = new URL(process.env.AWS_ENDPOINT_URL);
for (const host of ["s3.localhost", "localhost"]) {
  const client = new s3.S3Client({
    endpoint: `http://${host}:${endpoint.port}`,
    requestHandler: { httpAgent: new http.Agent({ keepAlive: true, lookup }) },
  });
  await objects(client, "in-the-host");
}
await queues();
await mail();
await secretValues();
await keys();
