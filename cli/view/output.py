"""What the verbs print: for people as text, for programs as one JSON object."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import click

from functions.core.text.plain_text import is_text, visible

json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")


def plain(text: object) -> str:
    """A text that somebody else wrote, on one line and without what a terminal would obey.

    >>> plain("a\\x1b[2J")
    'a\\\\x1b[2J'
    """
    return visible(str(text))


def plain_log(line: str) -> str:
    """A line of a log, likewise; tabs stay."""
    return visible(line, keep="\t")


def tell_json(value: Mapping[str, Any]) -> None:
    """Times as ISO 8601 in UTC. What a terminal would obey is escaped as JSON does: programs read what was written.

    >>> tell_json({"message": chr(0x9B) + "2J é"})
    {"message": "\\u009b2J é"}
    """
    click.echo(plain_json(json.dumps(value, default=_time, ensure_ascii=False)))


def plain_json(document: str) -> str:
    """A JSON document on one or more lines, whose strings are text only."""
    if document.isprintable():
        return document
    return "".join(each if each == "\n" or is_text(each) else _escape(each) for each in document)


def _escape(letter: str) -> str:
    units = letter.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def _time(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    raise TypeError(f"{type(value).__name__} is not told as JSON")
