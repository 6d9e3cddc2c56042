"""Every document of the YAML files named, strictly against the schemas that Kubernetes publishes.

    kubernetes.py FILE...
"""

import sys

import kubernetes_validate
import yaml

VERSIONS = ("1.31", kubernetes_validate.latest_version())

count = 0
kinds = set()
for name in sys.argv[1:]:
    with open(name) as text:
        for document in yaml.safe_load_all(text):
            for version in VERSIONS:
                kubernetes_validate.validate(document, version, strict=True)
            kinds.add(document["kind"])
            count += 1
assert count, "nothing to validate"
print(count, *sorted(kinds))
