"""A deployment that is followed: as `watch` sees it, with the state of each host and what has happened."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf
from time import monotonic

from cli.account.connection import Engine
from cli.console.readers import Pause
from cli.console.roster import Roster, read
from cli.view.explained import Explained, explain_seen
from cli.view.looks import looks
from cli.view.progress import Change, Snapshot, changes, has_begun

_LINE = 300  # changes that are kept, the newest


@dataclass(frozen=True, kw_only=True)
class Followed:
    seen: Snapshot
    roster: Roster
    line: tuple[Change, ...]  # what has happened, in this order
    why: Explained | None  # of failures; None while there are none


@dataclass(frozen=True)
class Deployment:
    """One, by its id."""

    id: str

    def read(self, engine: Engine, pause: Pause) -> Iterator[Followed]:
        before: Snapshot | None = None
        roster, line, why = Roster(), tuple[Change, ...](), None
        for seen in looks(engine, self.id, inf, pause):
            if has_begun(seen.info) and not seen.trouble:
                roster = read(engine.api, seen.info, roster, clock=monotonic(), now=datetime.now(UTC))
            line = (*line, *changes(before, seen))[-_LINE:]
            if before is None or seen.overview != before.overview or seen.status is not before.status:
                why = explain_seen(engine, seen)
            before = seen
            yield Followed(seen=seen, roster=roster, line=line, why=why)
