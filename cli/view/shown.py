"""How a deployment that is followed is shown: drawn anew on a terminal, line by line in a pipe, or as JSON Lines."""

from contextlib import AbstractContextManager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Protocol

import click

from cli.view import words
from cli.view.causes import failure_of, headline, last_line, unsaid
from cli.view.output import plain, tell_json
from cli.view.progress import Change, Snapshot, Target, changes, took
from cli.view.words import moment
from functions.core.records import TargetFailure
from functions.core.statuses import TargetStatus

_NAMES = {"target": "targetId"}  # in JSON, where the API has another one
_ENDED = (TargetStatus.SUCCEEDED, TargetStatus.FAILED)


class View(Protocol):
    def show(self, seen: Snapshot) -> None: ...


class Events(AbstractContextManager["Events"]):
    """One line for each change; nothing is drawn anew."""

    def __init__(self) -> None:
        self._last: Snapshot | None = None

    def __exit__(self, *raised: object) -> None:
        """Leaves nothing open."""

    def show(self, seen: Snapshot) -> None:
        if seen.trouble and not (self._last and self._last.trouble):
            click.echo(plain(f"no answer, asking again: {seen.trouble}"), err=True)
        self.tell(seen, changes(self._last, seen))
        self._last = seen

    def tell(self, seen: Snapshot, found: list[Change]) -> None:
        for change in found:
            what = _what(seen, change).ljust(19)
            click.echo(line(change, what, (change.event or "-").ljust(16), change.status, change.message))


class Hosts(Events):
    """One line for each host that has ended, with the count of them, and for the deployment and its alarms."""

    _count = 0  # hosts that have ended: as many as were told, or more that nobody saw

    def tell(self, seen: Snapshot, found: list[Change]) -> None:
        ended = [each for each in found if each.target and not each.event and each.status in _ENDED]
        self._count = max(self._count, sum(seen.overview.get(each, 0) for each in _ENDED) - len(ended))
        for change in found:
            if change.event:
                continue
            if change in ended:
                self._count += 1
                self._host(seen, change, f"[{self._count}/{max(seen.total, self._count)}]")
            elif not change.target:
                told = _ended(seen) if seen.status.is_final and not change.alarm else ()
                click.echo(line(change, _what(seen, change), change.status, *told, change.message))
            elif change.message:
                click.echo(line(change, _what(seen, change), change.status, change.message))

    def _host(self, seen: Snapshot, change: Change, count: str) -> None:
        target = seen.targets[change.target or ""]
        failure = failure_of(target)
        why = _why(target, failure) if failure else change.message
        click.echo(line(change, f"{count} {_what(seen, change)}", change.status, words.span(took(target)), why))


def _why(target: Target, failure: TargetFailure) -> str:
    """In what a target failed, and the last that was said there."""
    said = unsaid(failure) or (f'"{line}"' if (line := last_line(target, failure).strip()) else "")
    return f"{headline(failure)}{': ' if said else ''}{said}"


def _ended(seen: Snapshot) -> tuple[str, str]:
    """How long a deployment took, and how many hosts it reached."""
    passed = words.span(words.duration(seen.info, datetime.now(UTC)))
    return passed, words.targets(seen.overview) if seen.total else ""


class JsonLines(Events):
    """One JSON object for each change."""

    def tell(self, seen: Snapshot, found: list[Change]) -> None:
        for change in found:
            told = {_NAMES.get(name, name): value for name, value in asdict(change).items() if value}
            tell_json({"type": "change", "deploymentId": seen.id, **told})


class Drawn(AbstractContextManager["Drawn"]):
    """A screen that is drawn anew; its last state stays."""

    def __init__(self, console: Any) -> None:
        from rich.live import Live

        self._console = console
        self._seen: Snapshot | None = None
        self._live = Live(console=console, get_renderable=self._draw, refresh_per_second=2)

    def __enter__(self) -> "Drawn":
        self._live.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._live.stop()

    def _draw(self) -> Any:
        from cli.view.screen import Terminal, screen

        if self._seen is None:
            return ""
        console = self._console
        ascii_only = not console.encoding.lower().startswith("utf")
        on = Terminal(width=console.width, height=console.height, ascii_only=ascii_only)
        return screen(self._seen, on, now=datetime.now(UTC))

    def show(self, seen: Snapshot) -> None:
        self._seen = seen
        self._live.refresh()


def view(*, as_json: bool, verbose: bool) -> AbstractContextManager[View]:
    if as_json:
        return JsonLines()
    from rich.console import Console

    console = Console(highlight=False)
    if console.is_terminal and not console.is_dumb_terminal:
        return Drawn(console)
    return Events() if verbose else Hosts()


def _what(seen: Snapshot, change: Change) -> str:
    if change.target:
        return seen.names.get(change.target, change.target)
    return f"alarm {change.alarm}" if change.alarm else seen.id


def line(change: Change, *cells: str) -> str:
    """A change in ASCII, whatever was put into it; seen now if nobody knows when it was.

    >>> line(Change(status="Failed", time=datetime(2026, 11, 23, tzinfo=UTC)), "i-1", "Failed", "exit\\ncode 1")
    '2026-11-23 00:00:00  i-1  Failed  exit\\\\ncode 1'
    """
    text = "  ".join(plain(cell) for cell in (moment(change.time or datetime.now(UTC)), *cells) if cell)
    return text.encode("ascii", "backslashreplace").decode()
