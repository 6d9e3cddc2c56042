"""Each directory of the corpus, read by Debian's docker-compose and by devenv: the same?

    compare.py CORPUS OURS     OURS has NAME.json for each directory NAME of CORPUS

Both sides are brought to one form: short forms written out, defaults left away. Runs with the system's
Python, whose packages docker-compose is one of; one process reads the whole corpus.
"""

import contextlib
import io
import json
import os
import re
import shlex
import sys

import yaml
from compose.cli import main as docker_compose

SIZES = {"": 1, "b": 1, "k": 1024, "m": 1024**2, "g": 1024**3}


def theirs(directory):
    os.chdir(directory)
    sys.argv = ["docker-compose", "config"]
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            docker_compose.main()
        except SystemExit as end:
            if end.code:
                raise RuntimeError(f"docker-compose: {err.getvalue()}")
    # What it prints is itself a Compose file: dollars are doubled, and services of all profiles stand in it.
    document = yaml.safe_load(out.getvalue().replace("$$", "$"))
    document["services"] = {k: v for k, v in document["services"].items() if not v.get("profiles")}
    return document


def words(value):
    return shlex.split(value) if isinstance(value, str) else value


def many(value):
    return [] if value is None else value if isinstance(value, list) else [value]


def table(value, separator="="):
    if isinstance(value, dict):
        return {k: "" if v is None else str(v) for k, v in value.items()}
    return {k: v for k, _, v in (item.partition(separator) for item in many(value))}


def size(value):
    if value is None or isinstance(value, (int, float)):
        return value
    number, unit = re.fullmatch(r"([0-9.]+)([a-z]?)b?", value.lower()).groups()
    return int(float(number) * SIZES[unit])


def duration(value):
    if value is None:
        return None
    factors = {"h": 3600000, "m": 60000, "s": 1000, "ms": 1}
    parts = re.findall(r"([0-9.]+)(ms|h|m|s)", str(value))
    return int(sum(float(number) * factors[unit] for number, unit in parts))


def port(value):
    if isinstance(value, dict):
        published = value.get("published")
        where = [value.get("host_ip"), int(published) if published else None]
        return [[*where, value["target"], value.get("protocol", "tcp")]]
    rest, _, protocol = str(value).partition("/")
    *front, target = rest.rsplit(":", 2)
    ip, published = (None, None) if not front else (None, front[0]) if len(front) == 1 else front

    def span(text):
        first, _, last = text.partition("-")
        return range(int(first), int(last or first) + 1)

    outer = span(published) if published else [None] * len(span(target))
    return [[ip, a, b, protocol or "tcp"] for a, b in zip(outer, span(target))]


def mount(value):
    if isinstance(value, dict):
        size_ = (value.get("tmpfs") or {}).get("size")
        nocopy = bool((value.get("volume") or {}).get("nocopy"))
        read_only = bool(value.get("read_only"))
        return [value["type"], value.get("source"), value["target"], read_only, nocopy, size_]
    parts = value.split(":")
    source, target, mode = ([None] + parts + ["rw"] if len(parts) == 1 else (parts + ["rw"])[:3])
    kind = "bind" if source and source.startswith("/") else "volume"
    return [kind, source, target, mode == "ro", False, None]


