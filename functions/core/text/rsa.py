"""The two numbers of a public RSA key, out of the form in which KMS gives it."""

from typing import NamedTuple

from functions.core.errors import InvalidInput

# SubjectPublicKeyInfo (RFC 8017, appendix A.1.1; RFC 5280, 4.1) of a key of 2,048 bits with an exponent of three bytes,
# which all of KMS's have, is these bytes around the two numbers.
_BEFORE = bytes.fromhex("30820122300d06092a864886f70d01010105000382010f003082010a0282010100")
_BETWEEN = bytes.fromhex("0203")
_MODULUS_BYTES, _EXPONENT_BYTES = 256, 3


class PublicKey(NamedTuple):
    """As text, because the attributes of a CloudFormation resource are texts."""

    modulus: str  # lower-case hexadecimal, 512 digits
    exponent: str  # decimal


def public_key(der: bytes) -> PublicKey:
    """The numbers of a key in DER. Raises InvalidInput for any other kind of key."""
    modulus_end = len(_BEFORE) + _MODULUS_BYTES
    exponent_begin = modulus_end + len(_BETWEEN)
    if (
        len(der) != exponent_begin + _EXPONENT_BYTES
        or not der.startswith(_BEFORE)
        or der[modulus_end:exponent_begin] != _BETWEEN
    ):
        raise InvalidInput("the signing key is not an RSA key of 2,048 bits")
    exponent = int.from_bytes(der[exponent_begin:], "big")
    return PublicKey(modulus=der[len(_BEFORE) : modulus_end].hex(), exponent=str(exponent))
