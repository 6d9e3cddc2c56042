"""SES v1 and v2 through boto3; argv[1] names the function to run."""

import email
import email.policy
import json
import os
import re
import smtplib
import sys
from email.message import EmailMessage

import boto3
import botocore.exceptions
import botocore.session
import requests
from botocore.config import Config

ENDPOINT = os.environ["ENDPOINT"]
CONFIG = Config(retries={"max_attempts": 1}, parameter_validation=True)


def client(name, **more):
    return boto3.client(name, endpoint_url=ENDPOINT, config=CONFIG, **more)


def mails():
    return requests.get(f"{ENDPOINT}/_devenv/mail").json()["mails"]


def raw_of(id):
    answer = requests.get(f"{ENDPOINT}/_devenv/mail/{id}/raw")
    assert answer.headers["content-type"] == "message/rfc822"
    return answer.content


def parsed(id):
    return email.message_from_bytes(raw_of(id), policy=email.policy.default)


def refused(call, code, message, status=400):
    try:
        call()
    except botocore.exceptions.ClientError as error:
        got = error.response
        assert got["Error"]["Code"] == code, got
        assert got["Error"]["Message"] == message, got
        assert got["ResponseMetadata"]["HTTPStatusCode"] == status, got
        return got
    raise AssertionError(f"{code} was expected")


def content(text="hello", html=None):
    body = {"Text": {"Data": text}}
    if html:
        body["Html"] = {"Data": html, "Charset": "UTF-8"}
    return {"Subject": {"Data": "Grüße", "Charset": "UTF-8"}, "Body": body}


def v1_send_email():
    ses = client("ses")
    sent = ses.send_email(
        Source='"Praxis Müller" <praxis@example.com>',
        Destination={
            "ToAddresses": ["a@x.org", "Ann <ann@x.org>"],
            "CcAddresses": ["c@x.org"],
            "BccAddresses": ["secret@x.org"],
        },
        Message=content("eins\nzwei", "<b>drei</b>"),
        ReplyToAddresses=["reply@example.com"],
        Tags=[{"Name": "kind", "Value": "test"}],
        ConfigurationSetName="set",
    )
    id = sent["MessageId"]
    assert re.fullmatch(r"[0-9a-f]{16}-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}-000000", id), id
    assert sent["ResponseMetadata"]["RequestId"]
    mail = parsed(id)
    assert mail["Message-ID"] == f"<{id}@email.amazonses.com>"
    assert mail["Date"].datetime.tzinfo is not None
    assert mail["From"].addresses[0].display_name == "Praxis Müller"
    assert mail["To"] == "a@x.org, Ann <ann@x.org>" and mail["Cc"] == "c@x.org"
    assert mail["Reply-To"] == "reply@example.com"
    assert mail["Subject"] == "Grüße" and mail["Bcc"] is None
    assert b"secret@" not in raw_of(id)
    assert mail.get_content_type() == "multipart/alternative"
    text, html = mail.iter_parts()
    assert text.get_content().replace("\r\n", "\n").strip() == "eins\nzwei", text
    assert html.get_content().replace("\r\n", "\n").strip() == "<b>drei</b>"
    [line] = mails()
    assert line["id"] == id and line["via"] == "ses" and line["bcc"] == ["secret@x.org"]
    assert line["tags"] == {"kind": "test"} and line["configuration_set"] == "set"
    [message] = requests.get(f"{ENDPOINT}/_aws/ses").json()["messages"]
    assert message["Id"] == id and message["Region"] == "us-east-1"
    assert message["Source"] == "praxis@example.com" and message["Subject"] == "Grüße"
    assert message["Body"] == {"text_part": "eins\nzwei", "html_part": "<b>drei</b>"}
    assert message["Destination"]["ToAddresses"] == ["a@x.org", "ann@x.org"]
    elsewhere = client("ses", region_name="eu-west-1").send_email(
        Source="a@x.org", Destination={"ToAddresses": ["b@x.org"]}, Message=content()
    )["MessageId"]
    assert parsed(elsewhere)["Message-ID"] == f"<{elsewhere}@eu-west-1.amazonses.com>"
    assert elsewhere.startswith("0102")


