"""One page of what an operation describes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from local.query import QueryError

T = TypeVar("T")


def page(
    found: Sequence[T], asked: dict[str, Any], *, default: int = 50, most: int = 100
) -> tuple[Sequence[T], dict[str, str]]:
    """The page, and the answer's token when more follows.

    >>> page("abc", {"MaxRecords": 2}), page("abc", {"MaxRecords": 2, "NextToken": "2"})
    (('ab', {'NextToken': '2'}), ('c', {}))
    """
    token, size = asked.get("NextToken", "0"), asked.get("MaxRecords", default)
    if not token.isdecimal() or int(token) > len(found):
        raise QueryError("InvalidNextToken", f"The token '{token}' is invalid.")
    if not 1 <= size <= most:
        raise QueryError("ValidationError", f"The max number of records must be between 1 and {most}, not {size}")
    end = int(token) + size
    return found[int(token) : end], {"NextToken": str(end)} if end < len(found) else {}
