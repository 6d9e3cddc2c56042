"""SES's sending with templates, in bulk, to lists, and the mails that SES makes itself; argv[1] names the function."""

import email
import email.policy
import json
import os
import sys

import boto3
import botocore.exceptions
import requests
from botocore.config import Config

ENDPOINT = os.environ["ENDPOINT"]
CONFIG = Config(retries={"max_attempts": 1})


def client(name, **more):
    return boto3.client(name, endpoint_url=ENDPOINT, config=CONFIG, **more)


def detail(id):
    return requests.get(f"{ENDPOINT}/_devenv/mail/{id}").json()


def raw(id):
    return requests.get(f"{ENDPOINT}/_devenv/mail/{id}/raw").content


def events(id=None):
    found = requests.get(f"{ENDPOINT}/_devenv/ses/events", params={"mail": id} if id else {}).json()["events"]
    return [(e["type"], e["event"]) for e in found]


def refused(call, code, text=None, status=None):
    try:
        call()
    except botocore.exceptions.ClientError as error:
        got = error.response
        assert got["Error"]["Code"] == code, got
        assert text is None or text in got["Error"]["Message"], got
        assert status is None or got["ResponseMetadata"]["HTTPStatusCode"] == status, got
        return
    raise AssertionError(f"{code} was expected")


