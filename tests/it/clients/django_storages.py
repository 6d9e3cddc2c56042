"""django-storages: media files in S3 as a Django application keeps them."""

import os

import boto3
import django
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import storages

boto3.client("s3").create_bucket(Bucket="media")
options = {"bucket_name": "media", "querystring_expire": 60, "file_overwrite": False, "signature_version": "s3v4",
           "object_parameters": {"CacheControl": "max-age=60"}}
settings.configure(STORAGES={"default": {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options}}, USE_TZ=True)
django.setup()
storage = storages["default"]

name = storage.save("avatars/ü me.txt", ContentFile(b"hello"))
assert name == "avatars/ü_me.txt" or name == "avatars/ü me.txt", name
assert storage.exists(name) and not storage.exists("avatars/none")
assert storage.size(name) == 5
with storage.open(name) as file:
    assert file.read() == b"hello"
again = storage.save(name, ContentFile(b"other"))
assert again != name
with storage.open("large.bin", "wb") as file:
    for _ in range(12):
        file.write(os.urandom(1 << 20))
assert storage.size("large.bin") == 12 << 20
dirs, files = storage.listdir("")
assert (dirs, files) == (["avatars"], ["large.bin"]), (dirs, files)
assert len(storage.listdir("avatars")[1]) == 2
assert storage.get_modified_time(name).tzinfo is not None

import urllib.request  # noqa: E402

with urllib.request.urlopen(storage.url(name, parameters={"ResponseContentType": "text/x"})) as answer:
    assert answer.read() == b"hello"
    assert (answer.headers["content-type"], answer.headers["cache-control"]) == ("text/x", "max-age=60")
for key in (name, again, "large.bin"):
    storage.delete(key)
assert storage.listdir("") == ([], [])
