// `auth = "enforce"` as the AWS SDK for JavaScript v3 meets it: a user with a key of her own and one
// policy, in each protocol. The environment's variables are root's.

import assert from "node:assert/strict";
import { createRequire } from "node:module";

const installed = createRequire(process.env.DEVENV_TEST_NODE_MODULES + "/");
const iam = installed("@aws-sdk/client-iam");
const kms = installed("@aws-sdk/client-kms");
const s3 = installed("@aws-sdk/client-s3");
const secrets = installed("@aws-sdk/client-secrets-manager");
const ses = installed("@aws-sdk/client-ses");
const sesv2 = installed("@aws-sdk/client-sesv2");
const sqs = installed("@aws-sdk/client-sqs");
const ssm = installed("@aws-sdk/client-ssm");
const sts = installed("@aws-sdk/client-sts");

const people = new iam.IAMClient();
const { User } = await people.send(new iam.CreateUserCommand({ UserName: "js" }));
const { AccessKey } = await people.send(new iam.CreateAccessKeyCommand({ UserName: "js" }));
const credentials = { accessKeyId: AccessKey.AccessKeyId, secretAccessKey: AccessKey.SecretAccessKey };
const once = { credentials, maxAttempts: 1 };

async function grant(...Statement) {
  const PolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement });
  await people.send(new iam.PutUserPolicyCommand({ UserName: "js", PolicyName: "p", PolicyDocument }));
}

/** Refused in AWS's words, which name who, what and on what; those of SES are older. */
async function refused(call, name, action, resource) {
  const text = action.startsWith("ses:")
    ? `User \`${User.Arn}' is not authorized to perform \`${action}' on resource \`${resource}'`
    : `User: ${User.Arn} is not authorized to perform: ${action} on resource: ${resource}`;
  await assert.rejects(call, (error) => {
    assert.equal(error.name, name);
    assert.ok(error.message.startsWith(text), error.message);
    assert.equal(error.$metadata.httpStatusCode, name === "AccessDeniedException" ? 400 : 403);
    return true;
  });
}

const here = (service, rest) => `arn:aws:${service}:us-east-1:000000000000:${rest}`;
await new s3.S3Client({ forcePathStyle: true }).send(new s3.CreateBucketCommand({ Bucket: "js-files" }));
const { QueueUrl } = await new sqs.SQSClient().send(new sqs.CreateQueueCommand({ QueueName: "js-jobs" }));
const { ARN } = await new secrets.SecretsManagerClient().send(
  new secrets.CreateSecretCommand({ Name: "js/db", SecretString: "x" }));
const { KeyMetadata } = await new kms.KMSClient().send(new kms.CreateKeyCommand({}));
await new ssm.SSMClient().send(new ssm.PutParameterCommand({ Name: "/js/a", Value: "x", Type: "String" }));
await new sesv2.SESv2Client().send(new sesv2.CreateEmailIdentityCommand({ EmailIdentity: "js@example.com" }));

const mail = { Subject: { Data: "s" }, Body: { Text: { Data: "t" } } };
const Source = "js@example.com";
const to = { ToAddresses: ["b@example.com"] };
const key = "arn:aws:s3:::js-files/a";
const calls = [
  [new s3.S3Client({ ...once, forcePathStyle: true }), () => new s3.PutObjectCommand({ Bucket: "js-files", Key: "a", Body: "x" }),
    "AccessDenied", "s3:PutObject", key],
  [new sqs.SQSClient(once), () => new sqs.SendMessageCommand({ QueueUrl, MessageBody: "x" }),
    "AccessDenied", "sqs:SendMessage", here("sqs", "js-jobs")],
  [new secrets.SecretsManagerClient(once), () => new secrets.GetSecretValueCommand({ SecretId: "js/db" }),
    "AccessDeniedException", "secretsmanager:GetSecretValue", ARN],
  [new kms.KMSClient(once), () => new kms.EncryptCommand({ KeyId: KeyMetadata.KeyId, Plaintext: Buffer.from("x") }),
    "AccessDeniedException", "kms:Encrypt", KeyMetadata.Arn],
  [new ssm.SSMClient(once), () => new ssm.GetParameterCommand({ Name: "/js/a" }),
    "AccessDeniedException", "ssm:GetParameter", here("ssm", "parameter/js/a")],
  [new ses.SESClient(once), () => new ses.SendEmailCommand({ Source, Destination: to, Message: mail }),
    "AccessDenied", "ses:SendEmail", here("ses", "identity/js@example.com")],
  [new iam.IAMClient(once), () => new iam.GetUserCommand({ UserName: "js" }), "AccessDenied", "iam:GetUser", User.Arn],
];

for (const [client, command, name, action, resource] of calls) {
  await grant({ Effect: "Allow", Action: "none:None", Resource: "*" });
  await refused(client.send(command()), name, action, resource);
  await grant({ Effect: "Allow", Action: action, Resource: resource });
  await client.send(command());
  await grant({ Effect: "Allow", Action: "*", Resource: "*" }, { Effect: "Deny", Action: action, Resource: "*" });
  await refused(client.send(command()), name, action, resource);
}

// A key that nobody has, and a signature by another secret.
const stranger = { accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "wrong" };
await assert.rejects(new sts.STSClient({ credentials: stranger, maxAttempts: 1 }).send(new sts.GetCallerIdentityCommand({})),
  (error) => error.name === "InvalidClientTokenId" && error.$metadata.httpStatusCode === 403);
const forged = { ...credentials, secretAccessKey: "wrong" };
await assert.rejects(new sqs.SQSClient({ credentials: forged, maxAttempts: 1 }).send(new sqs.ListQueuesCommand({})),
  (error) => /Signature/.test(error.name + error.message));
