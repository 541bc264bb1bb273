"""Durations of the file: seconds, or a text like "1h30m"."""

import re

import yaml

from functions.core import quotas
from functions.core.declaration.value import Value

_DURATION = re.compile(r"(?=\d)(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")


def seconds(value: Value, *, least: int = 0, most: int = quotas.LONGEST_DEPLOYMENT_SECONDS) -> int:
    """How long a value says; 0 for what is refused."""
    given = value.number()
    if given is None and isinstance(value.node, yaml.ScalarNode):
        given = parsed_seconds(value.node.value)
    if given is None or given < 0:
        value.refuse(f'{value.shown} is not a time: give seconds, or a text like "90s", "5m" or "1h30m"')
        return 0
    if given < least:
        value.refuse(f"{given} seconds: at least {least}")
    if given > most:
        hours = most // 3600
        value.refuse(f"{given} seconds: at most {most} ({hours} hour{'s' if hours > 1 else ''})")
    return given


def parsed_seconds(text: str) -> int | None:
    """
    >>> parsed_seconds("1h30m"), parsed_seconds("soon")
    (5400, None)
    """
    if not (given := _DURATION.fullmatch(text)):
        return None
    hours, minutes, rest = (int(part or 0) for part in given.groups())
    return hours * 3600 + minutes * 60 + rest


def seconds_text(seconds: int) -> str:
    """The inverse of `parsed_seconds`.

    >>> seconds_text(5400), seconds_text(0)
    ('1h30m', '0s')
    """
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "m"), (rest, "s"))
    return "".join(f"{number}{unit}" for number, unit in parts if number) or "0s"