def v1_send_raw_email():
    ses = client("ses")
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Bcc"] = "a@example.com", "b@x.org", "secret@x.org"
    mail["Subject"], mail["Message-ID"], mail["X-Own"] = "raw ü", "<own@example.com>", "kept"
    mail.set_content("text ä")
    mail.add_attachment(b"\x00\xff", maintype="application", subtype="pdf", filename="ü.pdf")
    id = ses.send_raw_email(RawMessage={"Data": mail.as_bytes()})["MessageId"]
    got = parsed(id)
    assert got["Message-ID"] == f"<{id}@email.amazonses.com>" and got["Bcc"] is None
    assert len(got.get_all("Message-ID")) == 1 and got["X-Own"] == "kept"
    assert got["Subject"] == "raw ü"
    assert raw_of(id).split(b"\n\n", 1)[1] == mail.as_bytes().split(b"\n\n", 1)[1]
    [line] = mails()
    assert (line["to"], line["bcc"]) == (["b@x.org"], ["secret@x.org"]), line
    detail = requests.get(f"{ENDPOINT}/_devenv/mail/{id}").json()
    assert detail["text"] == "text ä" and detail["html"] is None
    [attachment] = detail["attachments"]
    assert (attachment["name"], attachment["content_type"]) == ("ü.pdf", "application/pdf")
    assert attachment["size"] == 2
    own = ses.send_raw_email(
        Source="bounce@example.com",
        Destinations=["z@x.org", "b@x.org"],
        RawMessage={"Data": b"From: a@example.com\r\nTo: b@x.org\r\n\r\nhi\r\n"},
    )["MessageId"]
    line = next(m for m in mails() if m["id"] == own)
    assert (line["from"], line["to"], line["bcc"]) == ("bounce@example.com", ["b@x.org"], ["z@x.org"])


def v1_refusals():
    ses = client("ses")
    sender, here = "a@example.com", {"ToAddresses": ["b@x.org"]}

    def send(**more):
        return lambda: ses.send_email(
            **{"Source": sender, "Destination": here, "Message": content(), **more}
        )

    def raw(data, **more):
        return lambda: ses.send_raw_email(RawMessage={"Data": data}, **more)

    bad = "InvalidParameterValue"
    many = {"ToAddresses": [f"u{n}@x.org" for n in range(30)], "BccAddresses": ["b@x.org"] * 21}
    got = refused(send(Destination=many), bad, "Recipient count exceeds 50.")
    assert got["Error"]["Type"] == "Sender" and got["ResponseMetadata"]["RequestId"], got
    refused(send(Source="nobody"), bad, "Missing final '@domain'")
    refused(send(Destination={"ToAddresses": ["b@ex ample.com"]}), bad, "Domain contains control or whitespace")
    refused(send(Destination={"ToAddresses": ["b@exämple.com"]}), bad, "Domain contains illegal character")
    refused(send(Destination={}), bad, "Missing required header 'To'.")
    refused(send(Tags=[{"Name": "", "Value": "x"}]), bad, "The tag name must be specified.")
    refused(
        send(Tags=[{"Name": "a:b", "Value": "x"}]),
        bad,
        "Invalid tag name <a:b>: only alphanumeric ASCII characters, '_',  '-' are allowed.",
    )
    refused(raw(b"To: b@x.org\r\n\r\nx"), bad, "Missing required header 'From'.")
    refused(raw(b"From: b@x.org\r\n\r\nx"), bad, "Missing required header 'To'.")
    refused(raw(b": b\r\nFrom: b@x.org\r\n\r\nx", Destinations=["b@x.org"]), bad, "Empty header names are illegal.")
    big = b"From: a@x.org\r\nTo: b@x.org\r\n\r\n" + b"x" * (10 * 1024 * 1024)
    refused(raw(big), bad, f"Message length is more than 10485760 bytes long: '{len(big)}'.")
    nothing = requests.post(ENDPOINT, data={"Action": "SendEmail", "Version": "2010-12-01"})
    assert nothing.status_code == 400 and "<Code>ValidationError</Code>" in nothing.text, nothing.text
    assert mails() == []


