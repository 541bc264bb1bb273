"""Waiting for others: writes that meet, and what is throttled, pass later."""

from collections.abc import Callable
from typing import TypeVar

from functions.aws import clock
from functions.core.errors import Conflict

T = TypeVar("T")

_TRIES = 12  # of a request that met another one


class Later(Exception):
    """The store may take the request the next time: a write met another one on the same item, or it is throttled."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


def patiently(call: Callable[[], T]) -> T:
    """The answer of a call that is tried again for as long as it raises Later. Raises the last error behind that."""
    for attempt in range(_TRIES - 1):
        try:
            return call()
        except Later:
            back_off(attempt)
    try:
        return call()
    except Later as later:
        raise later.error from None


class Attempts:
    """At a change that may meet another one: tried in a loop without end, which calls `again` where it has."""

    def __init__(self, most: int, failure: str) -> None:
        self._left, self._most, self._failure = most, most, failure

    def again(self) -> None:
        """Wait a little. Raises Conflict with the failure after the last attempt."""
        self._left -= 1
        if not self._left:
            raise Conflict(self._failure)
        back_off(self._most - self._left - 1)


def back_off(attempt: int = 0) -> None:
    """Full jitter, at most 0.8 s: two writers that met do not meet again."""
    clock.sleep(clock.jitter(min(0.8, 0.025 * 2**attempt)))
