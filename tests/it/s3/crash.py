"""Random operations against a model, killed at any moment: `crash.py ENDPOINT MODEL SEED SECONDS`.

The model is a file. First what the environment holds is compared with it: everything acknowledged is
there, and the one operation that was under way has happened whole or not at all. Then operations go on
until the time is over or the environment is gone; each is written down before it is sent.
"""

import copy
import hashlib
import json
import os
import random
import sys
import time

from botocore.exceptions import ConnectionError as Gone, HTTPClientError
from common import client

MODEL, SEED, SECONDS = sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
B = "crash"
KEYS = ["a", "a/b", "a/c", "b +%", "ü", "z//"]
SIZES = [0, 1, 1000, 16 * 1024, 16 * 1024 + 1, 200_000, 1_500_000]
PART = 5 * 1024 * 1024
NEW = "?"  # an id that only the environment knows
s3 = client(retries={"max_attempts": 0}, request_checksum_calculation="when_required",
            connect_timeout=5, read_timeout=20)
rng = random.Random(SEED)


def data(pieces):
    """Bytes of a body: pieces of a number and a size each."""
    whole = b""
    for number, size in pieces:
        block = hashlib.sha256(str(number).encode()).digest() * 32
        whole += (block * (size // len(block) + 1))[:size]
    return whole


def note_of(note):
    """Text of an annotation: a number and a size."""
    number, size = note
    return (f"{number:08d}" * (size // 8 + 1))[:size].encode()


def load():
    if os.path.exists(MODEL):
        with open(MODEL) as file:
            return json.load(file)
    return {"next": 0, "versioning": None, "keys": {}, "uploads": {}, "pending": None}


def save(model):
    with open(MODEL + ".new", "w") as file:
        json.dump(model, file)
    os.replace(MODEL + ".new", MODEL)


# What each operation does to the model.

def write(model, key, version):
    versions = model["keys"].setdefault(key, [])
    version["id"] = NEW if model["versioning"] == "Enabled" else "null"
    if version["id"] == "null":
        versions[:] = [v for v in versions if v["id"] != "null"]
    versions.insert(0, version)


def apply(model, op):
    kind, key = op["op"], op.get("key")
    versions = model["keys"].get(key, [])
    if kind == "create":
        pass
    elif kind == "versioning":
        model["versioning"] = op["status"]
    elif kind in ("put", "copy"):
        more = {name: copy.deepcopy(op[name]) for name in ("tag", "notes") if name in op}
        write(model, key, {"pieces": op["pieces"], "marker": False, **more})
    elif kind == "delete" and model["versioning"] is None:
        versions.clear()
    elif kind == "delete":
        write(model, key, {"pieces": [], "marker": True})
    elif kind == "delete_many":
        for one in op["keys"]:
            apply(model, {"op": "delete", "key": one})
    elif kind == "delete_version":
        versions[:] = [v for v in versions if v["id"] != op["id"]]
    elif kind == "tag":
        versions[0]["tag"] = op["tag"]
    elif kind == "annotate":
        versions[0].setdefault("notes", {})[op["name"]] = op["note"]
    elif kind == "begin":
        model["uploads"][NEW] = {"key": key, "parts": {}}
    elif kind == "part":
        model["uploads"][op["upload"]]["parts"][str(op["number"])] = op["pieces"]
    elif kind == "abort":
        del model["uploads"][op["upload"]]
    elif kind == "complete":
        upload = model["uploads"].pop(op["upload"])
        pieces = [p for _, part in sorted(upload["parts"].items(), key=lambda p: int(p[0])) for p in part]
        write(model, key, {"pieces": pieces, "marker": False})
    model["keys"] = {key: versions for key, versions in model["keys"].items() if versions}


# What the environment holds, in the model's form, with digests for bodies.

def held():
    found = {"keys": {}, "uploads": {}}
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=B, PaginationConfig={"PageSize": 3}):
        entries = [(v["Key"], v["VersionId"], v["IsLatest"], False) for v in page.get("Versions", [])]
        entries += [(m["Key"], m["VersionId"], m["IsLatest"], True) for m in page.get("DeleteMarkers", [])]
        for key, version, latest, marker in entries:
            body = b"" if marker else s3.get_object(Bucket=B, Key=key, VersionId=version)["Body"].read()
            digest = hashlib.md5(body).hexdigest()
            entry = {"id": version, "marker": marker, "digest": digest, "size": len(body), "latest": latest}
            if not marker:
                of = {"Bucket": B, "Key": key, "VersionId": version}
                tags = s3.get_object_tagging(**of)["TagSet"]
                names = [a["AnnotationName"] for a in s3.list_object_annotations(**of).get("Annotations", [])]
                entry["tag"] = tags[0]["Value"] if tags else None
                entry["notes"] = {name: hashlib.md5(s3.get_object_annotation(
                    **of, AnnotationName=name)["AnnotationPayload"].read()).hexdigest() for name in names}
            found["keys"].setdefault(key, []).append(entry)
    listed = []
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=B, PaginationConfig={"PageSize": 2}):
        listed += [o["Key"] for o in page.get("Contents", [])]
    visible = sorted((k for k, vs in found["keys"].items() if any(v["latest"] and not v["marker"] for v in vs)),
                     key=str.encode)
    assert listed == visible, f"ListObjectsV2 {listed}, ListObjectVersions {visible}"
    for upload in s3.list_multipart_uploads(Bucket=B).get("Uploads", []):
        where = {"Key": upload["Key"], "UploadId": upload["UploadId"]}
        parts = s3.list_parts(Bucket=B, **where).get("Parts", [])
        found["uploads"][upload["UploadId"]] = {
            "key": upload["Key"], "parts": {str(p["PartNumber"]): p["ETag"].strip('"') for p in parts}}
    found["versioning"] = s3.get_bucket_versioning(Bucket=B).get("Status")
    return found


def adopt(model, found):
    """Whether the environment holds what the model says; ids that the model lacks are taken over."""
    if model["versioning"] != found["versioning"] or set(model["keys"]) != set(found["keys"]):
        return False
    digest = lambda pieces: hashlib.md5(data(pieces)).hexdigest()
    for key, versions in model["keys"].items():
        # A page tells versions and markers apart, so only the newest of all is known by its place.
        theirs = {v["id"]: v for v in found["keys"][key]}
        fresh = [v for v in versions if v["id"] == NEW]
        left = set(theirs) - {v["id"] for v in versions}
        if len(versions) != len(theirs) or len(fresh) != len(left):
            return False
        # One operation makes one version of a key, so there is no doubt which id is whose.
        for version, given in zip(fresh, left):
            version["id"] = given
        for at, version in enumerate(versions):
            there = theirs.get(version["id"])
            if there is None or there["marker"] != version["marker"] or there["latest"] != (at == 0):
                return False
            if version["marker"]:
                continue
            notes = {name: hashlib.md5(note_of(note)).hexdigest() for name, note in version.get("notes", {}).items()}
            if (there["digest"], there["tag"], there["notes"]) != (digest(version["pieces"]), version.get("tag"), notes):
                return False
    new = set(found["uploads"]) - set(model["uploads"])
    if NEW in model["uploads"] and len(new) == 1:
        model["uploads"][new.pop()] = model["uploads"].pop(NEW)
    if set(model["uploads"]) != set(found["uploads"]):
        return False
    return all(
        upload["key"] == found["uploads"][name]["key"]
        and {n: digest(p) for n, p in upload["parts"].items()} == found["uploads"][name]["parts"]
        for name, upload in model["uploads"].items())


def settle(model):
    """Decides whether what was under way happened."""
    op, model["pending"] = model["pending"], None
    try:
        found = held()
    except s3.exceptions.NoSuchBucket:
        assert op is None or op["op"] == "create", f"the bucket is gone, {op} was under way"
        s3.create_bucket(Bucket=B)
        found = held()
    candidates = [model]
    if op is not None:
        after = copy.deepcopy(model)
        apply(after, op)
        candidates.append(after)
    for candidate in candidates:
        if adopt(candidate, found):
            return candidate
    raise AssertionError(f"seed {SEED}: under way {op}\nheld {json.dumps(found)}\nmodel {json.dumps(model)}")


def choose(model):
    """A random operation that makes sense."""
    def body(size=None):
        model["next"] += 1
        return [[SEED * 1_000_000 + model["next"], rng.choice(SIZES) if size is None else size]]

    key = rng.choice(KEYS)
    versions = [(k, v) for k, vs in model["keys"].items() for v in vs]
    readable = [(k, vs[0]) for k, vs in model["keys"].items() if not vs[0]["marker"]]
    kind = rng.choices(["put", "delete", "delete_many", "delete_version", "copy", "multipart", "versioning", "tag", "annotate"],
                       [10, 3, 2, 4, 3, 5, 1, 2, 3])[0]
    if kind == "delete_version" and versions:
        key, version = rng.choice(versions)
        return {"op": kind, "key": key, "id": version["id"]}
    if kind == "copy" and readable:
        source, version = rng.choice(readable)
        if source != key:
            more = {name: version[name] for name in ("tag", "notes") if version.get(name)}
            return {"op": kind, "key": key, "source": source, "pieces": version["pieces"], **more}
    if kind == "tag" and readable:
        model["next"] += 1
        return {"op": kind, "key": rng.choice(readable)[0], "tag": str(model["next"])}
    if kind == "annotate" and readable:
        model["next"] += 1
        return {"op": kind, "key": rng.choice(readable)[0], "name": rng.choice(["n", "m.2"]),
                "note": [model["next"], rng.choice([1, 3000, 100_000])]}
    if kind == "delete_many":
        return {"op": kind, "keys": rng.sample(KEYS, 3)}
    if kind == "versioning":
        return {"op": kind, "status": rng.choice(["Enabled", "Suspended"])}
    if kind == "multipart":
        if len(model["uploads"]) < 2:
            return {"op": "begin", "key": key}
        name, upload = rng.choice(sorted(model["uploads"].items()))
        where = {"key": upload["key"], "upload": name}
        if len(upload["parts"]) < 2:
            last = len(upload["parts"]) == 1
            return {"op": "part", **where, "number": len(upload["parts"]) + 1,
                    "pieces": body(rng.choice([10, 70_000]) if last else PART)}
        return {"op": rng.choice(["complete", "complete", "abort"]), **where}
    if kind == "delete":
        return {"op": kind, "key": key}
    return {"op": "put", "key": key, "pieces": body()}


def send(model, op):
    """Sends it; hands back the id that the environment gave."""
    kind, where = op["op"], {"Bucket": B, "Key": op.get("key")}
    if kind == "put":
        return s3.put_object(**where, Body=data(op["pieces"])).get("VersionId")
    if kind == "copy":
        return s3.copy_object(**where, CopySource={"Bucket": B, "Key": op["source"]}).get("VersionId")
    if kind == "delete":
        return s3.delete_object(**where).get("VersionId")
    if kind == "delete_many":
        gone = s3.delete_objects(Bucket=B, Delete={"Objects": [{"Key": key} for key in op["keys"]]})
        return {d["Key"]: d.get("DeleteMarkerVersionId") for d in gone["Deleted"]}
    if kind == "delete_version":
        s3.delete_object(**where, VersionId=op["id"])
    if kind == "tag":
        s3.put_object_tagging(**where, Tagging={"TagSet": [{"Key": "t", "Value": op["tag"]}]})
    if kind == "annotate":
        s3.put_object_annotation(**where, AnnotationName=op["name"], AnnotationPayload=note_of(op["note"]))
    if kind == "versioning":
        s3.put_bucket_versioning(Bucket=B, VersioningConfiguration={"Status": op["status"]})
    if kind == "begin":
        return s3.create_multipart_upload(**where)["UploadId"]
    where["UploadId"] = op.get("upload")
    if kind == "part":
        s3.upload_part(**where, PartNumber=op["number"], Body=data(op["pieces"]))
    if kind == "abort":
        s3.abort_multipart_upload(**where)
    if kind == "complete":
        parts = model["uploads"][op["upload"]]["parts"]
        return s3.complete_multipart_upload(**where, MultipartUpload={"Parts": [
            {"PartNumber": int(n), "ETag": hashlib.md5(data(p)).hexdigest()}
            for n, p in sorted(parts.items(), key=lambda p: int(p[0]))]}).get("VersionId")
    return None


def happened(model, op, given):
    apply(model, op)
    for key, versions in model["keys"].items():
        for version in versions:
            if version["id"] == NEW:
                version["id"] = given[key] if op["op"] == "delete_many" else given
    if NEW in model["uploads"]:
        model["uploads"][given] = model["uploads"].pop(NEW)


model = settle(load())
save(model)
print("compared", flush=True)
end = time.monotonic() + SECONDS
count = 0
try:
    while time.monotonic() < end:
        model["pending"] = op = choose(model)
        save(model)
        given = send(model, op)
        model["pending"] = None
        happened(model, op, given)
        save(model)
        count += 1
except (Gone, HTTPClientError):
    # Killed: what was under way is decided when the environment is back.
    pass
if SECONDS == 0:
    # The last call cleans up, so that the test can look for orphans.
    for name, upload in model["uploads"].items():
        s3.abort_multipart_upload(Bucket=B, Key=upload["key"], UploadId=name)
    for key, versions in model["keys"].items():
        for version in versions:
            s3.delete_object(Bucket=B, Key=key, VersionId=version["id"])
print(f"{count} operations", flush=True)
