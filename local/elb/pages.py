"""One page of what an operation describes; all there is where no size is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from local.query import QueryError

T = TypeVar("T")


def page(
    found: Sequence[T], asked: dict[str, Any], *, next_marker: str = "NextMarker"
) -> tuple[Sequence[T], dict[str, str]]:
    """The page, and the answer's marker when more follows.

    >>> page("abc", {"PageSize": 2}), page("abc", {"PageSize": 2, "Marker": "2"})
    (('ab', {'NextMarker': '2'}), ('c', {}))
    """
    marker = asked.get("Marker", "0")
    if not marker.isdecimal() or int(marker) > len(found):
        raise QueryError("ValidationError", f"The marker '{marker}' is not valid")
    start = int(marker)
    end = start + int(asked.get("PageSize", len(found) or 1))
    return found[start:end], {next_marker: str(end)} if end < len(found) else {}
