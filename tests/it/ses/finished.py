"""Mails as their recipients get them: DKIM signatures, tracked links and opens; argv[1] names the functions."""

import base64
import json
import os
import smtplib
import sys

import dkim
import requests
from events import received
from sending import ENDPOINT, client, detail, events, raw, refused

# 1024 bits, made for this test and used nowhere else.
OWN_KEY = """MIICXQIBAAKBgQDpQnUxXReUGt7ZGA1XblikK1uck1kbigQx+lS0YQEllM5dhe39hyJMGVO6g67QQEDwRe9VJnmJ3aDSq8UXd6QoPDlHR4tNCL3IS2Amgl4KF4DSbw+suguL2bDk1lF2B7oSldAOQEIVDOm3h2NkizfGkL8MMr4HYkIx2YSX+5Y9uwIDAQABAoGBAMs7B/h2b3Cu6LKlbhpbHggLbspA50ZDPdx9iweN7P3dZN+/LNfTwWIkPvsmeE0hbnLpu9ioqQQhgVmMJzCHIRHzCgqWK1rzfVKDRcN3tnt1dDo1PF13iOaCY2igRXN3HPF5CiTvDHbLU6GbEd20Hx0n75kx+1v9j6ela4IRLkGBAkEA/206lMCARGhzPPmo1fjLSIdGl034huYLXFXPtPatxNktIOFJmXctGn1vu2qzcK6i+aBx26neszs5recz0Owa0QJBAOnIfdJYqpdIhM9z5JGl4Zc4mg62DZAH+WsJgfhHF6+bb/vZBiOe/ydenGmgdK1MpM4ZoVhU48wUvKT5aPzX2ssCQQCAWb7qKKFLvsDJjxrMCqz70R4jwcZ04vwqdeRdpudC127Z6ts1BrHfcdDHeKKaqOa0UW9lVkLWBZjCTj+3aC1BAkBiIUMXKRqqF8mPnrDhpgR0SlD4PdihjYdXM413nrfFgXRW/XjDOPkXGHKFL9Hp8FL5I+8CuddIkafBg+NaxmxTAkAdgk6ubWGsqQrlfDN3u22z1gHtKLLTd7eZWZU4KsFBAiL3zfnUD4yvt3/HJM541MJGhiuRY7ztc0LyBU5A+Fwm"""
HTML = ('<html><body><a href="https://x.org/a?b=1&amp;c=2">one</a> <a ses:no-track href="https://x.org/no">no</a> '
        '<a href="https://y.org/" ses:tags="kind:button">two</a></body></html>')


def record(name, region="us-east-1"):
    """What DNS would answer to a verifier who asks for `selector._domainkey.domain.`."""
    selector, domain = name.rstrip(".").split("._domainkey.")
    answer = requests.get(f"{ENDPOINT}/_devenv/ses/dkim/000000000000/{region}/{domain}/{selector}")
    return answer.content if answer.status_code == 200 else None


def verified(id):
    mail = raw(id)
    assert mail.startswith(b"DKIM-Signature: v=1; a=rsa-sha256; q=dns/txt; c=relaxed/simple;"), mail[:300]
    assert raw(id) == mail, "another signature"
    ok = lambda mail: dkim.verify(mail, dnsfunc=lambda name, timeout=5: record(name.decode()))
    assert not ok(mail.replace(b"From: ", b"From: not ", 1))
    assert not ok(mail + b"!\r\n")
    return ok(mail)


def smtp(text, sender="a@example.com"):
    with smtplib.SMTP("127.0.0.1", int(os.environ["SMTP_PORT"])) as client:
        client.sendmail(sender, ["b@y.org"], text)
    return requests.get(f"{ENDPOINT}/_devenv/mail/latest").json()["id"]