def templates():
    ses, v2 = client("ses"), client("sesv2")
    ses.create_template(Template={"TemplateName": "hello", "SubjectPart": "Hi {{name}}",
                                  "TextPart": "Dear {{name}}", "HtmlPart": "<b>{{name}}</b>"})
    refused(lambda: ses.create_template(Template={"TemplateName": "hello", "SubjectPart": "x"}), "AlreadyExists")
    refused(lambda: ses.create_template(Template={"TemplateName": "bad", "SubjectPart": "{{#if x}}"}), "InvalidTemplate")
    got = v2.get_email_template(TemplateName="hello")
    assert got["TemplateContent"] == {"Subject": "Hi {{name}}", "Text": "Dear {{name}}", "Html": "<b>{{name}}</b>"}
    v2.create_email_template(TemplateName="loop", TemplateContent={
        "Subject": "{{#if urgent}}!{{/if}}order", "Text": "{{#each items}}{{this.n}}x{{this.what}};{{/each}}"})
    names = [t["Name"] for t in ses.list_templates()["TemplatesMetadata"]]
    assert names == ["hello", "loop"], names
    page = v2.list_email_templates(PageSize=1)
    assert [t["TemplateName"] for t in page["TemplatesMetadata"]] == ["hello"] and page["NextToken"]
    page = v2.list_email_templates(PageSize=1, NextToken=page["NextToken"])
    assert [t["TemplateName"] for t in page["TemplatesMetadata"]] == ["loop"] and "NextToken" not in page
    refused(lambda: v2.list_email_templates(NextToken="zz"), "InvalidNextTokenException")
    ses.update_template(Template={"TemplateName": "hello", "SubjectPart": "Hello {{name}}", "TextPart": "Dear {{name}}"})
    assert ses.get_template(TemplateName="hello")["Template"] == {
        "TemplateName": "hello", "SubjectPart": "Hello {{name}}", "TextPart": "Dear {{name}}"}
    rendered = ses.test_render_template(TemplateName="hello", TemplateData='{"name": "<Ann>"}')["RenderedTemplate"]
    assert "Subject: Hello <Ann>\r\n" in rendered and "Dear <Ann>" in rendered, rendered
    assert "Dear Bo" in v2.test_render_email_template(
        TemplateName="hello", TemplateData='{"name": "Bo"}')["RenderedTemplate"]
    refused(lambda: ses.test_render_template(TemplateName="hello", TemplateData="{}"),
            "MissingRenderingAttribute", "Attribute 'name' is not present in the rendering data.")
    refused(lambda: ses.test_render_template(TemplateName="hello", TemplateData="no"), "InvalidRenderingParameter")
    refused(lambda: ses.test_render_template(TemplateName="none", TemplateData="{}"), "TemplateDoesNotExist")
    refused(lambda: v2.test_render_email_template(TemplateName="none", TemplateData="{}"), "NotFoundException", status=404)

    to = {"ToAddresses": ["ann@x.org"]}
    id = ses.send_templated_email(Source="a@x.org", Destination=to, Template="hello",
                                  TemplateData='{"name": "Änn"}', Tags=[{"Name": "k", "Value": "v"}])["MessageId"]
    assert detail(id)["subject"] == "Hello Änn" and detail(id)["text"].strip() == "Dear Änn"
    template = {"TemplateName": "loop", "TemplateData": json.dumps(
        {"urgent": True, "items": [{"n": 1, "what": "pen"}, {"n": 2, "what": "cap"}]})}
    id = v2.send_email(FromEmailAddress="a@x.org", Destination=to, Content={"Template": template})["MessageId"]
    assert detail(id)["subject"] == "!order" and detail(id)["text"].strip() == "1xpen;2xcap;"
    inline = {"TemplateContent": {"Subject": "S {{n}}", "Html": "<i>{{n}}</i>"}, "TemplateData": '{"n": 7}',
              "Headers": [{"Name": "X-Own", "Value": "yes"}],
              "Attachments": [{"FileName": "a.txt", "RawContent": b"file", "ContentType": "text/plain"}]}
    id = v2.send_email(FromEmailAddress="a@x.org", Destination=to, Content={"Template": inline})["MessageId"]
    mail = email.message_from_bytes(raw(id), policy=email.policy.default)
    assert (mail["Subject"], mail["X-Own"]) == ("S 7", "yes")
    assert [a.get_filename() for a in mail.iter_attachments()] == ["a.txt"]
    refused(lambda: ses.send_templated_email(Source="a@x.org", Destination=to, Template="none", TemplateData="{}"),
            "TemplateDoesNotExist", "none")
    refused(lambda: v2.send_email(FromEmailAddress="a@x.org", Destination=to,
                                  Content={"Template": {"TemplateName": "none", "TemplateData": "{}"}}),
            "NotFoundException", status=404)
    # SES finds out that a template cannot be filled in after it has accepted the mail.
    id = ses.send_templated_email(Source="a@x.org", Destination=to, Template="hello", TemplateData="{}")["MessageId"]
    assert requests.get(f"{ENDPOINT}/_devenv/mail/{id}").status_code == 404
    [(kind, event)] = events(id)
    assert kind == "Rendering Failure" and event["failure"]["templateName"] == "hello", event
    assert "'name'" in event["failure"]["errorMessage"]
    v2.delete_email_template(TemplateName="loop")
    refused(lambda: v2.delete_email_template(TemplateName="loop"), "NotFoundException")
    ses.delete_template(TemplateName="loop")


def bulk():
    ses, v2 = client("ses"), client("sesv2")
    ses.create_template(Template={"TemplateName": "t", "SubjectPart": "{{greeting}} {{name}}", "TextPart": "."})
    sent = ses.send_bulk_templated_email(
        Source="a@x.org", Template="t", DefaultTemplateData='{"greeting": "Hi", "name": "you"}',
        Destinations=[
            {"Destination": {"ToAddresses": ["b@x.org"]}, "ReplacementTemplateData": '{"name": "Bo"}'},
            {"Destination": {"ToAddresses": ["not an address"]}},
            {"Destination": {"ToAddresses": ["c@x.org"]}},
        ])["Status"]
    assert [s["Status"] for s in sent] == ["Success", "InvalidParameterValue", "Success"], sent
    assert "Error" in sent[1]
    assert [detail(sent[n]["MessageId"])["subject"] for n in (0, 2)] == ["Hi Bo", "Hi you"]
    many = [{"Destination": {"ToAddresses": [f"u{n}@x.org"]}} for n in range(51)]
    refused(lambda: ses.send_bulk_templated_email(Source="a@x.org", Template="t", DefaultTemplateData="{}",
                                                  Destinations=many), "InvalidParameterValue", "50")
    results = v2.send_bulk_email(
        FromEmailAddress="a@x.org",
        DefaultContent={"Template": {"TemplateName": "t", "TemplateData": '{"greeting": "Yo"}'}},
        DefaultEmailTags=[{"Name": "kind", "Value": "all"}],
        BulkEmailEntries=[
            {"Destination": {"ToAddresses": [f"u{n}@x.org"]},
             "ReplacementEmailContent": {"ReplacementTemplate": {"ReplacementTemplateData": json.dumps({"name": n})}},
             "ReplacementTags": [{"Name": "kind", "Value": f"own{n}"}],
             "ReplacementHeaders": [{"Name": "X-N", "Value": str(n)}]} for n in range(50)],
    )["BulkEmailEntryResults"]
    assert [r["Status"] for r in results] == ["SUCCESS"] * 50
    last = email.message_from_bytes(raw(results[49]["MessageId"]), policy=email.policy.default)
    assert (last["Subject"], last["X-N"]) == ("Yo 49", "49")
    assert detail(results[3]["MessageId"])["tags"] == {"kind": "own3"}


