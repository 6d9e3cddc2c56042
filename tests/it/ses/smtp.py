"""SMTP through smtplib and through a bare socket; argv[1] names the function to run."""

import base64
import email
import email.policy
import hashlib
import hmac
import os
import smtplib
import socket
import ssl
import subprocess
import sys
import threading
import time
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
        assert "starttls" in smtp.esmtp_features
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
    # A lone line feed ends no mail, whatever other servers think; and no such mail is kept.
    raw.send(b"second\n.\nMAIL FROM:<evil@x.org>\r\n.\r\nRSET\r\nQUIT\r\n")
    assert [raw.reply()[0] for _ in range(3)] == [554, 250, 221]
    assert raw.reply()[0] == 0
    [first] = mails()
    assert raw_of(first["id"]).endswith(b"\r\n\r\n.first\r\n")


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
    assert raw.reply() == (554, ["554 Transaction failed: Recipient count exceeds 50."])
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


def starttls():
    """STARTTLS and LOGIN as programs do; what is pipelined behind STARTTLS in the clear is not heard."""
    trusted = ssl.create_default_context(cafile=os.environ["SMTP_CERTIFICATE"])
    with smtplib.SMTP("localhost", PORT) as smtp:
        smtp.starttls(context=trusted)
        smtp.ehlo()
        assert "starttls" not in smtp.esmtp_features and "auth" in smtp.esmtp_features
        smtp.login("test", "anything")
        smtp.sendmail("a@x.org", ["b@x.org"], "Subject: within TLS\r\n\r\n" + "line\r\n" * 100_000)
    [line] = mails()
    assert line["subject"] == "within TLS" and line["size"] > 600_000
    raw = Raw()
    assert raw.say(b"STARTTLS\r\n") == 503 and raw.say(b"EHLO me\r\n") == 250
    raw.send(b"STARTTLS\r\nEHLO evil\r\nMAIL FROM:<evil@x.org>\r\n")
    assert raw.reply()[0] == 220
    raw.socket.settimeout(20)
    context = ssl.create_default_context(cafile=os.environ["SMTP_CERTIFICATE"])
    wrapped = context.wrap_socket(raw.socket, server_hostname="localhost")
    wrapped.sendall(b"RCPT TO:<b@x.org>\r\n")
    assert wrapped.recv(100).startswith(b"503 "), "the plain text was heard"
    # No TLS at all behind STARTTLS ends the connection.
    raw = Raw()
    raw.say(b"EHLO me\r\n"), raw.say(b"STARTTLS\r\n")
    raw.send(b"EHLO me in the clear\r\n")
    while raw.socket.recv(1000):
        pass


def wrapped():
    """TLS from the first byte, as on port 465; whoever speaks in the clear there is hung up on."""
    port, trusted = int(os.environ["SMTPS_PORT"]), ssl.create_default_context(cafile=os.environ["SMTP_CERTIFICATE"])
    with smtplib.SMTP_SSL("localhost", port, context=trusted) as smtp:
        smtp.ehlo()
        assert "starttls" not in smtp.esmtp_features and "auth" in smtp.esmtp_features
        assert smtp.docmd("STARTTLS")[0] == 503
        smtp.login("123456789012", "anything")
        smtp.sendmail("a@x.org", ["b@x.org"], "Subject: wrapped\r\n\r\n.dot\r\n")
    subprocess.run(
        ["curl", "-sS", "--cacert", os.environ["SMTP_CERTIFICATE"], "--mail-from", "a@x.org", "--mail-rcpt", "b@x.org",
         "--upload-file", "-", f"smtps://localhost:{port}"],
        input=b"Subject: by curl\r\n\r\nhi\r\n", check=True, timeout=60)
    assert [(m["subject"], m["account"]) for m in mails()] == [("by curl", "000000000000"), ("wrapped", "123456789012")]
    plain = socket.create_connection((HOST, port), timeout=20)
    plain.sendall(b"EHLO me\r\nMAIL FROM:<evil@x.org>\r\n")
    try:
        said = b""
        while more := plain.recv(1000):
            said += more
    except ConnectionResetError:
        pass
    assert b"250" not in said and b"220" not in said, said


