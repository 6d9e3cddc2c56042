"""The inbox's own API: searching, waiting, parts of mails; argv names the functions to run."""

import os
import smtplib
import sys
import threading
import time
from email import message_from_bytes, policy
from email.message import EmailMessage

import boto3
import requests

ENDPOINT = os.environ["ENDPOINT"]
INBOX = f"{ENDPOINT}/_devenv/mail"
PNG = bytes.fromhex("89504e470d0a1a0a0000000d49484452") + bytes(range(256))


def ses():
    return boto3.client("sesv2", endpoint_url=ENDPOINT)


def send(to, subject, tags=None, sender="praxis@example.com", **more):
    tags = [{"Name": k, "Value": v} for k, v in (tags or {}).items()]
    content = {"Simple": {"Subject": {"Data": subject}, "Body": {"Text": {"Data": "text"}}}}
    return ses().send_email(FromEmailAddress=sender, Destination={"ToAddresses": [to], **more},
                            Content=content, EmailTags=tags)["MessageId"]


def smtp(raw, sender="a@x.org", to=("b@x.org",)):
    with smtplib.SMTP("127.0.0.1", int(os.environ["SMTP_PORT"])) as client:
        client.sendmail(sender, to, raw)
    return requests.get(f"{INBOX}/latest").json()


def found(**asked):
    return [m["subject"] for m in requests.get(INBOX, params=asked).json()["mails"]]


def searching():
    send("jane@example.org", "Welcome, Jane", {"kind": "welcome"})
    send("joe@example.org", "Reset \"your\" password 100%", {"kind": "reset"}, CcAddresses=["JANE@Example.org"])
    send("x@y.net", "Überweisung eingegangen", {"kind": "reset", "part": "2"}, sender="billing@other.example")
    assert found() == ["Überweisung eingegangen", "Reset \"your\" password 100%", "Welcome, Jane"]
    assert found(to="jane@") == ["Reset \"your\" password 100%", "Welcome, Jane"]
    assert found(to="jane@", subject="reset \"YOUR\"") == ["Reset \"your\" password 100%"]
    assert found(subject="überweis") == ["Überweisung eingegangen"] and found(subject="ü") == found(subject="überweis")
    assert found(**{"from": "OTHER.example"}) == ["Überweisung eingegangen"]
    assert found(tag="kind=reset") == ["Überweisung eingegangen", "Reset \"your\" password 100%"]
    assert found(tag="part") == ["Überweisung eingegangen"] and found(tag="kind=res") == []
    assert found(text="welcome") == ["Welcome, Jane"] and found(text="%") == ["Reset \"your\" password 100%"]
    assert len(found(since="1h")) == 3 and found(until="1h") == [] and found(since="2999-01-01T00:00:00Z") == []
    first = requests.get(INBOX, params={"to": "example.org", "limit": 1}).json()
    second = requests.get(INBOX, params={"to": "example.org", "limit": 1, "after": first["next"]}).json()
    assert [m["subject"] for m in first["mails"] + second["mails"]] == ["Reset \"your\" password 100%", "Welcome, Jane"]
    answer = requests.get(INBOX, params={"subjekt": "x"})
    assert answer.status_code == 400 and "subjekt" in answer.json()["error"]["message"]
    requests.delete(f"{INBOX}/{first['mails'][0]['id']}")
    assert found(to="jane@") == ["Welcome, Jane"]
    requests.delete(INBOX)
    assert found(to="jane@") == []
    send("jane@example.org", "Anew")
    assert found(to="jane@") == ["Anew"]


def waiting():
    begun = time.monotonic()
    answer = requests.get(f"{INBOX}/wait", params={"to": "nobody", "timeout": "200ms"})
    assert answer.status_code == 404 and answer.json()["error"]["code"] == "timeout"
    assert 0.2 <= time.monotonic() - begun < 5
    send("early@x.org", "early")
    assert requests.get(f"{INBOX}/wait", params={"to": "early@", "timeout": "10s"}).json()["subject"] == "early"
    got = {}

    def wait(name, **asked):
        begun = time.monotonic()
        got[name] = (requests.get(f"{INBOX}/wait", params={"timeout": "20s", **asked}).json(), time.monotonic() - begun)
    threads = [threading.Thread(target=wait, args=(f"u{n}",), kwargs={"to": f"u{n}@x.org"}) for n in range(8)]
    threads.append(threading.Thread(target=wait, args=("new",), kwargs={"to": "early@", "new": "1"}))
    [t.start() for t in threads]
    time.sleep(0.3)
    assert not got
    # Emptying the inbox does not make anybody miss what comes afterwards.
    requests.delete(INBOX)
    for n in reversed(range(8)):
        send(f"u{n}@x.org", f"for {n}")
    send("early@x.org", "late")
    [t.join() for t in threads]
    assert all(got[f"u{n}"][0]["subject"] == f"for {n}" for n in range(8)), got
    assert got["new"][0]["subject"] == "late", got


