"""What becomes of mails: the simulator's addresses, suppression, events at queues; argv[1] names the function."""

import json
import os
import smtplib
import sys
import time

import requests
from sending import ENDPOINT, client, events, refused

BODY = {"Subject": {"Data": "s"}, "Body": {"Text": {"Data": "t"}}}


def send(v2, to, **more):
    return v2.send_email(FromEmailAddress="a@x.org", Destination={"ToAddresses": [to]},
                         Content={"Simple": BODY}, **more)["MessageId"]


def received(sqs, url, count):
    """The next `count` messages of the queue."""
    got, end = [], time.monotonic() + 30
    while len(got) < count and time.monotonic() < end:
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10,
                                           WaitTimeSeconds=2).get("Messages", []):
            got.append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    assert len(got) == count, got
    return got


def published():
    """A configuration set's destination, and the simulator."""
    v2, sqs = client("sesv2"), client("sqs")
    url = sqs.create_queue(QueueName="mail-events")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    v2.create_configuration_set(ConfigurationSetName="set")
    types = ["SEND", "DELIVERY", "BOUNCE", "COMPLAINT", "OPEN", "CLICK", "REJECT", "RENDERING_FAILURE"]
    v2.create_configuration_set_event_destination(
        ConfigurationSetName="set", EventDestinationName="queue",
        EventDestination={"Enabled": True, "MatchingEventTypes": types, "SnsDestination": {"TopicArn": arn}})
    [hello] = received(sqs, url, 1)
    assert hello["Message"] == "Successfully validated SNS topic for Amazon SES event publishing."
    id = send(v2, "success@simulator.amazonses.com", ConfigurationSetName="set",
              EmailTags=[{"Name": "custom-tag", "Value": "tag-value"}])
    both = received(sqs, url, 2)
    assert {e["Subject"] for e in both} == {"Amazon SES Email Event Notification"} and both[0]["TopicArn"] == arn
    sent, delivered = sorted((json.loads(e["Message"]) for e in both), key=lambda e: e["eventType"], reverse=True)
    assert sent["eventType"] == "Send" and sent["send"] == {}
    mail = sent["mail"]
    assert mail["messageId"] == id and mail["source"] == "a@x.org" and not mail["headersTruncated"]
    assert mail["destination"] == ["success@simulator.amazonses.com"]
    assert mail["tags"]["custom-tag"] == ["tag-value"] and mail["tags"]["ses:configuration-set"] == ["set"]
    assert mail["tags"]["ses:operation"] == ["SendEmail"]
    assert mail["commonHeaders"]["from"] == ["a@x.org"] and mail["commonHeaders"]["subject"] == "s"
    assert {"name": "Subject", "value": "s"} in mail["headers"]
    assert delivered["delivery"]["recipients"] == ["success@simulator.amazonses.com"]
    assert delivered["delivery"]["smtpResponse"].startswith("250")
    send(v2, "bounce+1@simulator.amazonses.com", ConfigurationSetName="set")
    bounce = next(e for e in (json.loads(m["Message"]) for m in received(sqs, url, 2)) if e["eventType"] == "Bounce")
    assert (bounce["bounce"]["bounceType"], bounce["bounce"]["bounceSubType"]) == ("Permanent", "General")
    [recipient] = bounce["bounce"]["bouncedRecipients"]
    assert recipient["emailAddress"] == "bounce+1@simulator.amazonses.com" and recipient["status"] == "5.1.1"
    send(v2, "complaint@simulator.amazonses.com", ConfigurationSetName="set")
    kinds = [json.loads(m["Message"])["eventType"] for m in received(sqs, url, 3)]
    assert sorted(kinds) == ["Complaint", "Delivery", "Send"], kinds
    send(v2, "suppressionlist@simulator.amazonses.com", ConfigurationSetName="set")
    kinds = {json.loads(m["Message"])["eventType"]: json.loads(m["Message"]) for m in received(sqs, url, 2)}
    assert kinds["Bounce"]["bounce"]["bounceSubType"] == "Suppressed"
    send(v2, "ooto@simulator.amazonses.com", ConfigurationSetName="set")
    assert len(received(sqs, url, 2)) == 2
    # A recipient who reads, by hand.
    asked = requests.post(f"{ENDPOINT}/_devenv/ses/events", json={"mail": id, "outcome": "click"})
    assert asked.status_code == 204, asked.text
    click = json.loads(received(sqs, url, 1)[0]["Message"])
    assert click["eventType"] == "Click" and click["mail"]["messageId"] == id and click["click"]["link"]
    bad = requests.post(f"{ENDPOINT}/_devenv/ses/events", json={"mail": id, "outcome": "rain"})
    assert bad.status_code == 400 and "transient-bounce" in bad.text
    insights = v2.get_message_insights(MessageId=id)["Insights"][0]
    assert [e["Type"] for e in insights["Events"]] == ["SEND", "DELIVERY", "CLICK"], insights
    # Every outcome that can be asked for, in the words of event publishing.
    other = send(v2, "reader@x.org")
    for outcome, kind, member in [
        ("delivery", "Delivery", "recipients"), ("transient-bounce", "Bounce", "bounceType"), ("delay", "Delivery", "recipients"),
        ("open", "Open", "userAgent"), ("click", "Click", "link"), ("complaint", "Complaint", "complainedRecipients"),
    ]:
        asked = requests.post(f"{ENDPOINT}/_devenv/ses/events", json={"mail": other, "outcome": outcome})
        assert asked.status_code == 204, (outcome, asked.text)
        last, event = events(other)[-1]
        assert last == kind == event["eventType"] and member in event[kind[0].lower() + kind[1:]], (outcome, event)
        if outcome == "transient-bounce":
            assert event["bounce"]["bounceType"] == "Transient" and event["bounce"]["bouncedRecipients"][0]["status"] == "4.4.7"
    assert v2.get_suppressed_destination(EmailAddress="reader@x.org")["SuppressedDestination"]["Reason"] == "COMPLAINT"
    points = client("ses").get_send_statistics()["SendDataPoints"]
    assert sum(p["Bounces"] for p in points) == 3 and sum(p["Complaints"] for p in points) == 2, points
    v2.put_configuration_set_sending_options(ConfigurationSetName="set", SendingEnabled=False)
    refused(lambda: send(v2, "b@x.org", ConfigurationSetName="set"), "SendingPausedException")