def their_service(service):
    build = service.get("build")
    if isinstance(build, str):
        build = {"context": build}
    check = service.get("healthcheck")
    deploy = service.get("deploy") or {}
    depends = service.get("depends_on") or {}
    if isinstance(depends, list):
        depends = {name: {"condition": "service_started"} for name in depends}
    networks = service.get("networks") or {}
    if isinstance(networks, list):
        networks = {name: None for name in networks}
    if not networks and "network_mode" not in service:
        networks = {"default": None}
    tmpfs = [["tmpfs", None, target, False, False, None] for target in many(service.get("tmpfs"))]
    placed = [("/run/secrets/{}", s) for s in many(service.get("secrets"))]
    placed += [("/{}", s) for s in many(service.get("configs"))]
    placed = [(form, s if isinstance(s, dict) else {"source": s}) for form, s in placed]
    targets = [(form, s.get("target", s["source"])) for form, s in placed]
    test = check and ([] if "test" not in check else check["test"])
    if check and check.get("disable"):
        test = ["NONE"]
    if isinstance(test, str):
        test = ["CMD-SHELL", test]
    limits = service.get("ulimits") or {}
    return {
        "image": service.get("image"),
        "build": build and {
            "context": os.path.normpath(build["context"]),
            "dockerfile": build.get("dockerfile", "Dockerfile"),
            "target": build.get("target"),
            "args": table(build.get("args")),
            "labels": table(build.get("labels")),
            "cache_from": build.get("cache_from", []),
        },
        "command": words(service.get("command")),
        "entrypoint": words(service.get("entrypoint")),
        "environment": {k: "" if v is None else str(v) for k, v in (service.get("environment") or {}).items()},
        "ports": sorted((p for item in service.get("ports", []) for p in port(item)), key=str),
        "mounts": sorted([mount(v) for v in service.get("volumes", [])] + tmpfs, key=str),
        "networks": {
            name: [(use or {}).get("aliases", []), (use or {}).get("ipv4_address")]
            for name, use in networks.items()
        },
        "network_mode": service.get("network_mode"),
        "depends_on": {name: use.get("condition", "service_started") for name, use in depends.items()},
        "healthcheck": check and {
            "test": test,
            **{k: duration(check.get(k)) for k in ("interval", "timeout", "start_period")},
            "retries": check.get("retries"),
        },
        "restart": (service.get("restart") or "no").replace("unless-stopped", "always"),
        "replicas": deploy.get("replicas", service.get("scale", 1)),
        "files": sorted(t if t.startswith("/") else form.format(t) for form, t in targets),
        "labels": table(service.get("labels")),
        "container_name": service.get("container_name"),
        "expose": [str(p) for p in service.get("expose", [])],
        "extra_hosts": table(service.get("extra_hosts"), ":"),
        "ulimits": {k: [v, v] if isinstance(v, int) else [v["soft"], v["hard"]] for k, v in limits.items()},
        "memory": size(service.get("mem_limit")),
        "memory_reservation": size(service.get("mem_reservation")),
        "cpus": service.get("cpus"),
        "shm_size": size(service.get("shm_size")),
        "stop_grace_ms": duration(service.get("stop_grace_period")),
        "sysctls": table(service.get("sysctls")),
        **{k: service.get(k) for k in ("user", "working_dir", "hostname", "domainname", "stop_signal", "init", "pids_limit")},
        **{k: bool(service.get(k)) for k in ("tty", "stdin_open", "privileged", "read_only")},
        **{k: many(service.get(k)) for k in ("cap_add", "cap_drop", "security_opt", "dns", "dns_search", "devices")},
    }


def our_service(service):
    build, check = service["build"], service["healthcheck"]
    restart = service["restart"]
    return {
        **{k: service[k] for k in SAME},
        "build": build and {
            "args": {k: v or "" for k, v in build["args"].items()},
            **{k: build[k] for k in ("context", "dockerfile", "target", "labels", "cache_from")},
        },
        "ports": sorted(([p["host_ip"], p["published"], p["target"], p["protocol"]] for p in service["ports"]), key=str),
        "mounts": sorted(
            ([m["kind"], m["source"], m["target"], m["read_only"], m["nocopy"], m["size"]] for m in service["mounts"]),
            key=str,
        ),
        "networks": {name: [use["aliases"], use["ipv4_address"]] for name, use in service["networks"].items()},
        "depends_on": {name: use["condition"] for name, use in service["depends_on"].items()},
        "healthcheck": check and {
            "test": check["test"],
            **{k: check[f"{k}_ms"] for k in ("interval", "timeout", "start_period")},
            "retries": check["retries"],
        },
        "restart": restart["policy"],
        "files": sorted(placed["target"] for placed in service["files"]),
        "extra_hosts": dict(service["extra_hosts"]),
    }


SAME = """image command entrypoint environment network_mode replicas labels container_name expose ulimits memory
memory_reservation cpus shm_size stop_grace_ms sysctls user working_dir hostname domainname stop_signal init
pids_limit tty stdin_open privileged read_only cap_add cap_drop security_opt dns dns_search devices""".split()


def network(value):
    value = value or {}
    external = value.get("external")
    config = (value.get("ipam") or {}).get("config") or []
    subnets = value.get("subnets") or [[c.get("subnet"), c.get("gateway")] for c in config]
    return [value.get("name"), bool(external), bool(value.get("internal")), value.get("driver"), subnets]


def volume(value):
    value = value or {}
    return [bool(value.get("external")), value.get("driver")]


def differences(name, corpus, ours):
    one = theirs(os.path.join(corpus, name))
    with open(os.path.join(ours, f"{name}.json")) as file:
        other = json.load(file)
    a = {k: their_service(v) for k, v in one["services"].items()}
    b = {k: our_service(v) for k, v in other["services"].items()}
    for service in sorted(set(a) | set(b)):
        left, right = a.get(service, {}), b.get(service, {})
        for key in sorted(set(left) | set(right)):
            if left.get(key) != right.get(key):
                yield f"{name}: {service}.{key}: docker-compose has {left.get(key)!r}, devenv {right.get(key)!r}"
    for section, form in (("networks", network), ("volumes", volume)):
        left = {k: form(v) for k, v in (one.get(section) or {}).items() if k != "default"}
        right = {k: form(v) for k, v in other[section].items() if k != "default"}
        if left != right:
            yield f"{name}: {section}: docker-compose has {left!r}, devenv {right!r}"


def main():
    corpus, ours = map(os.path.abspath, sys.argv[1:])
    names = sorted(os.listdir(corpus))
    found = [difference for name in names for difference in differences(name, corpus, ours)]
    print("\n".join(found))
    print(f"{len(names)} directories compared", file=sys.stderr)
    sys.exit(1 if found else 0)


main()
