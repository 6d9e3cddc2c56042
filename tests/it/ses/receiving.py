"""Mail that comes: receipt rules, their actions, filters; argv[1] names the functions to run."""

import email
import email.policy
import json
import os
import smtplib
import ssl
import sys
import time

import requests
from events import received
from sending import ENDPOINT, client, detail, events, refused

HOST, PORT = "127.0.0.1", int(os.environ["SMTP_PORT"])


def send(to, text="Please.", sender="ann@z.org", tls=False, login=False):
    with smtplib.SMTP("localhost" if tls else HOST, PORT) as smtp:
        if tls:
            smtp.starttls(context=ssl.create_default_context(cafile=os.environ["SMTP_CERTIFICATE"]))
        if login:
            smtp.login("000000000000", "any")
        smtp.sendmail(sender, to, f"From: {sender}\r\nTo: {', '.join(to)}\r\nSubject: Help\r\n\r\n{text}\r\n")
    return requests.get(f"{ENDPOINT}/_devenv/mail/latest").json()["id"]


def refused_with(code, start, call):
    try:
        call()
    except smtplib.SMTPDataError as error:
        assert error.smtp_code == code and error.smtp_error.startswith(start), error
        return
    raise AssertionError(f"{code} was expected")


def object_of(s3, key):
    """The object, as soon as it is there."""
    end = time.monotonic() + 30
    while True:
        try:
            return s3.get_object(Bucket="mail", Key=key)["Body"].read()
        except s3.exceptions.NoSuchKey:
            assert time.monotonic() < end, key
            time.sleep(0.02)


def rules(ses, *all, name="in"):
    ses.create_receipt_rule_set(RuleSetName=name)
    last = None
    for rule in all:
        after = {"After": last} if last else {}
        ses.create_receipt_rule(RuleSetName=name, Rule={"Enabled": True, **rule}, **after)
        last = rule["Name"]
    ses.set_active_receipt_rule_set(RuleSetName=name)


def buckets():
    """`S3Action`: the raw mail under prefix and id, the setup notification before it, big mails, added headers."""
    ses, sqs, s3 = client("ses"), client("sqs"), client("s3")
    s3.create_bucket(Bucket="mail")
    url = sqs.create_queue(QueueName="stored")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    header = {"AddHeaderAction": {"HeaderName": "X-Rule", "HeaderValue": "first"}}
    store = {"S3Action": {"BucketName": "mail", "ObjectKeyPrefix": "in/", "TopicArn": arn}}
    ses.create_receipt_rule_set(RuleSetName="none")
    refused(lambda: ses.create_receipt_rule(RuleSetName="none", Rule={
        "Name": "r", "Actions": [{"S3Action": {"BucketName": "absent"}}]}),
        "InvalidS3Configuration", "Could not write to bucket: absent", 400)
    rules(ses, {"Name": "store", "Recipients": ["x.org"], "ScanEnabled": True, "Actions": [header, store]})
    setup = email.message_from_bytes(object_of(s3, "in/AMAZON_SES_SETUP_NOTIFICATION"))
    assert setup["Subject"] == "Amazon SES Setup Notification", setup
    id = send(["support@x.org", "else@y.org"])
    mail = email.message_from_bytes(object_of(s3, f"in/{id}"), policy=email.policy.default)
    assert mail["Return-Path"] == "<ann@z.org>" and mail["X-Rule"] == "first" and mail["Subject"] == "Help"
    assert mail["X-SES-Spam-Verdict"] == "PASS" and mail["X-SES-Virus-Verdict"] == "PASS"
    assert "inbound-smtp.us-east-1.amazonaws.com" in mail["Received"] and id in mail["Received"]
    assert mail["Feedback-ID"] is None and mail.get_content() == "Please.\r\n", mail
    note = json.loads(received(sqs, url, 1)[0]["Message"])
    assert "content" not in note and note["receipt"]["recipients"] == ["support@x.org"]
    action = note["receipt"]["action"]
    assert action == {"type": "S3", "topicArn": arn, "bucketName": "mail", "objectKeyPrefix": "in/",
                      "objectKey": f"in/{id}"}, action
    assert note["receipt"]["spamVerdict"] == {"status": "PASS"}
    spam = send(["support@x.org"], "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X")
    assert email.message_from_bytes(object_of(s3, f"in/{spam}"))["X-SES-Spam-Verdict"] == "FAIL"
    assert json.loads(received(sqs, url, 1)[0]["Message"])["receipt"]["spamVerdict"] == {"status": "FAIL"}
    big = "".join(f"{n:09d} {'z' * 60}\r\n" for n in range(40_000))
    id = send(["support@x.org"], big)
    assert object_of(s3, f"in/{id}").endswith(b"\r\n\r\n" + big.encode() + b"\r\n")
    assert send(["me@y.org"]) and len(s3.list_objects_v2(Bucket="mail")["Contents"]) == 4


def before_restart():
    ses, s3 = client("ses"), client("s3")
    s3.create_bucket(Bucket="mail")
    rules(ses, {"Name": "store", "Actions": [{"S3Action": {"BucketName": "mail"}}]})
    for n in range(5):
        send(["a@x.org"], f"number {n}")