def v1_identities():
    ses = client("ses")
    ses.verify_email_identity(EmailAddress="A@Example.com")
    ses.verify_email_address(EmailAddress="b@example.com")
    token = ses.verify_domain_identity(Domain="example.org")["VerificationToken"]
    assert token == ses.verify_domain_identity(Domain="example.org")["VerificationToken"]
    names = ["A@example.com", "b@example.com", "example.org"]
    assert ses.list_identities()["Identities"] == names
    assert ses.list_identities(IdentityType="Domain")["Identities"] == ["example.org"]
    assert [n for page in ses.get_paginator("list_identities").paginate(PaginationConfig={"PageSize": 1})
            for n in page["Identities"]] == names
    known = ses.get_identity_verification_attributes(Identities=names + ["x@y.z"])
    known = known["VerificationAttributes"]
    assert known["A@example.com"] == {"VerificationStatus": "Success"}, known
    assert known["example.org"] == {"VerificationStatus": "Success", "VerificationToken": token}
    assert len(known) == 3
    waiter = ses.get_waiter("identity_exists")
    waiter.wait(Identities=["b@example.com"], WaiterConfig={"Delay": 1, "MaxAttempts": 1})
    assert client("ses", region_name="eu-west-1").list_identities()["Identities"] == []
    ses.delete_identity(Identity="b@example.com")
    ses.delete_identity(Identity="b@example.com")
    assert ses.list_identities()["Identities"] == ["A@example.com", "example.org"]
    refused(lambda: ses.verify_email_identity(EmailAddress="nobody"), "InvalidParameterValue", "Missing final '@domain'")


def v1_statistics():
    ses = client("ses")
    quota = ses.get_send_quota()
    assert (quota["Max24HourSend"], quota["MaxSendRate"], quota["SentLast24Hours"]) == (50000.0, 14.0, 0.0)
    assert ses.get_send_statistics()["SendDataPoints"] == []
    for _ in range(2):
        ses.send_email(Source="a@x.org", Destination={"ToAddresses": ["b@x.org", "c@x.org"]}, Message=content())
    assert ses.get_send_quota()["SentLast24Hours"] == 4.0
    points = ses.get_send_statistics()["SendDataPoints"]
    assert sum(p["DeliveryAttempts"] for p in points) == 4 and points[0]["Bounces"] == 0


def v2_send_email():
    ses = client("sesv2")
    id = ses.send_email(
        FromEmailAddress="Praxis <praxis@example.com>",
        Destination={"ToAddresses": ["a@x.org"], "BccAddresses": ["secret@x.org"]},
        Content={
            "Simple": {
                **content("hallo", "<i>hallo</i>"),
                "Headers": [{"Name": "X-Own", "Value": "ja"}],
                "Attachments": [
                    {"FileName": "a.txt", "RawContent": b"\x00\x01", "ContentType": "text/plain"}
                ],
            }
        },
        EmailTags=[{"Name": "k", "Value": "v@w.x"}],
    )["MessageId"]
    mail = parsed(id)
    assert mail.get_content_type() == "multipart/mixed" and mail["X-Own"] == "ja"
    assert mail.get_body(("plain",)).get_content().replace("\r\n", "\n").strip() == "hallo"
    assert mail.get_body(("html",)).get_content().replace("\r\n", "\n").strip() == "<i>hallo</i>"
    [attachment] = mail.iter_attachments()
    assert attachment.get_filename() == "a.txt" and attachment.get_payload(decode=True) == b"\x00\x01"
    assert b"secret@" not in raw_of(id) and mails()[0]["via"] == "sesv2"
    raw = b"From: a@example.com\r\nTo: b@x.org\r\nSubject: s\r\n\r\nraw\r\n"
    id = ses.send_email(Content={"Raw": {"Data": raw}})["MessageId"]
    assert raw_of(id).endswith(raw) and mails()[0]["to"] == ["b@x.org"]
    account = ses.get_account()
    assert account["SendQuota"]["SentLast24Hours"] == 3.0 and account["ProductionAccessEnabled"]
    big = b"From: a@example.com\r\nTo: b@x.org\r\n\r\n" + b"x" * (11 * 1024 * 1024)
    id = ses.send_email(Content={"Raw": {"Data": big}})["MessageId"]
    assert raw_of(id).endswith(big)