def lists():
    v2 = client("sesv2")
    v2.create_contact_list(ContactListName="news", Topics=[
        {"TopicName": "sports", "DisplayName": "Sports", "DefaultSubscriptionStatus": "OPT_IN"},
        {"TopicName": "arts", "DisplayName": "Arts", "DefaultSubscriptionStatus": "OPT_OUT"}])
    refused(lambda: v2.create_contact_list(ContactListName="more"), "LimitExceededException")
    v2.create_contact(ContactListName="news", EmailAddress="ann@x.org", AttributesData='{"a": 1}',
                      TopicPreferences=[{"TopicName": "arts", "SubscriptionStatus": "OPT_IN"}])
    v2.create_contact(ContactListName="news", EmailAddress="bob@x.org")
    refused(lambda: v2.create_contact(ContactListName="news", EmailAddress="bob@x.org"), "AlreadyExistsException")
    refused(lambda: v2.create_contact(ContactListName="news", EmailAddress="c@x.org", TopicPreferences=[
        {"TopicName": "none", "SubscriptionStatus": "OPT_IN"}]), "BadRequestException", "none")
    ann = v2.get_contact(ContactListName="news", EmailAddress="ann@x.org")
    assert ann["TopicPreferences"] == [{"TopicName": "arts", "SubscriptionStatus": "OPT_IN"}]
    assert ann["TopicDefaultPreferences"] == [{"TopicName": "sports", "SubscriptionStatus": "OPT_IN"}]
    assert ann["UnsubscribeAll"] is False and ann["AttributesData"] == '{"a": 1}'

    def among(status, topic, default):
        found = v2.list_contacts(ContactListName="news", Filter={
            "FilteredStatus": status,
            "TopicFilter": {"TopicName": topic, "UseDefaultIfPreferenceUnavailable": default}})
        return [c["EmailAddress"] for c in found["Contacts"]]

    assert among("OPT_IN", "arts", True) == ["ann@x.org"]
    assert among("OPT_IN", "sports", True) == ["ann@x.org", "bob@x.org"]
    assert among("OPT_IN", "sports", False) == []

    def send(to, topic="sports"):
        return v2.send_email(
            FromEmailAddress="a@x.org", Destination={"ToAddresses": [to]},
            Content={"Simple": {"Subject": {"Data": "s"},
                                "Body": {"Text": {"Data": "bye: {{amazonSESUnsubscribeUrl}}"}}}},
            ListManagementOptions={"ContactListName": "news", "TopicName": topic})["MessageId"]

    id = send("bob@x.org")
    mail = email.message_from_bytes(raw(id), policy=email.policy.default)
    link = mail["List-Unsubscribe"].strip().replace("\r\n ", "").strip("<>").replace(" ", "")
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert link in detail(id)["text"].replace("\n", ""), (link, detail(id)["text"])
    assert requests.post(link, data="List-Unsubscribe=One-Click").status_code == 200
    bob = v2.get_contact(ContactListName="news", EmailAddress="bob@x.org")
    assert bob["TopicPreferences"] == [{"TopicName": "sports", "SubscriptionStatus": "OPT_OUT"}]
    [_, (kind, event)] = events(send("bob@x.org"))
    assert (kind, event["bounce"]["bounceSubType"]) == ("Bounce", "UnsubscribedRecipient")
    refused(lambda: v2.send_email(
        FromEmailAddress="a@x.org", Destination={"ToAddresses": ["a@x.org"]},
        Content={"Simple": {"Subject": {"Data": "s"}, "Body": {"Text": {"Data": "t"}}}},
        ListManagementOptions={"ContactListName": "none"}), "NotFoundException")
    v2.update_contact(ContactListName="news", EmailAddress="ann@x.org", UnsubscribeAll=True)
    assert among("OPT_OUT", "sports", True) == ["ann@x.org", "bob@x.org"]
    v2.delete_contact(ContactListName="news", EmailAddress="ann@x.org")
    refused(lambda: v2.get_contact(ContactListName="news", EmailAddress="ann@x.org"), "NotFoundException")
    v2.delete_contact_list(ContactListName="news")
    assert v2.list_contact_lists()["ContactLists"] == []


