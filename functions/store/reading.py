"""Reading: many items by their keys, and records out of items."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from functions.core.errors import Unreadable
from functions.core.limits import batches
from functions.core.text.shapes import from_plain
from functions.store.table.items import items
from functions.store.table.values import MAX_KEYS, Item, Key

T = TypeVar("T")


def get_many(keys: Iterable[Key]) -> Iterator[Item]:
    """The items that exist, read consistently, in any order: a hundred in a request, as far as they are used."""
    for some in batches(dict.fromkeys(keys), MAX_KEYS):
        yield from items().get_all(some)


def record(kind: type[T], item: Item) -> T:
    """The record that an item is. Raises Unreadable."""
    try:
        return from_plain(kind, item)
    except (LookupError, TypeError, ValueError) as error:
        raise Unreadable(
            f"{item.get('pk')} {item.get('sk')} is not a {kind.__name__} that this version of stepdeploy knows"
            f" ({type(error).__name__}: {error}): a newer version may have written it, which can go on with it"
        ) from error
