// nodemailer over its SES transport: multipart mail with an inline image and names beyond ASCII.

import assert from "node:assert/strict";
import { createRequire } from "node:module";

const installed = createRequire(`${process.env.DEVENV_TEST_NODE_MODULES}/`);
const nodemailer = installed("nodemailer");
const { SESv2Client, SendEmailCommand } = installed("@aws-sdk/client-sesv2");

const transport = nodemailer.createTransport({ SES: { sesClient: new SESv2Client(), SendEmailCommand } });
const sent = await transport.sendMail({
  from: { name: "Praxis Müller", address: "praxis@example.com" },
  to: "Änn <ann@example.org>",
  bcc: "secret@example.org",
  subject: "Befund – neu",
  text: "Guten Tag",
  html: "<p>Guten Tag <img src=\"cid:logo\"></p>",
  attachments: [
    { filename: "logo.png", content: Buffer.from("89504e47", "hex"), cid: "logo" },
    { filename: "Größe.txt", content: "groß" },
  ],
});
const id = sent.response ?? sent.messageId;
const mails = (await (await fetch(`${process.env.AWS_ENDPOINT_URL}/_devenv/mail`)).json()).mails;
assert.equal(mails.length, 1);
assert.ok(id.includes(mails[0].id), `${id} ${mails[0].id}`);
assert.equal(mails[0].subject, "Befund – neu");
assert.deepEqual(mails[0].to, ["ann@example.org"]);
assert.deepEqual(mails[0].bcc, ["secret@example.org"]);
const mail = await (await fetch(`${process.env.AWS_ENDPOINT_URL}/_devenv/mail/${mails[0].id}`)).json();
assert.equal(mail.text.trim(), "Guten Tag");
assert.ok(JSON.stringify(mail.attachments).includes("Größe.txt"));
