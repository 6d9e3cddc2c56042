"""The clinic's patients, and afterwards its auditor.

    driver.py load API COUNT FACTS     uploads COUNT documents, four at a time; each acknowledged step is a
                                       line in FACTS, written after the acknowledgement
    driver.py settle FACTS             waits until every queued document has been read
    driver.py explore API FACTS        searches, downloads, waits for reminders
    driver.py audit FACTS WORKER       compares what was acknowledged (FACTS, and WORKER's log) with what
                                       S3, Postgres and devenv's mailbox hold
"""

import hashlib
import json
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import boto3
import requests

import clinic

SETTLE_SECONDS = 120
WORDS = "ecg mri heart knee fracture x-ray blood sugar pressure lung liver scan note letter plan".split()


def text_of(number):
    """A document: some words, its number, and enough of them to be more than one packet."""
    words = [WORDS[(number * step) % len(WORDS)] for step in range(1, 40)]
    return f"document {number} {' '.join(words)}\n" * 8


def until_answered(step, *arguments, **settings):
    """A request that is repeated until it succeeds."""
    deadline = time.monotonic() + clinic.PATIENCE_SECONDS
    while True:
        try:
            answer = step(*arguments, timeout=30, **settings)
            if answer.status_code < 300:
                return answer
            why = f"{answer.status_code} {answer.text[:300]}"
            if answer.status_code in (400, 403, 404):
                raise SystemExit(f"refused: {answer.url}: {why}")
        except requests.RequestException as error:
            why = repr(error)
        if time.monotonic() > deadline:
            raise SystemExit(f"no answer: {why}")
        time.sleep(0.1)


def load(api, count, facts):
    """Uploads and queues documents."""
    lock = threading.Lock()
    with open(facts, "a", encoding="utf-8") as log:

        def fact(**content):
            with lock:
                log.write(json.dumps(content) + "\n")
                log.flush()

        def one(number):
            patient = f"patient-{number % 7}"
            asked = {"patient": patient, "email": f"{patient}@example.com"}
            document = until_answered(requests.post, f"{api}/documents", json=asked).json()
            content = text_of(number).encode()
            until_answered(requests.put, document["upload"], data=content)
            digest = hashlib.sha256(content).hexdigest()
            fact(uploaded=document["id"], key=document["key"], sha256=digest)
            asked["key"] = document["key"]
            done = until_answered(requests.post, f"{api}/documents/{document['id']}/uploaded", json=asked)
            fact(queued=document["id"], message=done.json()["message"])

        with ThreadPoolExecutor(4) as patients:
            list(patients.map(one, range(int(count))))


def lines(path):
    """The JSON objects of a log."""
    with open(path, encoding="utf-8") as log:
        return [json.loads(line) for line in log if line.startswith("{")]


def read_documents():
    """Digest by id of what the worker has kept."""
    return dict(clinic.in_database("SELECT id, sha256 FROM documents"))


def settle(facts):
    """Waits for the worker."""
    queued = {fact["queued"] for fact in lines(facts) if "queued" in fact}
    deadline = time.monotonic() + SETTLE_SECONDS
    while missing := queued - read_documents().keys():
        if time.monotonic() > deadline:
            raise SystemExit(f"{len(missing)} of {len(queued)} queued documents were never read: {sorted(missing)[:5]}")
        time.sleep(0.2)
    sqs = clinic.client("sqs")
    queue = sqs.get_queue_url(QueueName=clinic.QUEUE)["QueueUrl"]
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    while True:
        counts = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
        if not any(int(count) for count in counts.values()):
            return
        if time.monotonic() > deadline:
            raise SystemExit(f"the queue never became empty: {counts}")
        time.sleep(0.2)


def mailbox():
    """Every mail that devenv keeps, as (via, id) and (via, subject)."""
    known, after = set(), None
    while True:
        page = requests.get(
            f"{os.environ['AWS_ENDPOINT_URL']}/_devenv/mail", params={"after": after}, timeout=10
        ).json()
        for mail in page["mails"]:
            known |= {(mail["via"], mail["id"]), (mail["via"], mail["subject"])}
        after = page["next"]
        if after is None:
            return known