def after_restart():
    """Every mail that was accepted lies in the bucket."""
    s3 = client("s3")
    mails = requests.get(f"{ENDPOINT}/_devenv/mail").json()["mails"]
    texts = {object_of(s3, mail["id"]).split(b"\r\n\r\n", 1)[1] for mail in mails}
    assert texts == {b"number %d\r\n" % n for n in range(5)}, texts


def order():
    """Rules in their order: a stop ends all, a bounce takes its recipients out, what is off does nothing."""
    ses, s3 = client("ses"), client("s3")
    s3.create_bucket(Bucket="mail")
    store = lambda prefix: {"S3Action": {"BucketName": "mail", "ObjectKeyPrefix": prefix}}
    bounce = {"BounceAction": {"SmtpReplyCode": "550", "StatusCode": "5.1.1", "Message": "Nobody here.",
                               "Sender": "mailer-daemon@x.org"}}
    rules(ses,
          {"Name": "off", "Enabled": False, "Actions": [store("off/")]},
          {"Name": "bounce", "Recipients": ["gone@x.org"], "Actions": [bounce, store("behind/")]},
          {"Name": "stop", "Recipients": ["quiet@x.org", ".sub.x.org"],
           "Actions": [store("stopped/"), {"StopAction": {"Scope": "RuleSet"}}, store("behind/")]},
          {"Name": "all", "Actions": [store("all/")]})
    id = send(["gone@x.org", "here@x.org"])
    report, original = requests.get(f"{ENDPOINT}/_devenv/mail").json()["mails"][:2]
    id = original["id"]
    assert (report["from"], report["to"]) == ("mailer-daemon@x.org", ["ann@z.org"]), report
    raw = requests.get(f"{ENDPOINT}/_devenv/mail/{report['id']}/raw").content
    parts = list(email.message_from_bytes(raw, policy=email.policy.default).iter_parts())
    assert "Nobody here." in parts[0].get_content()
    fields = parts[1].get_payload()[1]
    assert (fields["Final-Recipient"], fields["Status"]) == ("rfc822; gone@x.org", "5.1.1"), fields
    assert fields["Diagnostic-Code"] == "smtp; 550 5.1.1 Nobody here."
    kinds = [(e["receipt"]["action"]["type"], e["receipt"]["recipients"]) for kind, e in events(id) if kind == "Received"]
    assert kinds == [("Bounce", ["gone@x.org"]), ("S3", ["here@x.org"])], kinds
    assert events(id)[0][1]["receipt"]["spamVerdict"] == {"status": "DISABLED"}
    object_of(s3, f"all/{id}")
    quiet, sub = send(["quiet@x.org"]), send(["a@deep.sub.x.org"])
    object_of(s3, f"stopped/{quiet}"), object_of(s3, f"stopped/{sub}")
    # A bounce is not answered by another.
    before = len(requests.get(f"{ENDPOINT}/_devenv/mail").json()["mails"])
    with smtplib.SMTP(HOST, PORT) as smtp:
        smtp.sendmail("", ["gone@x.org"], "Subject: a bounce\r\n\r\n")
    assert len(requests.get(f"{ENDPOINT}/_devenv/mail").json()["mails"]) == before + 1
    ses.reorder_receipt_rule_set(RuleSetName="in", RuleNames=["all", "stop", "bounce", "off"])
    id = send(["quiet@x.org"])
    object_of(s3, f"all/{id}"), object_of(s3, f"stopped/{id}")
    keys = {o["Key"].split("/")[0] for o in s3.list_objects_v2(Bucket="mail")["Contents"]}
    setup = [o["Key"] for o in s3.list_objects_v2(Bucket="mail", Prefix="behind/").get("Contents", [])]
    assert setup == ["behind/AMAZON_SES_SETUP_NOTIFICATION"] and "off" in keys, (setup, keys)
    ses.set_active_receipt_rule_set()
    assert events(send(["gone@x.org"])) == []


def filters():
    """Who may deliver: addresses, ranges, and TLS where a rule wants it. Whoever has logged in sends."""
    ses = client("ses")
    rules(ses, {"Name": "tls", "Recipients": ["secure@x.org"], "TlsPolicy": "Require", "Actions": []})
    refused_with(530, b"Must issue a STARTTLS command first", lambda: send(["secure@x.org"]))
    send(["secure@x.org"], tls=True)
    send(["other@x.org"])
    block = lambda name, policy, cidr: ses.create_receipt_filter(
        Filter={"Name": name, "IpFilter": {"Policy": policy, "Cidr": cidr}})
    block("far", "Block", "10.0.0.0/8")
    send(["a@x.org"])
    block("near", "Block", "127.0.0.0/8")
    refused_with(550, b"5.7.1 Mail from 127.0.0.1 is blocked", lambda: send(["a@x.org"]))
    send(["a@x.org"], login=True)
    block("me", "Allow", "127.0.0.1")
    send(["a@x.org"])
    ses.delete_receipt_filter(FilterName="me")
    refused_with(550, b"5.7.1 ", lambda: send(["a@x.org"]))
    ses.delete_receipt_filter(FilterName="near")
    send(["a@x.org"])
    assert detail("latest")["to"] == ["a@x.org"]


if __name__ == "__main__":
    for name in sys.argv[1].split(","):
        globals()[name]()
        if not name.endswith("_restart"):
            requests.post(f"{ENDPOINT}/_devenv/reset")
