"""What a page is: a path, what is looked at for it, and what it shows of that.

A page that comes first as a whole stays live: each of its parts is an element with an id, whose content the stream of
its tab replaces when it has changed.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from urllib.parse import quote, unquote

from htpy import Node

from cli.console.forms import Form, Link
from cli.console.readers import Seen, Topic

Given = Mapping[str, str]  # the names in a page's path, and its query
NAME = re.compile(r"{(\w+)}")  # in a path, what stands for anything


class Part(NamedTuple):
    id: str
    content: Node
    aside: bool = False  # beside the others, where there is room


class Cells(NamedTuple):
    """A grid that the script draws: one small square each."""

    names: Sequence[str]
    ids: Sequence[str]
    base: str  # where each one leads, before its id
    states: str  # one letter each


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What a page shows at one time."""

    title: str
    parts: Sequence[Part]
    trail: Sequence[tuple[str, str]] = ()  # where it stands: names and addresses
    cells: Cells | None = None
    links: Sequence[Link] = ()  # to what can be done about it
    forms: Sequence[Form] = ()  # below the rest; they are not live, so that nothing changes under a reader's hand


@dataclass(frozen=True, kw_only=True)
class Page:
    """`path` has names in braces. `topics` raises Refusal for what there can be nothing of."""

    path: str
    topics: Callable[[Given], Sequence[Topic]]
    show: Callable[[Given, Mapping[Topic, Seen], datetime], Shown]

    def matches(self, path: str) -> dict[str, str] | None:
        """The names in a path, if it is this page's."""
        pattern = NAME.sub(r"(?P<\1>[^/]+)", self.path)
        found = re.fullmatch(pattern, path)
        return {name: unquote(value) for name, value in found.groupdict().items()} if found else None


def address(path: str, **names: str) -> str:
    """
    >>> address("/groups/{application}/{group}", application="shop", group="a b")
    '/groups/shop/a%20b'
    """
    return NAME.sub(lambda found: quote(names[found[1]], safe=""), path)