def parts():
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "a@x.org", "b@x.org", "parts"
    mail.set_content("See https://x.org/reset?t=1.\n")
    mail.add_alternative("<a href='https://x.org/reset?t=1'>reset</a><img src=\"cid:logo@x\"><script>alert(1)</script>",
                         subtype="html")
    mail.get_payload()[1].add_related(PNG, "image", "png", cid="<logo@x>")
    mail.add_attachment("é,;\n".encode("latin-1"), "text", "csv", filename="Übersicht \"1\".csv")
    inner = EmailMessage()
    inner["Subject"] = "inner"
    inner.set_content("inner text")
    mail.add_attachment(inner)
    shown = smtp(mail.as_bytes(policy=policy.SMTP))
    assert shown["links"] == ["https://x.org/reset?t=1"], shown["links"]
    kinds = [(a["content_type"], a["name"], a["inline"]) for a in shown["attachments"]]
    assert ("text/csv", "Übersicht \"1\".csv", False) in kinds and ("message/rfc822", None) in [k[:2] for k in kinds], kinds
    one = f"{INBOX}/{shown['id']}"
    html = requests.get(f"{one}/html")
    assert f"/_devenv/mail/{shown['id']}/inline/logo@x" in html.text and html.headers["content-type"] == "text/html; charset=utf-8"
    assert html.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    picture = requests.get(f"{one}/inline/logo@x")
    assert picture.content == PNG and picture.headers["content-type"] == "image/png"
    n = [k[0] for k in kinds].index("text/csv")
    csv = requests.get(f"{one}/attachments/{n}")
    assert csv.content == "é,;\n".encode("latin-1"), "the file's own bytes"
    assert csv.headers["content-disposition"] == "attachment; filename*=UTF-8''%C3%9Cbersicht%20%221%22.csv"
    assert requests.get(f"{one}/text").text == "See https://x.org/reset?t=1."
    n = [k[0] for k in kinds].index("message/rfc822")
    assert message_from_bytes(requests.get(f"{one}/attachments/{n}").content)["Subject"] == "inner"
    for nothing in ["attachments/9", "attachments/x", "inline/none", "other", "raw/x"]:
        assert requests.get(f"{one}/{nothing}").status_code == 404, nothing


