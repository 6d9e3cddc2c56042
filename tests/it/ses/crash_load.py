"""Sends mails by v2, v1's raw form and SMTP until the daemon is gone; argv: endpoint, SMTP port, round.

Prints `{id} {sha256 of the text} {size}` for each mail as soon as it is acknowledged."""

import base64
import hashlib
import json
import smtplib
import sys
import threading

import requests

ENDPOINT, PORT, ROUND = sys.argv[1], int(sys.argv[2]), sys.argv[3]
AUTH = {"Authorization": "AWS4-HMAC-SHA256 Credential=test/20261121/us-east-1/ses/aws4_request, SignedHeaders=host, Signature=0"}
lock = threading.Lock()


def text_of(thread, n):
    # Every seventh is big enough for a file of its own.
    size = 150_000 if n % 7 == 6 else 200
    return (f"{ROUND} {thread} {n} " + "x" * 60 + "\r\n") * (size // 60)


def acknowledged(id, text):
    with lock:
        print(id, hashlib.sha256(text.encode()).hexdigest(), flush=True)


def by_api(thread):
    session, n = requests.Session(), 0
    while True:
        text = text_of(thread, n)
        raw = f"From: a@x.org\r\nTo: b@x.org\r\nSubject: {thread} {n}\r\n\r\n{text}"
        mail = {"Content": {"Raw": {"Data": base64.b64encode(raw.encode()).decode()}}}
        answer = session.post(f"{ENDPOINT}/v2/email/outbound-emails", data=json.dumps(mail), headers=AUTH)
        answer.raise_for_status()
        acknowledged(answer.json()["MessageId"], text)
        n += 1


def by_smtp(thread):
    client, n = smtplib.SMTP("127.0.0.1", PORT), 0
    while True:
        text = text_of(thread, n)
        client.mail("a@x.org"), client.rcpt("b@x.org")
        code, words = client.data(f"Subject: {thread} {n}\r\n\r\n{text}")
        assert code == 250, words
        acknowledged(words.decode().split()[-1], text)
        n += 1


def until_it_is_gone(work, thread):
    try:
        work(thread)
    except (OSError, smtplib.SMTPException, requests.RequestException):
        pass


threads = [threading.Thread(target=until_it_is_gone, args=(work, f"{work.__name__}-{n}"))
           for n in range(3) for work in (by_api, by_smtp)]
[t.start() for t in threads]
[t.join() for t in threads]