def notifications():
    """An identity's topics."""
    ses, sqs, v2 = client("ses"), client("sqs"), client("sesv2")
    url = sqs.create_queue(QueueName="bounces")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    ses.verify_domain_identity(Domain="x.org")
    ses.set_identity_notification_topic(Identity="x.org", NotificationType="Bounce", SnsTopic=arn)
    id = send(v2, "bounce@simulator.amazonses.com")
    note = json.loads(received(sqs, url, 1)[0]["Message"])
    assert note["notificationType"] == "Bounce" and note["mail"]["messageId"] == id
    assert "headers" not in note["mail"] and note["mail"]["sourceIp"]
    ses.set_identity_headers_in_notifications_enabled(Identity="x.org", NotificationType="Bounce", Enabled=True)
    send(v2, "bounce@simulator.amazonses.com")
    assert json.loads(received(sqs, url, 1)[0]["Message"])["mail"]["headers"]


def suppression():
    v2 = client("sesv2")
    v2.put_suppressed_destination(EmailAddress="Gone@x.org", Reason="BOUNCE")
    got = v2.get_suppressed_destination(EmailAddress="gone@x.org")["SuppressedDestination"]
    assert got["Reason"] == "BOUNCE" and got["LastUpdateTime"]
    [_, (kind, event)] = events(send(v2, "gone@x.org"))
    assert (kind, event["bounce"]["bounceSubType"]) == ("Bounce", "OnAccountSuppressionList")
    v2.create_configuration_set(ConfigurationSetName="all", SuppressionOptions={"SuppressedReasons": []})
    assert events(send(v2, "gone@x.org", ConfigurationSetName="all")) == []
    v2.put_account_suppression_attributes(SuppressedReasons=["COMPLAINT"])
    assert events(send(v2, "gone@x.org")) == []
    v2.put_suppressed_destination(EmailAddress="cross@x.org", Reason="COMPLAINT")
    [_, (kind, event)] = events(send(v2, "cross@x.org"))
    assert (kind, event["complaint"]["complaintSubType"]) == ("Complaint", "OnAccountSuppressionList")
    listed = lambda **more: [s["EmailAddress"] for s in
                             v2.list_suppressed_destinations(**more)["SuppressedDestinationSummaries"]]
    assert listed() == ["cross@x.org", "Gone@x.org"] and listed(Reasons=["COMPLAINT"]) == ["cross@x.org"]
    v2.delete_suppressed_destination(EmailAddress="cross@x.org")
    refused(lambda: v2.get_suppressed_destination(EmailAddress="cross@x.org"), "NotFoundException")
    v2.put_account_sending_attributes(SendingEnabled=False)
    refused(lambda: send(v2, "b@x.org"), "SendingPausedException")
    refused(lambda: client("ses").send_email(Source="a@x.org", Destination={"ToAddresses": ["b@x.org"]}, Message=BODY),
            "AccountSendingPausedException")