def own_mails():
    ses, v2 = client("ses"), client("sesv2")
    template = dict(TemplateName="verify", FromEmailAddress="a@x.org", TemplateSubject="Please confirm",
                    TemplateContent="<p>Confirm</p>", SuccessRedirectionURL="http://x.org/yes",
                    FailureRedirectionURL="http://x.org/no")
    ses.create_custom_verification_email_template(**template)
    assert v2.get_custom_verification_email_template(TemplateName="verify")["TemplateContent"] == "<p>Confirm</p>"
    id = v2.send_custom_verification_email(EmailAddress="new@x.org", TemplateName="verify")["MessageId"]
    status = lambda: ses.get_identity_verification_attributes(
        Identities=["new@x.org"])["VerificationAttributes"]["new@x.org"]["VerificationStatus"]
    assert status() == "Pending"
    html = detail(id)["html"]
    assert "<p>Confirm</p>" in html
    link = html.split('href="')[1].split('"')[0]
    answer = requests.get(link, allow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (302, "http://x.org/yes")
    assert status() == "Success" and v2.get_email_identity(EmailIdentity="new@x.org")["VerifiedForSendingStatus"]
    refused(lambda: ses.send_custom_verification_email(EmailAddress="b@x.org", TemplateName="none"),
            "CustomVerificationEmailTemplateDoesNotExist")

    original = ses.send_email(Source="writer@x.org", Destination={"ToAddresses": ["gone@y.org"]},
                              Message={"Subject": {"Data": "s"}, "Body": {"Text": {"Data": "t"}}})["MessageId"]
    id = ses.send_bounce(OriginalMessageId=original, BounceSender="mailer-daemon@y.org", Explanation="Nobody there.",
                         BouncedRecipientInfoList=[{"Recipient": "gone@y.org", "BounceType": "DoesNotExist"}])["MessageId"]
    report = email.message_from_bytes(raw(id), policy=email.policy.default)
    assert report.get_content_type() == "multipart/report" and report["To"] == "writer@x.org"
    text, status = report.iter_parts()
    assert "Nobody there." in text.get_content()
    fields = status.get_payload()[1]
    assert (fields["Final-Recipient"], fields["Status"]) == ("rfc822; gone@y.org", "5.1.1"), fields
    refused(lambda: ses.send_bounce(OriginalMessageId="none", BounceSender="m@y.org", BouncedRecipientInfoList=[
        {"Recipient": "gone@y.org"}]), "MessageRejected")


if __name__ == "__main__":
    for name in sys.argv[1].split(","):
        globals()[name]()
        requests.post(f"{ENDPOINT}/_devenv/reset")
