"""The clock and chance: the only places where the engine asks for the time or a random number, and where it sleeps."""

import random
import secrets
import string
import time
import uuid
from datetime import UTC, datetime
from typing import Protocol

from functions.core.text import times

_ALPHABET = string.ascii_uppercase + string.digits
_UNFORESEEABLE = secrets.SystemRandom()


class Time(Protocol):
    """Time and chance of a world of its own."""

    def now(self) -> datetime: ...

    def sleep(self, seconds: float) -> None: ...

    @property
    def chance(self) -> random.Random: ...


stand_in: Time | None = None  # in the place of the machine's: a simulation puts its own here, and nowhere else


def now() -> datetime:
    """This moment, in UTC."""
    return stand_in.now() if stand_in else datetime.now(UTC)


def sleep(seconds: float) -> None:
    """Let some time pass."""
    if stand_in:
        stand_in.sleep(seconds)
    else:
        time.sleep(seconds)


def jitter(longest: float) -> float:
    """Some seconds, at most that many: who waits so does not meet again whom it met."""
    return _chance().uniform(0, longest)


def timestamp(moment: datetime | None = None) -> str:
    """A moment as the records hold it: "2026-11-23T03:35:54.123Z"."""
    return times.timestamp(moment or now())


def jittered(seconds: int) -> int:
    """About so many whole seconds, at least one: those who wait for the same do not come back together."""
    return max(1, round(seconds * (70 + _chance().randrange(61)) / 100))


def deployment_id() -> str:
    """A new deployment id: d- and nine of A-Z, 0-9 (CodeDeploy's form)."""
    return "d-" + _letters(9)


def new_uuid() -> str:
    """The id of what CodeDeploy knows by a UUID."""
    return str(uuid.UUID(int=_chance().getrandbits(128), version=4))


def arn_suffix() -> str:
    """Ten of A-Z, 0-9, by which the ARN of a registered instance differs from those of its name before it."""
    return _letters(10)


def _letters(count: int) -> str:
    return "".join(_chance().choice(_ALPHABET) for _ in range(count))


def _chance() -> random.Random:
    return stand_in.chance if stand_in else _UNFORESEEABLE
