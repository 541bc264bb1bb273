"""Plain data as one short text, for where a text is all that is taken and its length counts."""

import base64
import json
import zlib
from typing import Any


def pack(plain: Any) -> str:
    """JSON, compressed, in base64.

    >>> unpack(pack({"shop": ["web"]}))
    {'shop': ['web']}
    """
    return base64.b64encode(zlib.compress(json.dumps(plain, sort_keys=True).encode(), 9)).decode()


def unpack(text: str) -> Any:
    """What was packed. Raises ValueError or zlib.error for anything else."""
    return json.loads(zlib.decompress(base64.b64decode(text, validate=True)))
