"""KMS: one signing key, a real RSA key of tests/signing.py, whatever the key that is asked for."""

from typing import Any

from cryptography.hazmat.primitives.asymmetric import padding, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.fakes.service import Service
from tests.signing import SHA256, key


class FakeKms(Service):
    name = "kms"

    def on_sign(self, *, KeyId: str, Message: bytes, MessageType: str, SigningAlgorithm: str) -> dict[str, Any]:
        assert (MessageType, SigningAlgorithm) == ("DIGEST", "RSASSA_PKCS1_V1_5_SHA_256")
        return {"KeyId": KeyId, "Signature": key().sign(Message, padding.PKCS1v15(), utils.Prehashed(SHA256))}

    def on_get_public_key(self, *, KeyId: str) -> dict[str, Any]:
        der = key().public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return {"KeyId": KeyId, "KeySpec": "RSA_2048", "PublicKey": der}
