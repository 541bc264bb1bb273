"""One page of a list, as SSM's operations give it."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from local.ssm.model import SsmError

T = TypeVar("T")
DEFAULT_SIZE = 50


def page(
    items: Sequence[T], body: dict[str, Any], *, member: str, identity: Callable[[T], str], shown: Callable[[T], Any]
) -> dict[str, Any]:
    """The answer with `member` and, when more follows, NextToken. Raises SsmError InvalidNextToken.

    A token names the last item given, so that items which are added in front meanwhile neither repeat nor hide any.
    """
    start = 0
    if token := body.get("NextToken"):
        last = _item_of(token)
        start = next((number for number, item in enumerate(items, 1) if identity(item) == last), -1)
        if start < 0:
            raise _invalid_token()
    size = body.get("MaxResults") or DEFAULT_SIZE
    answer: dict[str, Any] = {member: [shown(item) for item in items[start : start + size]]}
    if start + size < len(items):
        answer["NextToken"] = base64.b64encode(identity(items[start + size - 1]).encode()).decode()
    return answer


def _item_of(token: str) -> str:
    try:
        return base64.b64decode(token, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise _invalid_token() from error


def _invalid_token() -> SsmError:
    return SsmError("InvalidNextToken", "The specified token is not valid.")
