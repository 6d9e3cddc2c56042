"""The tables of shapes in src/services/*/model beside botocore's own models.

Without arguments: compares. With a directory: prints the tables anew into it. `NAME OPERATION...` prints
the table NAME for these operations (all that a service has if there are none).
"""

import pathlib
import sys

import botocore.session

HEAD = """\
# Operations and shapes of {title}, without their prose: what an operation takes and answers,
# which members it requires, and what a value may be. From botocore 1.44.5's model of `{service}`
# (Apache-2.0); `tests/it/models.py` compares the two and prints this file anew.
"""
# File below src/services, title, botocore's name, whether paths are shown, whether all operations are.
TABLES = {
    "ses/model/v1.model": ("Amazon SES API v1", "ses", False, True),
    "ses/model/v2.model": ("Amazon SES API v2", "sesv2", True, True),
    "ssm/model/ssm.model": ("AWS Systems Manager", "ssm", False, False),
    "iam/model/iam.model": ("AWS IAM", "iam", False, False),
    "sts/model/sts.model": ("AWS STS", "sts", False, False),
}
SCALARS = ("boolean", "integer", "long", "double", "float", "timestamp", "blob", "string")
PROSE = {
    "type", "documentation", "sensitive", "box", "deprecated", "deprecatedMessage", "deprecatedSince",
    "error", "exception",
}


class Table:
    def __init__(self, service):
        self.model = botocore.session.get_session().get_component("data_loader").load_service_model(
            service, "service-2")
        self.shapes = self.model["shapes"]
        self.used = set()

    def walk(self, name):
        if name in self.used:
            return
        self.used.add(name)
        shape = self.shapes[name]
        if shape["type"] == "structure":
            for member in shape["members"].values():
                self.walk(member["shape"])
        for part in ("member", "key", "value"):
            if part in shape:
                self.walk(shape[part]["shape"])

    def named(self, name):
        """A shape without rules of its own goes by its kind."""
        shape = self.shapes[name]
        plain = shape["type"] in SCALARS and not set(shape) - PROSE
        return shape["type"] if plain else name

    def member(self, name, member, required):
        sent, place = member.get("locationName", name), member.get("location")
        places = {"querystring": "query", "uri": "path", None: "name"}
        at = "" if place is None and sent == name else f" {places.get(place, place)}={sent}"
        return f"  {name}{'!' if name in required else ''} {self.named(member['shape'])}{at}"

    def line(self, name):
        shape = self.shapes[name]
        words = [shape["type"], name]
        words += [self.named(shape[part]["shape"]) for part in ("member", "key", "value") if part in shape]
        words += [f"{rule}={shape[rule]}" for rule in ("min", "max") if rule in shape]
        if "sensitive" in shape:
            words.append("sensitive")
        if "enum" in shape:
            words.append("enum=" + "|".join(shape["enum"]))
        if "pattern" in shape:
            words.append("pattern=" + shape["pattern"])
        return " ".join(words)

    def text(self, title, service, paths, served):
        lines = []
        for name, operation in sorted(self.model["operations"].items()):
            if served and name not in served:
                lines.append(f"other {name}")
                continue
            shapes = [operation.get(way, {}).get("shape", "-") for way in ("input", "output")]
            for shape in shapes:
                if shape != "-":
                    self.walk(shape)
            http = [operation["http"]["method"], operation["http"]["requestUri"]] if paths else []
            lines.append(" ".join(["operation", name, *http, *shapes]))
        for name in sorted(self.used):
            if self.named(name) != name:
                continue
            shape = self.shapes[name]
            lines.append(self.line(name))
            if shape["type"] == "structure":
                required = shape.get("required", [])
                lines += [self.member(n, m, required) for n, m in shape["members"].items()]
        return HEAD.format(title=title, service=service) + "\n".join(lines) + "\n"


def main():
    own = pathlib.Path(__file__).resolve().parents[2] / "src/services"
    arguments = sys.argv[1:]
    if arguments and arguments[0] in TABLES:
        title, service, paths, _ = TABLES[arguments[0]]
        print(Table(service).text(title, service, paths, arguments[1:]), end="")
        return
    for path, (title, service, paths, whole) in TABLES.items():
        if not (own / path).exists():
            continue
        kept = (own / path).read_text()
        served = [] if whole else [line.split()[1] for line in kept.splitlines() if line.startswith("operation ")]
        text = Table(service).text(title, service, paths, served)
        if arguments:
            (pathlib.Path(arguments[0]) / path.replace("/", "-")).write_text(text)
        else:
            assert kept == text, f"{path} is not botocore's"


if __name__ == "__main__":
    main()
