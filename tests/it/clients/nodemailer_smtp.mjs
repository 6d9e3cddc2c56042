// nodemailer over SMTP: pooled, with STARTTLS and a login, and with TLS from the first byte.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const installed = createRequire(`${process.env.DEVENV_TEST_NODE_MODULES}/`);
const nodemailer = installed("nodemailer");
const { SMTP_PORT, SMTPS_PORT, DEVENV_STATE_DIR, AWS_ENDPOINT_URL } = process.env;
const tls = { ca: readFileSync(`${DEVENV_STATE_DIR}/smtp-certificate.pem`) };
const auth = { user: "123456789012", pass: "any" };
const inbox = async (path = "") => (await fetch(`${AWS_ENDPOINT_URL}/_devenv/mail${path}`)).json();

const ways = {
  starttls: { host: "localhost", port: Number(SMTP_PORT), requireTLS: true, tls, auth, pool: true, maxConnections: 3 },
  wrapped: { host: "localhost", port: Number(SMTPS_PORT), secure: true, tls, auth },
  clear: { host: "127.0.0.1", port: Number(SMTP_PORT), ignoreTLS: true },
};
for (const [way, options] of Object.entries(ways)) {
  const transport = nodemailer.createTransport(options);
  assert.equal(await transport.verify(), true);
  const sent = await transport.sendMail({
    from: { name: "Praxis Müller", address: "praxis@example.com" },
    to: "Änn <ann@example.org>, bob@example.org",
    bcc: "secret@example.org",
    subject: `Befund – ${way}`,
    text: "Guten Tag\n.\n..",
    html: '<p>Guten Tag <img src="cid:logo"> <a href="https://x.org/befund?a=1&amp;b=2">hier</a></p>',
    alternatives: [{ contentType: "text/calendar; method=REQUEST", content: "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n" }],
    attachments: [
      { filename: "logo.png", content: Buffer.from("89504e47", "hex"), cid: "logo" },
      { filename: "Größe – lang und länger, damit der Name über mehrere Zeilen geht.txt", content: "groß" },
    ],
  });
  assert.match(sent.response, /^250 Ok 01/);
  assert.deepEqual(sent.accepted, ["ann@example.org", "bob@example.org", "secret@example.org"]);
  const mail = await inbox(`/${sent.response.split(" ")[2]}`);
  assert.equal(mail.subject, `Befund – ${way}`);
  assert.deepEqual([mail.to, mail.bcc], [["ann@example.org", "bob@example.org"], ["secret@example.org"]]);
  assert.equal(mail.text.trim(), "Guten Tag\n.\n..");
  assert.deepEqual(mail.links, ["https://x.org/befund?a=1&b=2"]);
  assert.equal(mail.account, way === "clear" ? "000000000000" : "123456789012");
  const names = mail.attachments.map((attachment) => attachment.name);
  assert.ok(names.includes("Größe – lang und länger, damit der Name über mehrere Zeilen geht.txt"), names.join());
  transport.close();
}

const pool = nodemailer.createTransport(ways.starttls);
const all = await Promise.all(
  Array.from({ length: 30 }, (_, n) => pool.sendMail({ from: "a@x.org", to: "b@x.org", subject: `pooled ${n}`, text: "." })),
);
pool.close();
const found = (await inbox("?subject=pooled")).mails.map((mail) => mail.id);
assert.equal(found.length, 30);
assert.deepEqual(new Set(found), new Set(all.map((sent) => sent.response.split(" ")[2])));
await assert.rejects(
  nodemailer.createTransport(ways.clear).sendMail({
    from: "a@x.org", to: Array.from({ length: 51 }, (_, n) => `u${n}@x.org`), subject: "s", text: ".",
  }),
  /Recipient count exceeds 50/,
);
