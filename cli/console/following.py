"""A deployment that is followed: as `watch` sees it, with the state of each host and what has happened."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf
from time import monotonic

from cli.account.connection import Engine
from cli.console.readers import Pause
from cli.console.roster import Roster, read
from cli.view.explained import Explained, explain_seen
from cli.view.looks import looks
from cli.view.progress import SMALL, Change, Snapshot, changes, has_begun

_LINE = 300  # changes that are kept, the newest


@dataclass(frozen=True, kw_only=True)
class Followed:
    seen: Snapshot
    roster: Roster
    order: Sequence[str]  # of hosts, by the names that people know them by
    line: tuple[Change, ...]  # what has happened, in this order
    why: Explained | None  # of failures; None while there are none


@dataclass(frozen=True)
class Deployment:
    """One, by its id."""

    id: str

    def read(self, engine: Engine, pause: Pause) -> Iterator[Followed]:
        before: Snapshot | None = None
        roster, line, why = Roster(), tuple[Change, ...](), None
        order: Sequence[str] = ()
        names: Mapping[str, str] = {}
        for seen in looks(engine, self.id, inf, pause):
            if before is None and seen.total > SMALL:  # to list them takes a while
                yield Followed(seen=seen, roster=roster, order=order, line=line, why=why)
            if has_begun(seen.info) and not seen.trouble:
                roster = read(engine.api, seen.info, roster, clock=monotonic(), now=datetime.now(UTC))
            line = (*line, *changes(before, seen))[-_LINE:]
            if before is None or seen.overview != before.overview or seen.status is not before.status:
                why = explain_seen(engine, seen)
            if len(order) != len(roster.targets) or seen.names is not names:
                names = seen.names
                order = sorted(roster.targets, key=lambda each: natural(names.get(each, each)))
            before = seen
            yield Followed(seen=seen, roster=roster, order=order, line=line, why=why)


def natural(name: str) -> list[tuple[int, str]]:
    """By which people sort names with numbers in them.

    >>> sorted(["web-10", "web-9", "api-1"], key=natural)
    ['api-1', 'web-9', 'web-10']
    """
    return [(int(part) if part.isdecimal() else 0, part) for part in re.split(r"(\d+)", name)]