def signatures():
    ses, v2 = client("ses"), client("sesv2")
    made = v2.create_email_identity(EmailIdentity="example.com",
                                    DkimSigningAttributes={"NextSigningKeyLength": "RSA_1024_BIT"})
    tokens = made["DkimAttributes"]["Tokens"]
    simple = lambda sender: v2.send_email(
        FromEmailAddress=sender, Destination={"ToAddresses": ["b@y.org"]},
        Content={"Simple": {"Subject": {"Data": "Grüße  und\tmehr"}, "Body": {
            "Text": {"Data": "eins  zwei \n\n.\n\n\n"}, "Html": {"Data": "<p>ü</p>"}}}})["MessageId"]
    id = simple("Ann <a@example.com>")
    assert verified(id)
    assert f"s={tokens[0]}; d=example.com; t=".encode() in raw(id)
    assert f"k=rsa; p=".encode() in record(f"{tokens[0]}._domainkey.example.com.")
    assert verified(simple("b@mail.example.com")), "the domain's subdomains are signed for, too"
    assert not raw(simple("c@other.org")).startswith(b"DKIM")
    # Raw mails with odd headers and line ends, by the API and by SMTP, and mails too big for a row.
    odd = "From: a@example.com\r\nTo: b@y.org\r\nSubject:  folded\r\n\t subject  \r\nsubject: twice\r\n\r\nbody  \r\n\r\n\r\n"
    for text in (odd, odd.replace("\r\n", "\n"), odd.split("\r\n\r\n")[0] + "\r\n\r\n"):
        assert verified(ses.send_raw_email(RawMessage={"Data": text.encode()})["MessageId"]), text
    assert verified(smtp(odd)) and verified(smtp(odd + "line\r\n" * 50_000))
    own = "DKIM-Signature: v=1; d=other.org\r\n" + odd
    assert b"\r\nDKIM-Signature: v=1; d=other.org\r\n" in raw(smtp(own)) and verified(smtp(own))
    shown = requests.get(f"{ENDPOINT}/_aws/ses", params={"id": id}).json()["messages"][0]
    assert shown["RawData"].startswith("DKIM-Signature")
    # Switched off for the domain, or for an address.
    v2.create_email_identity(EmailIdentity="silent@example.com")
    v2.put_email_identity_dkim_attributes(EmailIdentity="silent@example.com", SigningEnabled=False)
    assert not raw(simple("silent@example.com")).startswith(b"DKIM") and verified(simple("a@example.com"))
    ses.set_identity_dkim_enabled(Identity="example.com", DkimEnabled=False)
    assert not raw(simple("a@example.com")).startswith(b"DKIM")
    assert verified(id), "what was sent stays signed"
    # A key that the owner brought, in PKCS#8; and one that is none.
    v2.put_email_identity_dkim_signing_attributes(
        EmailIdentity="example.com", SigningAttributesOrigin="EXTERNAL",
        SigningAttributes={"DomainSigningSelector": "mine", "DomainSigningPrivateKey": OWN_KEY})
    v2.put_email_identity_dkim_attributes(EmailIdentity="example.com", SigningEnabled=True)
    id = simple("a@example.com")
    assert b"s=mine; d=example.com;" in raw(id) and verified(id)
    v2.create_email_identity(EmailIdentity="bad.org", DkimSigningAttributes={
        "DomainSigningSelector": "sel", "DomainSigningPrivateKey": "a" * 64})
    assert not raw(simple("a@bad.org")).startswith(b"DKIM")
    assert requests.get(f"{ENDPOINT}/_devenv/ses/dkim/000000000000/us-east-1/bad.org/sel").status_code == 404


def watched(v2, sqs):
    """A configuration set whose opens and clicks a queue hears of."""
    url = sqs.create_queue(QueueName="watch")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    v2.create_configuration_set(ConfigurationSetName="watch")
    v2.create_configuration_set_event_destination(
        ConfigurationSetName="watch", EventDestinationName="queue",
        EventDestination={"Enabled": True, "MatchingEventTypes": ["OPEN", "CLICK"], "SnsDestination": {"TopicArn": arn}})
    received(sqs, url, 1)
    return url


