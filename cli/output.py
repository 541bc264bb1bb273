"""What the verbs print: for people by rich, for programs as one JSON object."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")


def console() -> "Console":
    """Standard output; plain lines where it is no terminal."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=True)


def plain(text: object) -> str:
    """A text that somebody else wrote, on one line and without what a terminal would obey.

    >>> plain("a\\x1b[2J")
    'a\\\\x1b[2J'
    """
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in str(text))


def plain_log(line: str) -> str:
    """A line of a log, likewise; tabs stay."""
    return "\t".join(map(plain, line.split("\t")))


def tell_json(value: Mapping[str, Any]) -> None:
    """Times as ISO 8601 in UTC."""
    click.echo(json.dumps(value, default=_time, ensure_ascii=False))


def _time(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    raise TypeError(f"{type(value).__name__} is not told as JSON")
