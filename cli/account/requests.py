"""How much one request takes."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
AT_ONCE = 25  # deployments or targets


def batches(items: Iterable[Item], most: int = AT_ONCE) -> Iterator[list[Item]]:
    """Items as many at a time as a request takes, as far as they are wanted.

    >>> list(batches("abcde", 2))
    [['a', 'b'], ['c', 'd'], ['e']]
    """
    rest = iter(items)
    while some := list(islice(rest, most)):
        yield some
