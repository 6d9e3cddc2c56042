"""Every mail that was acknowledged (stdin: `id sha256`) is there, once and whole; argv: endpoint, state directory."""

import hashlib
import os
import sys
import time

import requests

INBOX = f"{sys.argv[1]}/_devenv/mail"
wanted = dict(line.split() for line in sys.stdin if line.count(" ") == 1 and line.endswith("\n"))
assert len(wanted) > 20, f"the load was no load: {len(wanted)}"
session, listed, after = requests.Session(), {}, ""
while after is not None:
    page = session.get(INBOX, params={"after": after}).json()
    for mail in page["mails"]:
        assert mail["id"] not in listed
        listed[mail["id"]] = mail
    after = page["next"]
missing = wanted.keys() - listed.keys()
assert not missing, f"{len(missing)} of {len(wanted)} acknowledged mails are lost"
for id, mail in listed.items():
    raw = session.get(f"{INBOX}/{id}/raw").content
    assert len(raw) == mail["size"]
    if id in wanted:
        body = raw.split(b"\r\n\r\n", 1)[1]
        assert hashlib.sha256(body).hexdigest() == wanted[id], id
# Files of mails that were never acknowledged are swept.
big = sum(1 for mail in listed.values() if mail["size"] > 100_000)
assert big > 0


def files():
    return sum(len(names) for _, _, names in os.walk(os.path.join(sys.argv[2], "mail")))


deadline = time.monotonic() + 20
while files() != big:
    assert time.monotonic() < deadline, (files(), big)
    time.sleep(0.05)