def links(id):
    return detail(id)["links"]


def pixel(id):
    return detail(id)["html"].split('<img alt="" src="')[1].split('"')[0]


def follow(url, agent="test/1"):
    return requests.get(url, headers={"User-Agent": agent}, allow_redirects=False)


def tracking():
    v2, ses, sqs = client("sesv2"), client("ses"), client("sqs")
    url = watched(v2, sqs)
    body = {"Text": {"Data": "https://x.org/text"}, "Html": {"Data": HTML}}
    send = lambda **more: v2.send_email(
        FromEmailAddress="a@x.org", Destination={"ToAddresses": ["b@y.org"]},
        Content={"Simple": {"Subject": {"Data": "s"}, "Body": body}}, **more)["MessageId"]
    plain = send()
    assert detail(plain)["html"] == HTML and follow(f"{ENDPOINT}/_devenv/ses/I0/{plain}/{'0' * 32}").status_code == 404
    id = send(ConfigurationSetName="watch")
    first, no, second, text = links(id)
    assert no == "https://x.org/no" and text == "https://x.org/text" and "ses:" not in detail(id)["html"]
    assert first.startswith(f"{ENDPOINT}/_devenv/ses/L0/0/{id}/") and second.startswith(f"{ENDPOINT}/_devenv/ses/L0/1/")
    answer = follow(first)
    assert (answer.status_code, answer.headers["location"]) == (302, "https://x.org/a?b=1&c=2"), answer
    assert answer.headers["cache-control"] == "no-store"
    note = received(sqs, url, 1)[0]
    click = json.loads(note["Message"])
    assert note["Subject"] == "Amazon SES Email Event Notification" and click["eventType"] == "Click"
    assert click["mail"]["messageId"] == id and click["mail"]["tags"]["ses:configuration-set"] == ["watch"]
    assert {k: v for k, v in click["click"].items() if k != "timestamp"} == {
        "ipAddress": "127.0.0.1", "userAgent": "test/1", "link": "https://x.org/a?b=1&c=2", "linkTags": None}, click
    assert follow(second).headers["location"] == "https://y.org/"
    assert json.loads(received(sqs, url, 1)[0]["Message"])["click"]["linkTags"] == {"kind": ["button"]}
    image = follow(pixel(id), "reader/2")
    assert image.headers["content-type"] == "image/gif" and image.content.startswith(b"GIF89a")
    opened = json.loads(received(sqs, url, 1)[0]["Message"])
    assert opened["eventType"] == "Open" and opened["open"]["userAgent"] == "reader/2" and opened["open"]["timestamp"]
    # Addresses that nobody was sent.
    for wrong in [first.replace("/L0/0/", "/L0/2/"), first.replace("/L0/0/", "/L0/x/"), first[:-1] + "g", first[:-2],
                  first[:-1] + ("0" if first[-1] != "0" else "1"), first.replace(id, plain), pixel(id) + "00"]:
        assert follow(wrong).status_code == 404, wrong
    assert follow(first.replace("/L0/0", "/L0")).status_code in (404, 405)
    assert requests.post(first).status_code == 405
    # Every way of sending: raw in several encodings, templates, SMTP; and mails without HTML.
    for encoding, coded in [("base64", base64.encodebytes(HTML.encode()).decode()), ("8bit", HTML)]:
        mail = ("From: a@x.org\r\nTo: b@y.org\r\nX-SES-CONFIGURATION-SET: watch\r\nMIME-Version: 1.0\r\n"
                f"Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n{coded}\r\n")
        for id in (ses.send_raw_email(RawMessage={"Data": mail.encode()})["MessageId"], smtp(mail)):
            assert follow(links(id)[0]).headers["location"] == "https://x.org/a?b=1&c=2"
            assert json.loads(received(sqs, url, 1)[0]["Message"])["mail"]["messageId"] == id
    ses.create_template(Template={"TemplateName": "t", "SubjectPart": "s", "HtmlPart": "<a href='http://z.org/{{n}}'>z</a>"})
    id = ses.send_templated_email(Source="a@x.org", Destination={"ToAddresses": ["b@y.org"]}, Template="t",
                                  TemplateData='{"n": 1}', ConfigurationSetName="watch")["MessageId"]
    assert follow(links(id)[0]).headers["location"] == "http://z.org/1"
    received(sqs, url, 1)
    id = smtp("X-SES-CONFIGURATION-SET: watch\r\nFrom: a@x.org\r\n\r\nhttp://x.org/\r\n")
    assert links(id) == ["http://x.org/"] and detail(id)["html"] is None
    # Engagement metrics want the same; a destination that is off, or wants other events, does not.
    v2.create_configuration_set(ConfigurationSetName="vdm", VdmOptions={"DashboardOptions": {"EngagementMetrics": "ENABLED"}})
    assert "/_devenv/ses/L0/" in detail(send(ConfigurationSetName="vdm"))["html"]
    v2.update_configuration_set_event_destination(
        ConfigurationSetName="watch", EventDestinationName="queue",
        EventDestination={"Enabled": True, "MatchingEventTypes": ["OPEN"], "SnsDestination": {
            "TopicArn": "arn:aws:sqs:us-east-1:000000000000:watch"}})
    html = detail(send(ConfigurationSetName="watch"))["html"]
    assert "/_devenv/ses/I0/" in html and "/L0/" not in html
    # Signed as it is sent: behind the rewriting.
    v2.create_email_identity(EmailIdentity="x.org", DkimSigningAttributes={"NextSigningKeyLength": "RSA_1024_BIT"})
    id = send(ConfigurationSetName="watch")
    assert "/_devenv/ses/I0/" in detail(id)["html"] and verified(id)
    requests.delete(f"{ENDPOINT}/_devenv/mail")
    assert follow(first).status_code == 404


