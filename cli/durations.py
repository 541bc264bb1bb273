"""Lengths of time, as options take them."""

import re
from typing import Any

import click

_DURATION = re.compile(r"(?=\d)(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s?)?")
_SECONDS = (86400, 3600, 60, 1)


def seconds_of(text: str) -> int | None:
    """
    >>> seconds_of("1h30m"), seconds_of("soon")
    (5400, None)
    """
    if (given := _DURATION.fullmatch(text)) is None:
        return None
    return sum(int(count or 0) * seconds for count, seconds in zip(given.groups(), _SECONDS, strict=True))


class _DurationType(click.ParamType[int]):
    name = "duration"

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> int:
        if (found := seconds_of(str(value))) is None:
            self.fail(f"{value!r}: must be a duration, for example 90s, 15m, 1h30m or 30d", parameter, context)
        return found


DURATION = _DurationType()  # seconds
