"""Lengths of time and times, as options take them."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

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


def moment(text: str, zone: str) -> datetime:
    """A time of that zone, or a length of time from now. Raises UsageError."""
    if (length := seconds_of(text)) is not None:
        return datetime.now(UTC) + timedelta(seconds=length)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        what = f"{text!r} is not a time: give for example 2026-12-24T08:00, or a length like 2h"
        raise click.UsageError(what) from None
    return found if found.tzinfo else found.replace(tzinfo=ZoneInfo(zone))


class _DurationType(click.ParamType[int]):
    name = "duration"

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> int:
        if (found := seconds_of(str(value))) is None:
            self.fail(f"{value!r}: must be a duration, for example 90s, 15m, 1h30m or 30d", parameter, context)
        return found


DURATION = _DurationType()  # seconds
