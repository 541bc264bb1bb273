"""The engine's key, as hosts of tests know it."""

import base64
import json
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256

from host.step import Trust


@cache
def key(number: int = 0) -> RSAPrivateKey:
    """One key for all tests; other numbers are other engines' keys."""
    return generate_private_key(public_exponent=65537, key_size=2048)


def trust(runner_sha256: str) -> Trust:
    numbers = key().public_key().public_numbers()
    return Trust(f"{numbers.n:x}", str(numbers.e), runner_sha256)


def payload(told: dict[str, Any]) -> str:
    return base64.b64encode(json.dumps(told).encode()).decode()


def signed(told: dict[str, Any], by: RSAPrivateKey | None = None) -> str:
    """What SendCommand's parameter is."""
    text = payload(told)
    return f"{text}.{(by or key()).sign(text.encode(), PKCS1v15(), SHA256()).hex()}"