def receipt():
    """An active receipt rule set, and a mail that comes by SMTP."""
    ses, sqs = client("ses"), client("sqs")
    url = sqs.create_queue(QueueName="inbound")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    ses.create_receipt_rule_set(RuleSetName="in")
    rule = {"Name": "tell", "Enabled": True, "Recipients": ["support@x.org", ".y.org"], "Actions": [
        {"SNSAction": {"TopicArn": arn, "Encoding": "UTF-8"}}, {"StopAction": {"Scope": "RuleSet"}}]}
    ses.create_receipt_rule(RuleSetName="in", Rule=rule)
    late = {"Name": "late", "Enabled": True, "Actions": [{"SNSAction": {"TopicArn": arn}}]}
    ses.create_receipt_rule(RuleSetName="in", Rule=late, After="tell")
    ses.set_active_receipt_rule_set(RuleSetName="in")
    with smtplib.SMTP("127.0.0.1", int(os.environ["SMTP_PORT"])) as smtp:
        smtp.sendmail("ann@z.org", ["support@x.org"], "Subject: Help\r\n\r\nPlease.\r\n")
        smtp.sendmail("ann@z.org", ["me@mail.y.org"], "Subject: Help\r\n\r\nToo.\r\n")
    notes = [json.loads(m["Message"]) for m in received(sqs, url, 2)]
    assert [n["notificationType"] for n in notes] == ["Received"] * 2
    assert "Please." in notes[0]["content"] and notes[0]["receipt"]["recipients"] == ["support@x.org"]
    assert notes[0]["mail"]["commonHeaders"]["subject"] == "Help" and notes[0]["receipt"]["action"]["type"] == "SNS"


def declared():
    """The profile's outcomes, topics and templates, as tests/it/ses.rs declares them."""
    v2, sqs, ses = client("sesv2"), client("sqs"), client("ses")
    url = sqs.create_queue(QueueName="feedback")["QueueUrl"]
    v2.create_configuration_set(ConfigurationSetName="set")
    v2.create_configuration_set_event_destination(
        ConfigurationSetName="set", EventDestinationName="topic",
        EventDestination={"Enabled": True, "MatchingEventTypes": ["BOUNCE", "REJECT", "OPEN"],
                          "SnsDestination": {"TopicArn": "arn:aws:sns:us-east-1:000000000000:ses-feedback"}})
    received(sqs, url, 1)
    send(v2, "who@mail.bounce.example.com", ConfigurationSetName="set")
    bounce = json.loads(received(sqs, url, 1)[0]["Message"])
    assert bounce["eventType"] == "Bounce"
    assert v2.get_suppressed_destination(EmailAddress="who@mail.bounce.example.com")
    send(v2, "reader@x.org", ConfigurationSetName="set")
    assert json.loads(received(sqs, url, 1)[0]["Message"])["eventType"] == "Open"
    send(v2, "any@reject.example.com", ConfigurationSetName="set")
    assert json.loads(received(sqs, url, 1)[0]["Message"])["reject"] == {"reason": "Bad content"}
    assert ses.get_template(TemplateName="welcome")["Template"]["SubjectPart"] == "Welcome {{name}}"


def sandbox():
    ses = client("ses")
    ses.verify_email_identity(EmailAddress="a@x.org")
    to = lambda who: ses.send_email(Source="a@x.org", Destination={"ToAddresses": [who]}, Message=BODY)
    refused(lambda: to("b@y.org"), "MessageRejected",
            "Email address is not verified. The following identities failed the check in region US-EAST-1: b@y.org")
    to("success@simulator.amazonses.com")
    ses.verify_domain_identity(Domain="y.org")
    to("b@y.org")


if __name__ == "__main__":
    for name in sys.argv[1].split(","):
        globals()[name]()
        requests.post(f"{ENDPOINT}/_devenv/reset")
