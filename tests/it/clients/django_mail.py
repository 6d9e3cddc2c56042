"""Django's mail by django-ses, over v1 and v2 of SES."""

import os

import django
import requests
from django.conf import settings

ENDPOINT = os.environ["AWS_ENDPOINT_URL"]


def configure():
    settings.configure(
        EMAIL_BACKEND="django_ses.SESBackend",
        INSTALLED_APPS=["django_ses"],
        AWS_ACCESS_KEY_ID=os.environ["AWS_ACCESS_KEY_ID"],
        AWS_SECRET_ACCESS_KEY=os.environ["AWS_SECRET_ACCESS_KEY"],
        AWS_SES_REGION_NAME=os.environ["AWS_REGION"],
        AWS_SES_REGION_ENDPOINT=ENDPOINT.removeprefix("http://"),
        AWS_SES_REGION_ENDPOINT_URL=ENDPOINT,
        AWS_SES_CONFIGURATION_SET="campaign",
    )
    django.setup()


def send(subject):
    from django.core.mail import EmailMultiAlternatives

    mail = EmailMultiAlternatives(subject, "text", "Desk <desk@example.com>", ["ann@example.org"],
                                  bcc=["secret@example.org"], headers={"X-Own": "yes"})
    mail.attach_alternative("<b>html</b>", "text/html")
    mail.attach("Größe.txt", "groß".encode(), "text/plain")
    assert mail.send() == 1
    return mail.extra_headers["message_id"]


def main():
    configure()
    for v2 in (False, True):
        settings.USE_SES_V2 = v2
        id = send(f"Grüße {v2}")
        got = requests.get(f"{ENDPOINT}/_devenv/mail/{id}").json()
        assert got["subject"] == f"Grüße {v2}" and got["text"].strip() == "text", got
        assert got["bcc"] == ["secret@example.org"] and got["configuration_set"] == "campaign", got
        assert got["via"] == ("sesv2" if v2 else "ses"), got
        raw = requests.get(f"{ENDPOINT}/_devenv/mail/{id}/raw").content
        assert b"X-Own: yes" in raw and b"secret@" not in raw


if __name__ == "__main__":
    main()
