"""SMTP through smtplib and through a bare socket; argv[1] names the function to run."""

import email
import email.policy
import os
import smtplib
import socket
import sys
import threading
from email.message import EmailMessage

import requests

ENDPOINT = os.environ["ENDPOINT"]
HOST, PORT = "127.0.0.1", int(os.environ["SMTP_PORT"])


def mails():
    return requests.get(f"{ENDPOINT}/_devenv/mail").json()["mails"]


def raw_of(id):
    return requests.get(f"{ENDPOINT}/_devenv/mail/{id}/raw").content


class Raw:
    """A socket that speaks line by line."""

    def __init__(self):
        self.socket = socket.create_connection((HOST, PORT), timeout=20)
        self.file = self.socket.makefile("rb")
        assert self.reply()[0] == 220

    def send(self, data):
        self.socket.sendall(data)

    def reply(self):
        lines = []
        while True:
            line = self.file.readline().decode()
            if not line:
                return (0, lines)
            lines.append(line.rstrip("\r\n"))
            if line[3] == " ":
                return (int(line[:3]), lines)

    def say(self, data):
        self.send(data)
        return self.reply()[0]


def sends():
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Bcc"] = "Praxis <praxis@example.com>", "a@x.org", "secret@x.org"
    mail["Subject"] = "Grüße 🎉"
    mail["Message-ID"] = "<own@example.com>"
    mail.set_content("Hällo\n.\n..\nEnde")
    mail.add_alternative("<b>Hällo</b>", subtype="html")
    with smtplib.SMTP(HOST, PORT) as smtp:
        smtp.ehlo()
        assert {"pipelining", "size", "8bitmime", "smtputf8", "auth"} <= set(smtp.esmtp_features)
        assert "starttls" not in smtp.esmtp_features
        assert int(smtp.esmtp_features["size"]) == 40 * 1024 * 1024
        smtp.login("123456789012", "whatever")
        # smtplib takes Bcc out of the header itself; a bare mail that keeps it is below.
        assert smtp.send_message(mail) == {}
        assert smtp.verify("a@x.org")[0] == 252 and smtp.noop()[0] == 250
    [line] = mails()
    assert line["via"] == "smtp" and line["account"] == "123456789012" and line["subject"] == "Grüße 🎉"
    assert (line["to"], line["bcc"]) == (["a@x.org"], ["secret@x.org"]), line
    detail = requests.get(f"{ENDPOINT}/_devenv/mail/{line['id']}").json()
    assert detail["text"] == "Hällo\n.\n..\nEnde" and detail["html"] == "<b>Hällo</b>", detail
    got = email.message_from_bytes(raw_of(line["id"]), policy=email.policy.default)
    assert got["Message-ID"] == "<own@example.com>" and got["Bcc"] is None and got["Date"]
    [shown] = requests.get(f"{ENDPOINT}/_aws/ses", params={"email": "praxis@example.com"}).json()["messages"]
    assert shown["Body"]["text_part"] == "Hällo\n.\n..\nEnde" and "Grüße" not in shown["RawData"]


def blind_copies():
    with smtplib.SMTP(HOST, PORT) as smtp:
        smtp.sendmail("a@x.org", ["b@x.org", "hidden@x.org"],
                      "From: a@x.org\r\nTo: b@x.org\r\nBcc: hidden@x.org\r\nSubject: s\r\n\r\nhi\r\n")
    [line] = mails()
    assert line["bcc"] == ["hidden@x.org"]
    raw = raw_of(line["id"])
    assert b"hidden" not in raw and b"Message-ID: <" in raw and raw.endswith(b"\r\n\r\nhi\r\n")


def utf8():
    text = "From: dån@exämple.org\r\nTo: jörg@x.org\r\nSubject: Gr\u00fc\u00dfe\r\n\r\nk\u00e4\r\n"
    with smtplib.SMTP(HOST, PORT) as smtp:
        smtp.ehlo()
        smtp.sendmail("dån@exämple.org", ["jörg@x.org"], text.encode(), mail_options=["SMTPUTF8", "BODY=8BITMIME"])
    [line] = mails()
    assert (line["from"], line["to"], line["subject"]) == ("dån@exämple.org", ["jörg@x.org"], "Grüße"), line
    assert raw_of(line["id"]).endswith("k\u00e4\r\n".encode())


