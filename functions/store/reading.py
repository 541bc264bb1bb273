"""Records out of items."""

from typing import TypeVar

from functions.core.errors import Unreadable
from functions.core.text.shapes import from_plain
from functions.store.table.values import Item

T = TypeVar("T")


def record(kind: type[T], item: Item) -> T:
    """The record that an item is. Raises Unreadable."""
    try:
        return from_plain(kind, item)
    except (LookupError, TypeError, ValueError) as error:
        raise Unreadable(
            f"{item.get('pk')} {item.get('sk')} is not a {kind.__name__} that this version of stepdeploy knows"
            f" ({type(error).__name__}: {error}): a newer version may have written it, which can go on with it"
        ) from error
