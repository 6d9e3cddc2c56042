"""Keys that a profile declares: the one with material opens what another environment enciphered, once and for all."""

import base64

from common import client

kms = client()
# Made by an environment that is long gone, under the material of the profile of tests/it/kms.rs.
FIXTURE = ("AQICAHh0nkzQHx7rWLWLTC6iF0XkQnvNmRL79d0a3EdBowojqT2TrfA/oB64njBhOPBv1edJnFKi6ajQjtcJIMye+JAxF+htb8u3"
           "0LyqflCeGGgrQxua7JA=")

fixed = kms.describe_key(KeyId="alias/documents")["KeyMetadata"]
opened = kms.decrypt(CiphertextBlob=base64.b64decode(FIXTURE), EncryptionContext={"fixture": "1"})
assert (opened["Plaintext"], opened["KeyId"]) == (b"from another machine", fixed["Arn"])
signing = kms.describe_key(KeyId="alias/apps/signing")["KeyMetadata"]
assert (signing["KeySpec"], signing["KeyUsage"]) == ("ECC_NIST_P256", "SIGN_VERIFY")