def before_restart():
    v2, sqs = client("sesv2"), client("sqs")
    watched(v2, sqs)
    v2.create_email_identity(EmailIdentity="x.org", DkimSigningAttributes={"NextSigningKeyLength": "RSA_1024_BIT"})
    id = v2.send_email(FromEmailAddress="a@x.org", Destination={"ToAddresses": ["b@y.org"]}, ConfigurationSetName="watch",
                       Content={"Simple": {"Subject": {"Data": "s"}, "Body": {"Html": {"Data": HTML}}}})["MessageId"]
    with open(os.path.join(os.environ["STATE"], "kept"), "w") as kept:
        json.dump([id, links(id), record_of(id)], kept)


def record_of(id):
    selector = raw(id).split(b"s=", 1)[1].split(b";")[0].decode()
    return record(f"{selector}._domainkey.x.org").decode()


def after_restart():
    """The same keys, and links that lead to where the gateway is now."""
    with open(os.path.join(os.environ["STATE"], "kept")) as kept:
        id, before, key = json.load(kept)
    now = links(id)
    assert [link.split("/_devenv/")[1] for link in (now[0], now[2])] == [
        link.split("/_devenv/")[1] for link in (before[0], before[2])]
    assert now[0].startswith(ENDPOINT) and verified(id) and record_of(id) == key
    assert follow(now[0]).headers["location"] == "https://x.org/a?b=1&c=2"
    assert follow(pixel(id)).status_code == 200
    sqs = client("sqs")
    kinds = [json.loads(m["Message"])["eventType"] for m in received(sqs, sqs.get_queue_url(QueueName="watch")["QueueUrl"], 2)]
    assert sorted(kinds) == ["Click", "Open"], kinds


if __name__ == "__main__":
    for name in sys.argv[1].split(","):
        globals()[name]()
        if not name.endswith("_restart"):
            requests.post(f"{ENDPOINT}/_devenv/reset")
