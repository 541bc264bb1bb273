"""The engine's signature of what it tells hosts: by a KMS key that never leaves KMS. host/bootstrap.py verifies it."""

import hashlib

from functions.aws.clients import client
from functions.core.text import rsa
from functions.settings import settings

_ALGORITHM = "RSASSA_PKCS1_V1_5_SHA_256"  # the one that plain Python verifies in a few lines


def signed(payload: str) -> str:
    """The payload, a dot and its signature in lower-case hexadecimal."""
    answer = client("kms").sign(
        KeyId=settings().signing_key_arn,
        Message=hashlib.sha256(payload.encode()).digest(),  # KMS takes at most 4,096 bytes of a message itself
        MessageType="DIGEST",
        SigningAlgorithm=_ALGORITHM,
    )
    return f"{payload}.{answer['Signature'].hex()}"


def public_key(key_arn: str) -> rsa.PublicKey:
    """The key by which hosts verify. Raises InvalidInput when it is not an RSA key of 2,048 bits."""
    return rsa.public_key(client("kms").get_public_key(KeyId=key_arn)["PublicKey"])
