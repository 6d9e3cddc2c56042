// HTTP/2 without negotiation: many requests at once, up and down, on one connection.

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import http2 from "node:http2";

const scope = `${process.env.AWS_ACCESS_KEY_ID}/20260101/${process.env.AWS_REGION}/s3/aws4_request`;
const authorization = `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=host, Signature=${"0".repeat(64)}`;
const session = http2.connect(process.env.AWS_ENDPOINT_URL);

function exchange(method, path, body) {
  return new Promise((resolve, reject) => {
    const headers = { ":method": method, ":path": path, authorization };
    if (body) Object.assign(headers, { "content-length": body.length, "x-amz-content-sha256": "UNSIGNED-PAYLOAD" });
    const stream = session.request(headers, { endStream: !body });
    const hash = createHash("sha256");
    let status;
    stream.on("response", (answer) => (status = answer[":status"]));
    stream.on("data", (bytes) => hash.update(bytes));
    stream.on("end", () => resolve([status, hash.digest("hex")]));
    stream.on("error", reject);
    if (body) stream.end(body);
  });
}

const numbers = [...Array(24).keys()];
// Larger than the windows of stream and connection at their start, so that flow control has its part.
const bodies = numbers.map((number) => randomBytes(100_000 + number * 10_007));
assert.equal((await exchange("PUT", "/multiplexed"))[0], 200);
const sent = await Promise.all(numbers.map((n) => exchange("PUT", `/multiplexed/${n}`, bodies[n])));
assert.deepEqual(sent.map(([status]) => status), numbers.map(() => 200));
const got = await Promise.all(numbers.map((n) => exchange("GET", `/multiplexed/${n}`)));
assert.deepEqual(got, bodies.map((body) => [200, createHash("sha256").update(body).digest("hex")]));

// A stream reset in the middle takes nothing else with it.
const broken = session.request({ ":method": "PUT", ":path": "/multiplexed/broken", authorization, "content-length": 99 });
broken.on("error", () => {});
broken.write("half");
await new Promise((resolve) => setTimeout(resolve, 50));
broken.close(http2.constants.NGHTTP2_CANCEL);
assert.equal((await exchange("GET", "/multiplexed/broken"))[0], 404);
assert.equal((await exchange("GET", "/multiplexed/0"))[0], 200);
session.close();