def by_curl():
    """curl's own SMTP, which wants TLS, checks the certificate and logs in by SASL."""
    mail = b"From: a@x.org\r\nTo: b@x.org\r\nSubject: by curl\r\n\r\n.dot\r\n"
    subprocess.run(
        ["curl", "-sS", "--ssl-reqd", "--cacert", os.environ["SMTP_CERTIFICATE"], "--user", "123456789012:any",
         "--mail-from", "a@x.org", "--mail-rcpt", "b@x.org", "--mail-rcpt", "c@x.org", "--upload-file", "-",
         f"smtp://localhost:{PORT}"], input=mail, check=True, timeout=60)
    [line] = mails()
    assert (line["subject"], line["account"], line["bcc"]) == ("by curl", "123456789012", ["c@x.org"]), line
    assert raw_of(line["id"]).endswith(b"\r\n\r\n.dot\r\n")


def strict_login():
    """With `auth = "strict"`: SES's derived passwords, and nothing without them."""
    def derived(secret, region):
        key = ("AWS4" + secret).encode()
        for part in ["11111111", region, "ses", "aws4_request", "SendRawEmail"]:
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        return base64.b64encode(b"\x04" + key).decode()
    with smtplib.SMTP(HOST, PORT) as smtp:
        smtp.ehlo()
        assert smtp.mail("a@x.org") == (530, b"Authentication required")
        for user, password in [("test", "test"), ("test", derived("wrong", "us-east-1")), ("x", derived("test", "us-east-1"))]:
            try:
                smtp.login(user, password)
                raise AssertionError("it was accepted")
            except smtplib.SMTPAuthenticationError as error:
                assert error.smtp_code == 535 and error.smtp_error == b"Authentication Credentials Invalid", error
        smtp.login("123456789012", derived("test", "eu-central-1"))
        smtp.sendmail("a@x.org", ["b@x.org"], "Subject: s\r\n\r\nhi\r\n")
    [line] = mails()
    assert (line["account"], line["region"]) == ("123456789012", "eu-central-1"), line


def replies():
    """The words of SES's SMTP interface."""
    raw = Raw()
    code, lines = (raw.send(b"EHLO me\r\n"), raw.reply())[1]
    assert code == 250 and lines[-1] == "250 Ok" and "250-STARTTLS" in lines and "250-AUTH PLAIN LOGIN" in lines, lines
    for said, answer in [
        (b"MAIL FROM:<a@x.org> BODY=8BITMIME SMTPUTF8\r\n", "250 Ok"), (b"RCPT TO:<b@x.org>\r\n", "250 Ok"),
        (b"RSET\r\n", "250 Ok"), (b"MAIL FROM:<a@x.org>\r\n", "250 Ok"), (b"RCPT TO:<b@x.org>\r\n", "250 Ok"),
        (b"DATA\r\n", "354 End data with <CR><LF>.<CR><LF>"),
    ]:
        raw.send(said)
        assert raw.reply()[1] == [answer], said
    raw.send(b"Subject: s\r\n\r\nhi\r\n.\r\n")
    [line] = raw.reply()[1]
    [mail] = mails()
    assert line == "250 Ok " + mail["id"], line
    raw.send(b"QUIT\r\n")
    assert raw.reply()[1] == ["221 Bye"]


