// sqs-consumer (npm) as people run it: long polls, batches, heartbeats, a handler that fails once:
// consumer.mjs ENDPOINT

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const installed = createRequire(process.env.DEVENV_TEST_NODE_MODULES + "/");
const { SQSClient, CreateQueueCommand, SendMessageBatchCommand, GetQueueAttributesCommand } =
  installed("@aws-sdk/client-sqs");
const { Consumer } = await import(pathToFileURL(installed.resolve("sqs-consumer")).href);

const sqs = new SQSClient({
  endpoint: process.argv[2],
  region: "us-east-1",
  credentials: { accessKeyId: "test", secretAccessKey: "test" },
});
const { QueueUrl: queueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: "consumer" }));
const Entries = Array.from({ length: 10 }, (_, n) => ({ Id: `${n}`, MessageBody: `${n}` }));
await sqs.send(new SendMessageBatchCommand({ QueueUrl: queueUrl, Entries }));

const seen = [];
let failed = false;
const consumer = Consumer.create({
  queueUrl,
  sqs,
  batchSize: 5,
  waitTimeSeconds: 5,
  visibilityTimeout: 20,
  heartbeatInterval: 5,
  terminateVisibilityTimeout: true,
  handleMessage: async (message) => {
    if (message.Body === "3" && !failed) {
      failed = true;
      throw new Error("once");
    }
    seen.push(message.Body);
    return message;
  },
});
consumer.on("error", (error) => assert.fail(error));
const failures = [];
consumer.on("processing_error", (error) => failures.push(error));
consumer.start();
const end = Date.now() + 60_000;
while (seen.length < 10) {
  assert.ok(Date.now() < end, `only ${seen} came`);
  await new Promise((resolve) => setTimeout(resolve, 20));
}
assert.deepEqual(seen.toSorted(), Array.from({ length: 10 }, (_, n) => `${n}`));
assert.ok(failed && failures.length === 1);
const AttributeNames = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"];
for (;;) {
  const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl: queueUrl, AttributeNames }));
  if (Object.values(Attributes).every((count) => count === "0")) break;
  assert.ok(Date.now() < end, JSON.stringify(Attributes));
}
// Only now: it would call back the deletions that are under way.
consumer.stop({ abort: true });
process.exit(0);