def v2_refusals():
    ses = client("sesv2")
    to, bad = {"ToAddresses": ["b@x.org"]}, "BadRequestException"

    def send(content, **more):
        return lambda: ses.send_email(**{"Destination": to, "Content": content, **more})

    simple = {"Simple": content()}
    refused(send(simple), bad, "Missing required header 'From'.")
    refused(send(simple, FromEmailAddress="nobody"), bad, "Missing final '@domain'")
    many = {"ToAddresses": [f"u{n}@x.org" for n in range(51)]}
    refused(send(simple, FromEmailAddress="a@x.org", Destination=many), bad, "Recipient count exceeds 50.")
    refused(send({"Raw": {"Data": b"Subject: x\r\n\r\n"}}), bad, "Missing required header 'From'.")
    big = b"From: a@x.org\r\nTo: b@x.org\r\n\r\n" + b"x" * (40 * 1024 * 1024)
    refused(send({"Raw": {"Data": big}}), bad, f"Message length is more than 41943040 bytes long: '{len(big) - 2}'.")
    headers = [{"Name": f"X-{n}", "Value": "v"} for n in range(16)]
    try:
        send({"Simple": {**content(), "Headers": headers}}, FromEmailAddress="a@x.org")()
        raise AssertionError("sixteen headers were taken")
    except botocore.exceptions.ClientError as error:
        assert error.response["Error"]["Code"] == bad, error.response
    refused(
        send({"Template": {"TemplateName": "t", "TemplateData": "{}"}}, FromEmailAddress="a@x.org"),
        "NotFoundException", "Template t does not exist.", 404,
    )
    refused(lambda: ses.get_email_identity(EmailIdentity="x@y.z"), "NotFoundException",
            "Email identity x@y.z does not exist.", 404)
    text = requests.post(f"{ENDPOINT}/v2/email/outbound-emails", data="{", headers={"content-type": "application/json"})
    assert text.status_code == 400 and text.headers["x-amzn-errortype"] == "SerializationException", text.text
    assert mails() == []


def v2_identities():
    ses = client("sesv2")
    made = ses.create_email_identity(EmailIdentity="example.com", Tags=[{"Key": "k", "Value": "v"}])
    assert made["IdentityType"] == "DOMAIN" and made["VerifiedForSendingStatus"]
    assert len(made["DkimAttributes"]["Tokens"]) == 3
    ses.create_email_identity(EmailIdentity="a+b@example.org")
    refused(lambda: ses.create_email_identity(EmailIdentity="example.com"), "AlreadyExistsException",
            "Email identity example.com already exist.")
    got = ses.get_email_identity(EmailIdentity="a+b@example.org")
    assert got["IdentityType"] == "EMAIL_ADDRESS" and got["VerificationStatus"] == "SUCCESS"
    assert ses.get_email_identity(EmailIdentity="example.com")["Tags"] == [{"Key": "k", "Value": "v"}]
    first = ses.list_email_identities(PageSize=1)
    second = ses.list_email_identities(PageSize=1, NextToken=first["NextToken"])
    assert [p["EmailIdentities"][0]["IdentityName"] for p in (first, second)] == ["a+b@example.org", "example.com"]
    assert "NextToken" not in second
    earlier = requests.get(f"{ENDPOINT}/v2/email/identities?PageSize=1").json()
    assert [i["IdentityName"] for i in earlier["EmailIdentities"]] == ["a+b@example.org"], earlier
    assert client("ses").list_identities()["Identities"] == ["a+b@example.org", "example.com"]
    ses.delete_email_identity(EmailIdentity="example.com")
    refused(lambda: ses.delete_email_identity(EmailIdentity="example.com"), "NotFoundException",
            "Email identity example.com does not exist.", 404)


def awkward_content():
    ses = client("ses")
    texts = [
        "x" * 5000, ".\n..\n.\n", "Zeile\n" * 400, "日本語 🎉 " * 100, "From here\n>From there",
        "a=b %20 &amp; <tag>", "tab\there", "----=_Part_", "",
    ]
    for text in texts:
        id = ses.send_email(
            Source="a@x.org", Destination={"ToAddresses": ["b@x.org"]},
            Message={"Subject": {"Data": "日本語の件名 🎉 " + "lang " * 40}, "Body": {"Text": {"Data": text}, "Html": {"Data": text}}},
        )["MessageId"]
        detail = requests.get(f"{ENDPOINT}/_devenv/mail/{id}").json()
        assert detail["text"].rstrip("\n") == text.rstrip("\n"), (text, detail["text"])
        assert detail["subject"] == "日本語の件名 🎉 " + "lang " * 40
        assert parsed(id).get_body(("plain",)).get_content().replace("\r\n", "\n").rstrip("\n") == text.rstrip("\n")
        assert " ".join(parsed(id)["Subject"].split()) == " ".join(detail["subject"].split())
        longest = max(len(line) for line in raw_of(id).split(b"\r\n"))
        assert longest <= 998, longest


