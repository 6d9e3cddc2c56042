// The helper for JavaScript in node's own test runner: a slice is empty, and the variables are put back.
import assert from "node:assert";
import { after, before, test } from "node:test";

const { lease } = await import(process.env.HELPER);
const usual = process.env.AWS_ACCESS_KEY_ID;
let slice;

before(async () => {
  slice = await lease({ ttl: "5m" });
});

after(async () => {
  await slice.release();
  assert.equal(process.env.AWS_ACCESS_KEY_ID, usual);
});

test("a slice has an account and a database of its own", async () => {
  assert.match(slice.account, /^9\d{11}$/);
  assert.equal(process.env.AWS_ACCESS_KEY_ID, slice.account);
  assert.ok(process.env.DATABASE_URL.endsWith(`/${slice.database}`));
  assert.ok(process.env.REDIS_URL.endsWith(`/${slice.redis}`));
});

test("what cannot be given is said", async () => {
  await assert.rejects(lease({ template: "no_such_database" }), /no_such_database/);
});
