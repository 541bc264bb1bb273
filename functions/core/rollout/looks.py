"""When a running command is looked at, of whose end no event has told: rarer, the longer it runs; and who looks."""

from typing import NamedTuple

FIND_LOST_SECONDS = 180  # between two runs of find_lost, which looks at all deployments; infra schedules it so
_LONGEST = 900.0 - FIND_LOST_SECONDS  # between two looks: at the worst a quarter of an hour passes
_FEW = 10  # commands, of which each would pay for a turn of the chain
_SOON = 60.0  # seconds


class SentCommand(NamedTuple):
    """A command of which no end is on record."""

    target_id: str
    step: int
    command_id: str
    sent_at: float  # seconds since the epoch


def count(age: float, every: float) -> int:
    """The looks at a command of this age, in seconds: the first after `every`, then each time at the double age.

    >>> [count(age, 120) for age in (119, 120, 240, 480, 960, 1679, 1680, 2400)]
    [0, 1, 2, 3, 4, 4, 5, 6]
    """
    found, at = 0, float(every)
    while at <= age:
        found += 1
        if at >= _LONGEST:
            return found + int((age - at) // _LONGEST)
        at *= 2
    return found


def is_due(sent_at: float, last: float, now: float, every: float) -> bool:
    """Whether a look has come due since the last one."""
    return count(now - sent_at, every) > count(last - sent_at, every)


def seconds_to_next(sent_at: float, now: float, every: float) -> float:
    """After how long the next look at a command comes due.

    >>> seconds_to_next(0, 0, 120), seconds_to_next(0, 130, 120), seconds_to_next(0, 1000, 120)
    (120.0, 110.0, 680.0)
    """
    age, at = now - sent_at, float(every)
    while at <= age:
        at += min(at, _LONGEST)
    return at - age


def is_left_to_find_lost(seconds: float, running: int) -> bool:
    """Whether `find_lost`, which runs anyway, makes the next look instead of a turn of the deployment's chain: a look
    that is far, or at few commands.

    >>> is_left_to_find_lost(120, 9), is_left_to_find_lost(120, 10), is_left_to_find_lost(240, 10)
    (True, False, True)
    """
    return seconds > (_SOON if running < _FEW else FIND_LOST_SECONDS)
