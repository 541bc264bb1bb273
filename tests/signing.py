"""An engine's signing key for tests: a real RSA key, whose signatures `cryptography` makes as KMS does."""

import base64
import json
from functools import cache
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from host.step import Trust

SHA256 = hashes.SHA256()


@cache
def key(name: str = "the engine's", bits: int = 2048) -> rsa.RSAPrivateKey:
    """A key of its own for each name."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def trust(runner_sha256: str, signer: rsa.RSAPrivateKey | None = None) -> Trust:
    """What a document fixes that trusts this key and this runner."""
    numbers = (signer or key()).public_key().public_numbers()
    return Trust(f"{numbers.n:x}", str(numbers.e), runner_sha256)


def encoded(told: dict[str, Any]) -> bytes:
    return base64.b64encode(json.dumps(told).encode())


def signature(payload: bytes, signer: rsa.RSAPrivateKey | None = None) -> bytes:
    return (signer or key()).sign(payload, padding.PKCS1v15(), SHA256).hex().encode()


def signed(told: dict[str, Any], signer: rsa.RSAPrivateKey | None = None) -> str:
    """The document's parameter, as the engine sends it."""
    payload = encoded(told)
    return (payload + b"." + signature(payload, signer)).decode()
