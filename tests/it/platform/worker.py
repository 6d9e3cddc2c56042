"""The clinic's worker: reads what was uploaded, keeps its vector, remembers its neighbours, mails
the patient. Prints one JSON object for each document that is done."""

import hashlib
import json
import threading
import time

import clinic

NEIGHBOURS_SECONDS = 3600
REMINDER_MILLISECONDS = 300


def handle(job):
    """Everything that one document needs. Done twice, it does no harm but a second mail."""
    document = job["id"]
    found = clinic.persist(clinic.client("s3").get_object, Bucket=clinic.DOCUMENTS, Key=job["key"])
    content = found["Body"].read()
    vector = clinic.embedding(content.decode())
    clinic.in_database(
        "INSERT INTO documents VALUES (%s, %s, %s, %s, %s::vector) ON CONFLICT DO NOTHING",
        (document, job["patient"], job["key"], hashlib.sha256(content).hexdigest(), vector),
    )
    neighbours = json.dumps(clinic.nearest(vector, but=document))
    clinic.persist(clinic.cache().setex, f"neighbours:{document}", NEIGHBOURS_SECONDS, neighbours)
    clinic.persist(clinic.cache().psetex, f"reminder:{document}", REMINDER_MILLISECONDS, "1")
    return {"done": document, **mail(document, job["email"])}


def mail(document, recipient):
    """Tells the patient by SES, both versions of its interface, and by the SMTP relay."""
    subject, text = f"Document {document}", "Your document has been read."
    content = {"Subject": {"Data": subject}, "Body": {"Text": {"Data": text}}}
    to = {"ToAddresses": [recipient]}
    ses = clinic.persist(
        clinic.client("ses").send_email, Source=clinic.SENDER, Destination=to, Message=content
    )["MessageId"]
    sesv2 = clinic.persist(
        clinic.client("sesv2").send_email,
        FromEmailAddress=clinic.SENDER,
        Destination=to,
        Content={"Simple": content},
    )["MessageId"]
    smtp = f"<{document}@epicenter.example>"
    clinic.persist(clinic.mail_by_smtp, recipient, subject, text, smtp)
    for via, message_id in (("ses", ses), ("sesv2", sesv2), ("smtp", smtp)):
        clinic.in_database("INSERT INTO mails VALUES (%s, %s, %s)", (document, via, message_id))
    return {"ses": ses, "sesv2": sesv2, "smtp": smtp}


def listen_for_reminders():
    """Keys that expire are reminders that are due."""
    while True:
        try:
            channel = clinic.cache().pubsub(ignore_subscribe_messages=True)
            channel.psubscribe("__keyevent@*__:expired")
            for event in channel.listen():
                kind, _, document = event["data"].partition(":")
                if kind == "reminder":
                    clinic.in_database(
                        "INSERT INTO reminders(document) VALUES (%s) ON CONFLICT DO NOTHING", (document,)
                    )
        except Exception as error:  # Redis was away: listen again.
            print(json.dumps({"reminders": repr(error)}), flush=True)
            time.sleep(0.2)


def main():
    """Works for ever."""
    clinic.migrate()
    threading.Thread(target=listen_for_reminders, daemon=True).start()
    sqs = clinic.client("sqs")
    queue = clinic.persist(sqs.get_queue_url, QueueName=clinic.QUEUE)["QueueUrl"]
    print(json.dumps({"working": queue}), flush=True)
    while True:
        got = clinic.persist(
            sqs.receive_message, QueueUrl=queue, MaxNumberOfMessages=5, WaitTimeSeconds=5
        )
        for message in got.get("Messages", []):
            print(json.dumps(handle(json.loads(message["Body"]))), flush=True)
            clinic.persist(
                sqs.delete_message, QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"]
            )


if __name__ == "__main__":
    main()
