"""The pacer: one record that hands out the moments at which commands are sent. docs/operate.md, "When AWS throttles".

Who finds that another one took a moment in between takes the next one.
"""

from dataclasses import dataclass
from typing import NamedTuple

from functions.aws import clock
from functions.core.rollout.pace import Pace
from functions.core.text.shapes import from_plain, to_plain
from functions.settings import settings
from functions.store.keys import pacer_key
from functions.store.table.items import items
from functions.store.table.patience import back_off
from functions.store.table.values import IS_NEW, AllOf, Equals, Put

_TRIES = 8
_TRIES_SOON = 2  # of who does not wait longer for others either
_APART = 1.5  # seconds: where a large stage begins, hundreds come at once


class Moment(NamedTuple):
    """When to send, in milliseconds since the epoch."""

    at: int
    throttled_at: int  # when SSM had throttled last: since it did again the moment is void


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """Moments at equal intervals."""

    first: int
    count: int
    interval: float
    throttled_at: int

    def __getitem__(self, number: int) -> Moment:
        return Moment(self.first + round(number * self.interval), self.throttled_at)


def now() -> int:
    return round(clock.now().timestamp() * 1000)


def most(seconds: float) -> int:
    """Sends that can go into some seconds."""
    return max(1, round(settings().ssm_send_rate * seconds))


def take(most: int, *, seconds: float, within: float | None = None) -> Moments | None:
    """The next moments: at most so many, and at least one, as go into some seconds. None when the first of them is not
    within some seconds, or when others were faster again and again."""
    for attempt in range(_TRIES if within is None else _TRIES_SOON):
        pace, moment, limit = _read(), now(), settings().ssm_send_rate
        if within is not None and pace.free_at - moment > within * 1000:
            return None
        count = max(1, min(most, int(pace.rate(moment, limit) * seconds)))
        first, interval, changed = pace.taken(count, moment, limit)
        if _write(pace, changed):
            return Moments(first=first, count=count, interval=interval, throttled_at=pace.throttled_at)
        if within is None:
            back_off(attempt)
        else:
            clock.sleep(clock.jitter(_APART))
    return None


def is_good(moment: Moment) -> bool:
    """Wait until it comes. False when it is void, because SSM has throttled since it was handed out."""
    clock.sleep(max(0, moment.at - now()) / 1000)
    return _read().throttled_at == moment.throttled_at


def slow_down(moment: Moment) -> None:
    """SSM has throttled the send of this moment. Others that it throttles of the same time change nothing more."""
    pace = _read()
    if pace.throttled_at == moment.throttled_at:
        _write(pace, pace.throttled(now(), settings().ssm_send_rate))


def _read() -> Pace:
    item = items().get(pacer_key())
    return from_plain(Pace, item) if item else Pace()


def _write(was: Pace, is_now: Pace) -> bool:
    same = AllOf(tuple(Equals(name, value) for name, value in to_plain(was).items()))
    return items().write(Put(pacer_key(), to_plain(is_now), same if was.free_at else IS_NEW))
