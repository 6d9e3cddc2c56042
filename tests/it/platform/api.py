"""The clinic's API: hands out addresses for uploads, queues what has arrived, searches.

    POST /documents                 {"patient", "email"}  → {"id", "key", "upload"}: PUT the document there
    POST /documents/ID/uploaded     {"email"}             → 202 {"message"}: it will be read
    GET  /documents/ID                                    → {"id", "patient", "download"} or 404
    GET  /search?q=WORDS                                  → {"nearest": [ID, …], "cached": bool}
"""

import json
import os
import sys
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import clinic

SEARCH_CACHE_SECONDS = 60


def new_document(_, asked):
    """An id and a presigned address that takes the document."""
    document = str(uuid.uuid4())
    key = f"patients/{asked['patient']}/{document}.txt"
    upload = clinic.client("s3").generate_presigned_url(
        "put_object", Params={"Bucket": clinic.DOCUMENTS, "Key": key}, ExpiresIn=900
    )
    return 200, {"id": document, "key": key, "upload": upload}


def uploaded(document, asked):
    """Queues a document, once S3 confirms that it is there."""
    s3, sqs = clinic.client("s3"), clinic.client("sqs")
    clinic.persist(s3.head_object, Bucket=clinic.DOCUMENTS, Key=asked["key"])
    queue = clinic.persist(sqs.get_queue_url, QueueName=clinic.QUEUE)["QueueUrl"]
    job = {"id": document, "key": asked["key"], "patient": asked["patient"], "email": asked["email"]}
    sent = clinic.persist(sqs.send_message, QueueUrl=queue, MessageBody=json.dumps(job))
    return 202, {"message": sent["MessageId"]}


def show(document, _):
    """A document's record and an address to read it at."""
    rows = clinic.in_database("SELECT patient, object_key FROM documents WHERE id = %s", (document,))
    if not rows:
        return 404, {"error": "no such document, or not read yet"}
    patient, key = rows[0]
    download = clinic.client("s3").generate_presigned_url(
        "get_object", Params={"Bucket": clinic.DOCUMENTS, "Key": key}, ExpiresIn=60
    )
    return 200, {"id": document, "patient": patient, "download": download}


def search(words):
    """The documents nearest to some words, remembered for a minute."""
    name = f"search:{words}"
    known = clinic.persist(clinic.cache().get, name)
    if known is not None:
        return 200, {"nearest": json.loads(known), "cached": True}
    found = clinic.nearest(clinic.embedding(words))
    clinic.persist(clinic.cache().setex, name, SEARCH_CACHE_SECONDS, json.dumps(found))
    return 200, {"nearest": found, "cached": False}


class Handler(BaseHTTPRequestHandler):
    """Routes; everything else is above."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        url = urlsplit(self.path)
        parts = url.path.strip("/").split("/")
        if parts == ["search"]:
            return self.answer(search, parse_qs(url.query)["q"][0])
        if len(parts) == 2 and parts[0] == "documents":
            return self.answer(show, parts[1], None)
        return self.answer(lambda: (404, {"error": "no such page"}))

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        parts = urlsplit(self.path).path.strip("/").split("/")
        if parts == ["documents"]:
            return self.answer(new_document, None, asked)
        if len(parts) == 3 and parts[::2] == ["documents", "uploaded"]:
            return self.answer(uploaded, parts[1], asked)
        return self.answer(lambda: (404, {"error": "no such page"}))

    def answer(self, page, *arguments):
        try:
            status, content = page(*arguments)
        except Exception as error:  # The client gets a status, the log the cause.
            print(f"{self.command} {self.path}: {error!r}", file=sys.stderr, flush=True)
            status, content = 500, {"error": type(error).__name__}
        text = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        """The access log is nobody's need here."""


if __name__ == "__main__":
    clinic.migrate()
    server = ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler)
    print(json.dumps({"listening": server.server_port}), flush=True)
    server.serve_forever()