def sample(shape, depth=0):
    """The smallest input that a shape takes."""
    kind = shape.type_name
    if kind == "structure":
        names = shape.required_members if depth < 6 else []
        return {name: sample(shape.members[name], depth + 1) for name in names}
    if kind in ("list", "map"):
        return [] if kind == "list" else {}
    if kind == "string":
        return shape.enum[0] if getattr(shape, "enum", None) else "x" * max(1, shape.metadata.get("min", 1))
    return {"boolean": True, "blob": b"x", "timestamp": 0}.get(kind, 1)


def every_operation():
    for service in ("ses", "sesv2"):
        own = boto3.client(service, endpoint_url=ENDPOINT,
                           config=Config(retries={"max_attempts": 1}, parameter_validation=False))
        model = own.meta.service_model
        unserved = set()
        for name in model.operation_names:
            operation = model.operation_model(name)
            given = sample(operation.input_shape) if operation.input_shape else {}
            method = botocore.xform_name(name)
            try:
                getattr(own, method)(**given)
            except botocore.exceptions.ClientError as error:
                code = error.response["Error"]["Code"]
                if code in ("NotImplemented", "501") and error.response["ResponseMetadata"]["HTTPStatusCode"] == 501:
                    assert name in error.response["Error"]["Message"], error.response
                    unserved.add(name)
                else:
                    assert error.response["ResponseMetadata"]["HTTPStatusCode"] < 500, (name, error.response)
        assert unserved == set(), (service, unserved)
    unknown = requests.post(ENDPOINT, data={"Action": "SendPigeon", "Version": "2010-12-01"})
    assert unknown.status_code == 400 and "<Code>InvalidAction</Code>" in unknown.text


def pages():
    ses = client("ses")
    ids = []
    for n in range(5):
        ids.append(ses.send_email(Source=f"u{n % 2}@x.org", Destination={"ToAddresses": ["b@x.org"]},
                                  Message=content(str(n)))["MessageId"])
    seen, after = [], None
    while True:
        page = requests.get(f"{ENDPOINT}/_devenv/mail", params={"limit": 2, "after": after}).json()
        assert page["schema"] == 1 and len(page["mails"]) <= 2
        seen += [m["id"] for m in page["mails"]]
        after = page["next"]
        if after is None:
            break
    assert seen == ids[::-1]
    assert requests.get(f"{ENDPOINT}/_devenv/mail?limit=x").status_code == 400
    assert requests.get(f"{ENDPOINT}/_devenv/mail/none").status_code == 404
    assert requests.post(f"{ENDPOINT}/_devenv/mail").status_code == 405
    shown = requests.get(f"{ENDPOINT}/_aws/ses", params={"email": "u1@x.org"}).json()["messages"]
    assert [m["Id"] for m in shown] == [ids[1], ids[3]]
    [one] = requests.get(f"{ENDPOINT}/_aws/ses", params={"id": ids[2]}).json()["messages"]
    assert one["Body"]["text_part"] == "2"
    assert requests.delete(f"{ENDPOINT}/_aws/ses", params={"id": ids[2]}).status_code == 204
    assert [m["id"] for m in mails()] == [i for i in ids[::-1] if i != ids[2]]
    assert requests.delete(f"{ENDPOINT}/_devenv/mail/{ids[0]}").status_code == 204
    assert requests.delete(f"{ENDPOINT}/_aws/ses").status_code == 204
    assert mails() == [] and requests.get(f"{ENDPOINT}/_aws/ses").json() == {"messages": []}
    ses.verify_email_identity(EmailAddress="a@x.org")
    assert requests.post(f"{ENDPOINT}/_devenv/reset").status_code == 200
    assert ses.list_identities()["Identities"] == []
    evil = requests.get(f"{ENDPOINT}/_devenv/mail", headers={"Origin": "https://evil.example"})
    assert evil.status_code == 403


def strict_mode():
    ses, v2 = client("ses"), client("sesv2")
    to = {"ToAddresses": ["b@x.org"]}
    send = lambda: ses.send_email(Source="a+news@example.com", Destination=to, Message=content())
    text = ("Email address is not verified. The following identities failed the check in region "
            "US-EAST-1: a+news@example.com")
    refused(send, "MessageRejected", text)
    refused(lambda: v2.send_email(FromEmailAddress="a+news@example.com", Destination=to,
                                  Content={"Simple": content()}), "MessageRejected", text)
    assert ses.get_send_quota()["Max24HourSend"] == 200.0 and mails() == []
    ses.verify_email_identity(EmailAddress="a@example.com")
    send()
    ses.verify_domain_identity(Domain="example.org")
    ses.send_raw_email(RawMessage={"Data": b"From: x@mail.example.org\r\nTo: b@x.org\r\n\r\nx"})
    assert len(mails()) == 2