def audit(facts, worker):
    """Everything acknowledged must be there."""
    uploaded = {fact["uploaded"]: fact for fact in lines(facts) if "uploaded" in fact}
    queued = {fact["queued"] for fact in lines(facts) if "queued" in fact}
    assert uploaded and queued == uploaded.keys(), (len(uploaded), len(queued))
    s3 = clinic.client("s3")
    kept = read_documents()
    for document, fact in uploaded.items():
        content = s3.get_object(Bucket=clinic.DOCUMENTS, Key=fact["key"])["Body"].read()
        digest = hashlib.sha256(content).hexdigest()
        assert digest == fact["sha256"], f"{document}: S3 holds other bytes"
        assert kept.get(document) == digest, f"{document}: its vector is missing"
    mails = mailbox()
    done = [fact for fact in lines(worker) if "done" in fact]
    assert {fact["done"] for fact in done} >= queued, "documents without a mail"
    for fact in done:
        for via, mail in ("ses", fact["ses"]), ("sesv2", fact["sesv2"]), ("smtp", f"Document {fact['done']}"):
            assert (via, mail) in mails, f"{fact['done']}: the mail by {via} ({mail}) is missing"
    recorded = clinic.in_database("SELECT count(*) FROM mails")[0][0]
    assert recorded >= 3 * len(queued), f"{recorded} mails recorded of {3 * len(queued)}"
    print(json.dumps({"uploads": len(uploaded), "rows": len(kept), "mails": recorded}))


def explore(api, facts):
    """What a patient sees: search by vectors, the cache, the download, the reminders."""
    queued = [fact["queued"] for fact in lines(facts) if "queued" in fact]
    keys = {fact["uploaded"]: fact for fact in lines(facts) if "uploaded" in fact}
    ids = read_documents().keys()
    first = until_answered(requests.get, f"{api}/search", params={"q": text_of(3)}).json()
    again = until_answered(requests.get, f"{api}/search", params={"q": text_of(3)}).json()
    assert (first["cached"], again["cached"]) == (False, True), (first, again)
    assert first["nearest"] == again["nearest"] and set(first["nearest"]) <= ids, first
    digest = hashlib.sha256(text_of(3).encode()).hexdigest()
    assert keys[first["nearest"][0]]["sha256"] == digest, "the nearest document is another one"
    ttl = clinic.cache().ttl(f"search:{text_of(3)}")
    assert 0 < ttl <= 60, ttl
    document = until_answered(requests.get, f"{api}/documents/{queued[0]}").json()
    content = until_answered(requests.get, document["download"]).content
    assert hashlib.sha256(content).hexdigest() == keys[queued[0]]["sha256"]
    neighbours = json.loads(clinic.cache().get(f"neighbours:{queued[-1]}"))
    assert set(neighbours) <= ids - {queued[-1]}, neighbours
    deadline = time.monotonic() + 20
    while True:
        fired = {row[0] for row in clinic.in_database("SELECT document FROM reminders")}
        if fired >= set(queued):
            break
        assert time.monotonic() < deadline, f"{len(set(queued) - fired)} reminders never fired"
        time.sleep(0.1)
    plan = clinic.in_database("SELECT indexdef FROM pg_indexes WHERE indexname = 'documents_nearest'")
    assert "hnsw" in plan[0][0], plan
    assert clinic.client("sts").get_caller_identity()["Account"] == "000000000000"
    versioning = boto3.client("s3").get_bucket_versioning(Bucket=clinic.DOCUMENTS)
    assert versioning.get("Status") == "Enabled", versioning


if __name__ == "__main__":
    steps = {"load": load, "settle": settle, "audit": audit, "explore": explore}
    steps[sys.argv[1]](*sys.argv[2:])
