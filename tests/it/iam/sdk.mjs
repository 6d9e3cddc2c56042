// Parameter Store, IAM and STS through the AWS SDK for JavaScript v3 with nothing but the standard
// environment variables.

import assert from "node:assert/strict";
import { createRequire } from "node:module";

const installed = createRequire(process.env.DEVENV_TEST_NODE_MODULES + "/");
const ssm = installed("@aws-sdk/client-ssm");
const iam = installed("@aws-sdk/client-iam");
const sts = installed("@aws-sdk/client-sts");

const parameters = new ssm.SSMClient();
const put = { Name: "/js/secret", Value: "js-s3cret-value", Type: "SecureString" };
assert.equal((await parameters.send(new ssm.PutParameterCommand(put))).Version, 1);
const closed = await parameters.send(new ssm.GetParameterCommand({ Name: put.Name }));
assert.notEqual(closed.Parameter.Value, "js-s3cret-value");
const open = await parameters.send(new ssm.GetParameterCommand({ Name: put.Name, WithDecryption: true }));
assert.equal(open.Parameter.Value, "js-s3cret-value");
assert.ok(open.Parameter.LastModifiedDate instanceof Date);
await assert.rejects(parameters.send(new ssm.GetParameterCommand({ Name: "/js/none" })),
  (error) => error instanceof ssm.ParameterNotFound);

const people = new iam.IAMClient();
const trust = JSON.stringify({ Version: "2012-10-17", Statement: [
  { Effect: "Allow", Principal: { AWS: "000000000000" }, Action: "sts:AssumeRole" }] });
const { Role } = await people.send(new iam.CreateRoleCommand({ RoleName: "js", AssumeRolePolicyDocument: trust }));
assert.equal(decodeURIComponent(Role.AssumeRolePolicyDocument), trust);
await assert.rejects(people.send(new iam.GetUserCommand({ UserName: "nobody" })),
  (error) => error instanceof iam.NoSuchEntityException);

const assume = { RoleArn: Role.Arn, RoleSessionName: "js-session" };
const { Credentials } = await new sts.STSClient().send(new sts.AssumeRoleCommand(assume));
const credentials = { accessKeyId: Credentials.AccessKeyId, secretAccessKey: Credentials.SecretAccessKey,
  sessionToken: Credentials.SessionToken };
const caller = await new sts.STSClient({ credentials }).send(new sts.GetCallerIdentityCommand({}));
assert.equal(caller.Arn, "arn:aws:sts::000000000000:assumed-role/js/js-session");
