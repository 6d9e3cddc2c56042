"""Certificates for an engine that speaks TLS and takes nobody without one: an authority, the engine's and a
client's, as Docker's own client looks for them (`ca.pem`, `cert.pem`, `key.pem`).

    engine_tls.py DIRECTORY ADDRESS
"""

import datetime
import ipaddress
import os
import pathlib
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = datetime.timedelta(days=1)


def name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def certificate(subject, key, issuer, signer, extensions):
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = x509.CertificateBuilder(name(issuer), name(subject), key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - DAY).not_valid_after(now + DAY)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(signer, hashes.SHA256())


def main():
    place, address = pathlib.Path(sys.argv[1]), sys.argv[2]
    place.mkdir(parents=True, exist_ok=True)
    pem = serialization.Encoding.PEM

    def put(file, data):
        with open(os.open(place / file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
            out.write(data)

    def put_key(file, key):
        put(file, key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))

    authority = ec.generate_private_key(ec.SECP256R1())
    signs = [x509.BasicConstraints(ca=True, path_length=0)]
    put("ca.pem", certificate("engine tests", authority, "engine tests", authority, signs).public_bytes(pem))
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
    sides = (
        ("server-", "engine", [x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), here]),
        ("", "client", [x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])]),
    )
    for prefix, subject, extensions in sides:
        key = ec.generate_private_key(ec.SECP256R1())
        put_key(f"{prefix}key.pem", key)
        signed = certificate(subject, key, "engine tests", authority, extensions)
        put(f"{prefix}cert.pem", signed.public_bytes(pem))


main()