def delegation():
    """In strict mode another account's identity wants its policy; by v1, v2, raw header and SMTP alike."""
    arn = "arn:aws:ses:us-east-1:111111111111:identity/example.com"
    owner = client("ses", aws_access_key_id="111111111111", aws_secret_access_key="test")
    owner.verify_domain_identity(Domain="example.com")
    other = {"aws_access_key_id": "222222222222", "aws_secret_access_key": "test"}
    v1, v2 = client("ses", **other), client("sesv2", **other)
    to, source = {"ToAddresses": ["b@x.org"]}, "a@example.com"
    raw = f"From: {source}\r\nTo: b@x.org\r\n\r\nhi\r\n"
    with_arn = raw.replace("\r\n\r\n", f"\r\nX-SES-SOURCE-ARN: {arn}\r\n\r\n")
    simple = lambda **more: v1.send_email(Source=source, Destination=to, Message=content(), **more)
    second = lambda **more: v2.send_email(FromEmailAddress=source, Destination=to, Content={"Simple": content()}, **more)
    unverified = ("Email address is not verified. The following identities failed the check in region US-EAST-1: "
                  "a@example.com")
    refused(simple, "MessageRejected", unverified)
    denied = lambda action: f"User `arn:aws:iam::222222222222:root' is not authorized to perform `ses:{action}' on resource `{arn}'"
    refused(lambda: simple(SourceArn=arn), "AccessDenied", denied("SendEmail"), 403)
    refused(lambda: second(FromEmailAddressIdentityArn=arn), "AccessDeniedException", denied("SendEmail"), 403)
    refused(lambda: v1.send_raw_email(RawMessage={"Data": with_arn}), "AccessDenied", denied("SendRawEmail"), 403)
    policy = {"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::222222222222:root"}, "Action": ["ses:SendEmail", "ses:SendRawEmail"],
        "Resource": arn, "Condition": {"StringEquals": {"ses:FromAddress": source}}}]}
    owner.put_identity_policy(Identity="example.com", PolicyName="partner", Policy=json.dumps(policy))
    sent = [simple(SourceArn=arn)["MessageId"], second(FromEmailAddressIdentityArn=arn)["MessageId"],
            v1.send_raw_email(RawMessage={"Data": with_arn})["MessageId"],
            v1.send_raw_email(RawMessage={"Data": raw}, SourceArn=arn)["MessageId"]]
    assert all(b"SOURCE-ARN" not in raw_of(id) for id in sent)
    refused(lambda: v1.send_email(Source="boss@example.com", Destination=to, Message=content(), SourceArn=arn),
            "AccessDenied", denied("SendEmail"), 403)
    refused(lambda: v1.send_email(Source="a@other.org", Destination=to, Message=content(), SourceArn=arn),
            "MessageRejected", unverified.replace("a@example.com", "a@other.org"))
    refused(simple, "MessageRejected", unverified)
    with smtplib.SMTP("127.0.0.1", int(os.environ["SMTP_PORT"])) as smtp:
        smtp.login("222222222222", "any")
        smtp.sendmail(source, ["b@x.org"], with_arn)
        smtp.quit()
    owner.delete_identity_policy(Identity="example.com", PolicyName="partner")
    refused(lambda: simple(SourceArn=arn), "AccessDenied", denied("SendEmail"), 403)
    assert [m["account"] for m in mails()] == ["222222222222"] * 5, mails()


def before_restart():
    ses = client("ses")
    ses.verify_email_identity(EmailAddress="a@example.com")
    for n in range(20):
        ses.send_email(Source="a@example.com", Destination={"ToAddresses": ["b@x.org"]}, Message=content(f"no {n}"))


def after_restart():
    ses = client("ses")
    assert ses.list_identities()["Identities"] == ["a@example.com"]
    texts = [m["Body"]["text_part"] for m in requests.get(f"{ENDPOINT}/_aws/ses").json()["messages"]]
    assert texts == [f"no {n}" for n in range(20)], texts
    assert ses.get_send_quota()["SentLast24Hours"] == 20.0


def seeded():
    assert client("ses").list_identities()["Identities"] == ["example.org", "seed@example.com"]


if __name__ == "__main__":
    globals()[sys.argv[1]]()
