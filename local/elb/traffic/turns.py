"""Whose turn it is, among those who have different shares: smooth weighted round robin, as nginx does it."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)


class Turns(Generic[T]):
    """Everybody gains its share each turn; who has most is chosen, and pays what all have gained.

    >>> turns = Turns[str]()
    >>> "".join(turns.next({"a": 3, "b": 1}) for _ in range(8))
    'aabaaaba'
    """

    def __init__(self) -> None:
        self._credits: dict[T, float] = {}

    def next(self, shares: Mapping[T, float]) -> T:
        """One of those with a share; there has to be one."""
        self._credits = {each: self._credits.get(each, 0.0) + share for each, share in shares.items()}
        chosen = max((each for each, share in shares.items() if share > 0), key=self._credits.__getitem__)
        self._credits[chosen] -= sum(shares.values())
        return chosen