def hostile():
    """Garbage, floods, smuggling and half mails; an honest client beside them is served."""
    raw = Raw()
    raw.say(b"EHLO me\r\n")
    assert raw.say(b"X" * 100_000 + b"\r\n") == 500
    assert raw.say(b"NOOP\r\n") == 250
    begin = b"MAIL FROM:<a@x.org>\r\nRCPT TO:<b@x.org>\r\nDATA\r\n"
    for smuggled in [b"\n.\r\n", b"\n.\n", b"\r.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.\r", b"\r\r.\r\n"]:
        raw.send(begin + b"Subject: one\r\n\r\nhi" + smuggled + begin + b"two\r\n.\r\n")
        assert [raw.reply()[0] for _ in range(4)] == [250, 250, 354, 554], smuggled
    assert mails() == []
    # A mail without an end, and one that ends with the connection: neither is kept.
    for half in [b"Subject: half\r\n\r\nhi\r\n", b"Subject: half\r\n\r\n" + b"x" * 300_000, b".\r"]:
        left = Raw()
        left.send(b"EHLO me\r\n" + begin + half)
        left.socket.close()
    # Lines without end in a content, headers without end, controls, 8-bit commands.
    raw.send(begin + b"Subject: long\r\n\r\n" + b"y" * 2_000_000 + b"\r\n.\r\n")
    assert [raw.reply()[0] for _ in range(4)] == [250, 250, 354, 250]
    raw.send(begin + b"X: " + b"y" * 3_000_000 + b"\r\n\r\n.\r\n")
    assert [raw.reply()[0] for _ in range(4)] == [250, 250, 354, 554]
    assert raw.say(b"MAIL FROM:<a\x00b@x.org>\r\n") in (250, 501)
    assert raw.say(b"RSET\r\n") == 250
    for noise in [os.urandom(3000), b"\x16\x03\x01\x02\x00\x01\x00" + os.urandom(200), b"GET / HTTP/1.1\r\n\r\n"]:
        other = Raw()
        other.send(noise + b"\r\n")
        other.socket.shutdown(socket.SHUT_WR)
        while other.socket.recv(4096):
            pass
    flood = Raw()
    flood.send(b"EHLO me\r\n" + b"FROB\r\n" * 3000)
    said = b""
    try:
        while more := flood.socket.recv(65536):
            said += more
    except ConnectionResetError:
        pass
    assert b"421 Too many mistakes" in said
    idle = [Raw() for _ in range(200)]
    with smtplib.SMTP(HOST, PORT) as smtp:
        smtp.sendmail("a@x.org", ["b@x.org"], "Subject: honest\r\n\r\nhi\r\n")
    assert [m["subject"] for m in mails()] == ["honest", "long"], mails()
    del idle


def slow():
    """Clients that say nothing, or a byte now and then, are told and let go."""
    silent = Raw()
    code, lines = silent.reply()
    assert code == 451 and lines == ["451 4.4.2 Timeout waiting for data from client."], lines
    assert silent.reply()[0] == 0
    drip = Raw()
    drip.say(b"EHLO me\r\n")
    ended = False
    try:
        for _ in range(100):
            drip.send(b"N")
            time.sleep(0.1)
    except OSError:
        ended = True
    assert ended


def big():
    """A mail of 39 MB comes through byte by byte, and its file goes with it."""
    body = b"".join(b"%09d %s\r\n" % (n, b"z" * 60) for n in range(39 * 1024 * 1024 // 72))
    with smtplib.SMTP(HOST, PORT) as smtp:
        smtp.sendmail("a@x.org", ["b@x.org"], b"From: a@x.org\r\nBcc: c@x.org\r\nSubject: big\r\n\r\n" + body)
    [line] = mails()
    raw = raw_of(line["id"])
    assert raw.endswith(b"\r\n\r\n" + body) and b"c@x.org" not in raw and len(raw) == line["size"]
    files = lambda: [f for _, _, names in os.walk(os.path.join(os.environ["STATE"], "mail")) for f in names]
    assert len(files()) == 1
    assert requests.delete(f"{ENDPOINT}/_devenv/mail/{line['id']}").status_code == 204
    deadline = time.monotonic() + 10
    while files():
        assert time.monotonic() < deadline
        time.sleep(0.02)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        requests.delete(f"{ENDPOINT}/_devenv/mail")
        globals()[name]()