def corpus():
    """Mails as programs write them, and as they should not: every one is kept as it came, and shown."""
    head = "From: a@x.org\r\nTo: b@x.org\r\n"
    mails = {
        "words": head + "Subject: =?iso-8859-1?Q?Gr=FC=DFe?= =?UTF-8?B?8J+OiQ==?=\r\n\r\nx\r\n",
        "folded": head + "Subject: a long\r\n subject\r\n\tin three lines\r\n\r\nx\r\n",
        "latin1": head + "Subject: latin\r\nContent-Type: text/plain; charset=iso-8859-1\r\n"
                         "Content-Transfer-Encoding: quoted-printable\r\n\r\nGr=FC=DFe=\r\n!\r\n",
        "name2231": head + "Subject: n\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhi\r\n--b\r\n"
                           "Content-Type: application/pdf\r\nContent-Disposition: attachment;\r\n"
                           " filename*0*=UTF-8''%C3%9Cber;\r\n filename*1*=sicht%20;\r\n filename*2=\"2026.pdf\"\r\n"
                           "Content-Transfer-Encoding: base64\r\n\r\nJVBERg==\r\n--b--\r\n",
        "name2047": head + "Subject: n\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhi\r\n--b\r\n"
                           "Content-Type: application/pdf; name=\"=?UTF-8?B?w5xiZXIucGRm?=\"\r\n"
                           "Content-Disposition: attachment\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBERg==\r\n--b--\r\n",
        "no end": head + "Subject: open\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b\r\n"
                         "Content-Type: text/html\r\n\r\n<p>html",
        "wrong boundary": head + "Subject: w\r\nContent-Type: multipart/mixed; boundary=other\r\n\r\n--b\r\n\r\ntext\r\n",
        "deep": head + "Subject: deep\r\n" + "".join(
            f"Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n" for n in range(200)) + "\r\ntext\r\n",
        "bad base64": head + "Subject: b\r\nContent-Transfer-Encoding: base64\r\n\r\n%%%not base64%%%\r\n",
        "no header": "just text\r\n",
        "binary": head + "Subject: bin\r\n\r\n\x00\x01\xff\xfe\r\n",
        "signed": "DKIM-Signature: v=1; a=rsa-sha256; c=simple/simple; d=x.org; s=s;\r\n\th=from : to:subject ;\r\n\tbh=abc=;"
                  " b=def\r\nMessage-ID: <own@x.org>\r\nDate: Sat, 21 Nov 2026 10:00:00 +0100\r\nFrom:  a@x.org\r\nTo: b@x.org\r\n"
                  "Subject:  spaces  count \r\n\r\nbody  \r\n\r\n\r\n",
    }
    seen = {}
    for name, text in mails.items():
        raw = text.encode("latin-1") if name == "binary" else text.encode()
        shown = smtp(raw)
        kept = requests.get(f"{INBOX}/{shown['id']}/raw").content
        end = raw if raw.endswith(b"\r\n") else raw + b"\r\n"
        body = end.split(b"\r\n\r\n", 1)[-1]
        assert kept.endswith(body), (name, kept)
        for line in end[: -len(body)].split(b"\r\n"):
            assert line in kept, (name, line)
        assert requests.get(f"{ENDPOINT}/_aws/ses", params={"id": shown["id"]}).status_code == 200
        seen[name] = shown
    assert seen["words"]["subject"] == "Grüße🎉", seen["words"]["subject"]
    assert seen["folded"]["subject"] == "a long subject in three lines"
    assert seen["latin1"]["text"] == "Grüße!"
    assert seen["name2231"]["attachments"][0]["name"] == "Übersicht 2026.pdf"
    assert seen["name2047"]["attachments"][0]["name"] == "Über.pdf"
    assert (seen["no end"]["text"], seen["no end"]["html"]) == ("text", "<p>html"), seen["no end"]
    assert seen["deep"]["subject"] == "deep" and seen["no header"]["text"] == "just text"
    signed = requests.get(f"{INBOX}/{seen['signed']['id']}/raw").content
    whole = mails["signed"].encode()
    head, body = whole.split(b"\r\n\r\n", 1)
    assert head + b"\r\n" in signed and signed.endswith(b"\r\n\r\n" + body), signed


def forward_refused():
    """The server is not there yet: the mail is kept and will be tried again."""
    send("me@real.example", "for me", CcAddresses=["you@other.example"], BccAddresses=["hidden@real.example"])
    send("you@other.example", "not for the world")
    deadline = time.monotonic() + 20
    while not (requests.get(INBOX, params={"to": "me@real"}).json()["mails"]
               and (forward := requests.get(f"{INBOX}/{requests.get(INBOX, params={'to': 'me@real'}).json()['mails'][0]['id']}")
                    .json()["forward"])):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert forward["attempts"] >= 1 and not forward["given_up"] and forward["error"], forward


def forward_arrived():
    """What the other server got: the mail as delivered, for the listed recipients alone."""
    mail = requests.get(f"{INBOX}/wait", params={"to": "me@real", "timeout": "30s"}).json()
    assert (mail["subject"], mail["to"], mail["cc"], mail["bcc"]) == ("for me", ["me@real.example"], [], ["hidden@real.example"])
    assert [h["value"] for h in mail["headers"] if h["name"] == "Cc"] == ["you@other.example"], mail["headers"]
    assert len(requests.get(INBOX).json()["mails"]) == 1


def prune_filled():
    for n in range(8):
        send("a@x.org", f"number {n}")


def prune_left():
    deadline = time.monotonic() + 20
    while (left := [m["subject"] for m in requests.get(INBOX).json()["mails"]]) != ["number 7", "number 6", "number 5"]:
        assert time.monotonic() < deadline, left
        time.sleep(0.05)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        if name not in ("forward_arrived", "prune_left"):
            requests.delete(INBOX)
        globals()[name]()