def pipelining():
    raw = Raw()
    one = b"MAIL FROM:<a@x.org>\r\nRCPT TO:<b@x.org>\r\nDATA\r\n"
    raw.send(b"EHLO me\r\n" + one)
    assert [raw.reply()[0] for _ in range(4)] == [250, 250, 250, 354]
    raw.send(b"..first\r\n.\r\n" + one)
    assert [raw.reply()[0] for _ in range(4)] == [250, 250, 250, 354]
    # A lone line feed ends no mail, whatever other servers think.
    raw.send(b"second\n.\nMAIL FROM:<evil@x.org>\r\n.\r\nRSET\r\nQUIT\r\n")
    assert [raw.reply()[0] for _ in range(3)] == [250, 250, 221]
    assert raw.reply()[0] == 0
    second, first = mails()
    assert raw_of(first["id"]).endswith(b"\r\n\r\n.first\r\n")
    assert b"evil@x.org" in raw_of(second["id"]) and second["from"] == "a@x.org"


def sizes():
    with smtplib.SMTP(HOST, PORT) as smtp:
        smtp.ehlo()
        assert smtp.mail("a@x.org", ["SIZE=41943041"])[0] == 552
        assert smtp.mail("a@x.org", ["SIZE=41943040"])[0] == 250
        smtp.rset()
        smtp.mail("a@x.org"), smtp.rcpt("b@x.org")
        line = b"x" * 1022 + b"\r\n"
        code, text = smtp.data(b"Subject: big\r\n\r\n" + line * (41 * 1024))
        assert code == 552, (code, text)
        assert smtp.noop()[0] == 250 and mails() == []
        smtp.mail("a@x.org"), smtp.rcpt("b@x.org")
        body = b"Subject: big\r\n\r\n" + line * (30 * 1024)
        code, text = smtp.data(body)
        assert code == 250, (code, text)
    assert raw_of(mails()[0]["id"]).endswith(body)


def refusals():
    raw = Raw()
    assert raw.say(b"EHLO me\r\n") == 250
    assert raw.say(b"MAIL FROM:<a@x.org>\r\n") == 250
    for n in range(51):
        assert raw.say(b"RCPT TO:<u%d@x.org>\r\n" % n) == 250
    assert raw.say(b"DATA\r\n") == 354
    raw.send(b"Subject: s\r\n\r\nx\r\n.\r\n")
    assert raw.reply() == (554, ["554 5.6.0 Transaction failed: Recipient count exceeds 50."])
    assert raw.say(b"NOOP\r\n") == 250 and mails() == []
    # A browser that was led here.
    browser = Raw()
    browser.send(b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nEHLO me\r\nMAIL FROM:<evil@x.org>\r\n")
    assert browser.reply()[0] == 500
    assert browser.reply()[0] == 0


def strict_mode():
    with smtplib.SMTP(HOST, PORT) as smtp:
        try:
            smtp.sendmail("a@x.org", ["b@x.org"], "From: a@x.org\r\nTo: b@x.org\r\n\r\nhi")
            raise AssertionError("it was accepted")
        except smtplib.SMTPDataError as error:
            assert error.smtp_code == 554
            assert error.smtp_error.endswith(
                b"Message rejected: Email address is not verified. The following identities failed "
                b"the check in region US-EAST-1: a@x.org"), error
    assert mails() == []


def many():
    """What was acknowledged on eight connections is there, each once and in the order of its connection."""
    def one(thread):
        with smtplib.SMTP(HOST, PORT) as smtp:
            for n in range(50):
                smtp.sendmail(f"t{thread}@x.org", ["b@x.org"], f"Subject: {n}\r\n\r\nhi\r\n")
    threads = [threading.Thread(target=one, args=(t,)) for t in range(8)]
    [t.start() for t in threads], [t.join() for t in threads]
    seen, after = [], None
    while True:
        page = requests.get(f"{ENDPOINT}/_devenv/mail", params={"after": after}).json()
        seen += page["mails"]
        after = page["next"]
        if after is None:
            break
    assert len(seen) == 400 and len({m["id"] for m in seen}) == 400
    for thread in range(8):
        own = [int(m["subject"]) for m in reversed(seen) if m["from"] == f"t{thread}@x.org"]
        assert own == list(range(50)), own


if __name__ == "__main__":
    globals()[sys.argv[1]]()
