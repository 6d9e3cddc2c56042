// A slice of the running devenv environment for tests; no dependencies. Works in node:test, Vitest and Jest:
//
//   import { lease } from "./devenv-lease.mjs";
//   let slice;
//   before(async () => { slice = await lease(); });   // beforeAll in Vitest and Jest
//   after(() => slice.release());                     // afterAll
//
// Run the tests with the environment's variables: `devenv exec -- node --test`. The lease's own
// variables are in `slice.env`, and in `process.env` until it is released.

async function call(endpoint, method, path, body) {
  const answer = await fetch(`${endpoint}${path}`, { method, body: body && JSON.stringify(body) });
  const document = await answer.json();
  if (!answer.ok) throw new Error(document.error.message);
  return document;
}

export async function lease(asked = {}) {
  const endpoint = process.env.AWS_ENDPOINT_URL;
  const body = { pid: process.pid, ...asked };
  const [given] = (await call(endpoint, "POST", "/_devenv/leases", body)).leases;
  const before = Object.fromEntries(Object.keys(given.env).map((key) => [key, process.env[key]]));
  Object.assign(process.env, given.env);
  const release = async () => {
    for (const [key, value] of Object.entries(before)) {
      if (value === undefined) delete process.env[key];
      else process.env[key] = value;
    }
    await call(endpoint, "DELETE", `/_devenv/leases/${given.id}`);
  };
  return { ...given, release };
}
