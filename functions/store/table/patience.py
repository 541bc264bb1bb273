"""Waiting for others: writes that meet, and what is throttled, pass later."""

from collections.abc import Callable
from typing import TypeVar

from functions.aws import clock

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


def back_off(attempt: int = 0) -> None:
    """Full jitter, at most 0.8 s: two writers that met do not meet again."""
    clock.sleep(clock.jitter(min(0.8, 0.025 * 2**attempt)))
