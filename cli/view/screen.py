"""What a terminal shows of a deployment that goes on: rich renderables, made anew for every look at it.

Everything is Text, so that nobody's name or message is taken for markup.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from rich.console import Group, RenderableType
from rich.text import Text

from cli.view import waits, words
from cli.view.causes import failure_of, headline, unsaid
from cli.view.output import plain
from cli.view.progress import Snapshot, Target, doing, events
from cli.view.tables import color_of
from functions.core.statuses import LifecycleEventStatus, TargetStatus

_MARKS = {
    LifecycleEventStatus.SUCCEEDED: ("✔", "+", "green", "done"),
    LifecycleEventStatus.IN_PROGRESS: ("●", "o", "yellow", "now"),
    LifecycleEventStatus.FAILED: ("✘", "x", "red", "failed"),
    LifecycleEventStatus.SKIPPED: ("–", "-", "dim", "skipped"),
    LifecycleEventStatus.PENDING: ("·", ".", "dim", "next"),
    LifecycleEventStatus.UNKNOWN: ("?", "?", "dim", "unknown"),
}
_ALARM_COLORS = {"ALARM": "red", "OK": "green"}
_URGENT = (TargetStatus.IN_PROGRESS, TargetStatus.FAILED, TargetStatus.SUCCEEDED, TargetStatus.PENDING)
_BAR, _NARROW = 30, 60  # characters: of the bar at most; of a terminal that has no room for all columns
_MIN_ROWS = 3
_REVISION = 80  # characters


@dataclass(frozen=True, kw_only=True)
class Terminal:
    """Where it is shown."""

    width: int
    height: int
    ascii_only: bool = False  # what is drawn; others' texts are escaped by the stream

    @property
    def is_narrow(self) -> bool:
        return self.width < _NARROW

    def line(self, *parts: str | Text | tuple[str, str]) -> Text:
        """One line, which a narrow terminal cuts at its end."""
        return Text.assemble(*parts, no_wrap=True, overflow="crop" if self.ascii_only else "ellipsis")


def screen(seen: Snapshot, on: Terminal, *, now: datetime) -> RenderableType:
    """All of it, in at most the terminal's lines where there is room for a few targets."""
    facts = [on.line((f"{name:<10}", "dim"), text) for name, text in _facts(seen, on)]
    end = _end(seen)
    rows = max(on.height - len(facts) - len(end) - 4, _MIN_ROWS)
    shown = ordered(list(seen.targets.values()), rows)
    return Group(_title(seen, on, now), *facts, _legend(shown, on), *_targets(seen, shown, on, now), *end)


def _legend(shown: Sequence[Target], on: Terminal) -> Text:
    """What the marks mean, as far as they are there."""
    there = {_mark(event["status"]) for target in shown for event in events(target)}
    marks = (each for each in _MARKS.values() if each in there)
    told = [f"{letter if on.ascii_only else mark} {word}" for mark, letter, _, word in marks]
    return on.line(("  ".join(told), "dim"))


def ordered(targets: Sequence[Target], rows: int) -> list[Target]:
    """The targets for which there is room: all by their ids, or those first that are at work or have failed."""

    def urgency(target: Target) -> int:
        status = target["status"]
        return _URGENT.index(status) if status in _URGENT else len(_URGENT)

    by_id = sorted(targets, key=lambda each: each["targetId"])
    return by_id if len(by_id) <= rows else sorted(by_id, key=urgency)[:rows]


def _title(seen: Snapshot, on: Terminal, now: datetime) -> Text:
    passed = words.span(words.duration(seen.info, now))
    outcome = words.outcome(seen.info)
    status = (outcome, _color(outcome))
    return on.line((seen.id, "bold"), f"  {words.group_of(seen.info)}  ", status, f"  {passed}")


def _facts(seen: Snapshot, on: Terminal) -> list[tuple[str, Text]]:
    info = seen.info
    asked_by = plain(info.get("requestedBy") or info.get("creator") or "-")
    lines = [("revision", Text(words.revision_name(info, _REVISION))), ("asked by", Text(asked_by))]
    if info.get("metadata"):
        lines.append(("metadata", Text(words.pairs(info["metadata"]))))
    if (stop := info.get("stopInfo")) and not seen.status.is_final:
        lines.append(("stopping", Text(plain(stop.get("message") or stop.get("stoppedBy", "-")), "magenta")))
    if seen.total:
        lines += [("targets", Text(words.targets(seen.overview))), ("healthy", _healthy(seen, on))]
    if why := waits.waiting(info):
        lines.append(("waits", Text(why)))
    if seen.alarms:
        lines.append(("alarms", _alarms(seen)))
    if seen.trouble:
        lines.append(("trouble", Text(plain(seen.trouble), "red")))
    return lines


def healthy(seen: Snapshot) -> tuple[int, int, int | None]:
    """Hosts that are in service, out of how many, and how many must be; None where the engine does not tell."""
    if told := seen.info.get("healthyHosts"):
        return told.get("healthy", 0), told.get("total", 0), told.get("minimum")
    out = seen.overview.get("InProgress", 0) + seen.overview.get("Failed", 0)
    return seen.total - out, seen.total, None


def _healthy(seen: Snapshot, on: Terminal) -> Text:
    count, total, minimum = healthy(seen)
    told = f"{count:,} of {total:,}" + ("" if minimum is None else f", at least {minimum:,}")
    full, empty = ("#", ".") if on.ascii_only else ("█", "░")
    bar = max(min(_BAR, on.width - len(told) - 12), 0)
    filled = bar * count // total if total else 0
    color = "green" if minimum is None or count > minimum else "yellow" if count == minimum else "red"
    return Text.assemble((full * filled, color), (empty * (bar - filled), "dim"), f"{'  ' if bar else ''}{told}")


def _alarms(seen: Snapshot) -> Text:
    text = Text()
    for name, (state, _) in sorted(seen.alarms.items()):
        text.append(f"{'  ' if text else ''}{plain(name)} ").append(plain(state), _ALARM_COLORS.get(state, "yellow"))
    return text


def _targets(seen: Snapshot, shown: Sequence[Target], on: Terminal, now: datetime) -> list[RenderableType]:
    names = {each["targetId"]: plain(seen.names.get(each["targetId"], each["targetId"])) for each in shown}
    if on.is_narrow:
        names = {each: words.shortened(name, max(on.width // 3, 10)) for each, name in names.items()}
    widest = max(map(len, names.values()), default=0)
    lines: list[RenderableType] = []
    for target in shown:
        name = names[target["targetId"]].ljust(widest)
        lines.append(on.line(f"{name}  ", _marks(target, on), "  ", *_told(target, on, now)))
    more = max(seen.total, len(seen.targets)) - len(shown)
    return [*lines, *([Text(f"+ {more:,} more", "dim")] if more > 0 else [])]


def _told(target: Target, on: Terminal, now: datetime) -> tuple[str | tuple[str, str], ...]:
    """The status of a target, what it is at, and what is said of it; a narrow terminal has room for one of these."""
    status, (last, message) = target["status"], _last_event(target, now)
    if on.is_narrow:
        return (last or status, _color(status)), "  ", (message, "dim")
    return (f"{status:<10}", _color(status)), f"  {last:<16}  ", (message, "dim")


def _mark(status: str) -> tuple[str, str, str, str]:
    return next((mark for known, mark in _MARKS.items() if known == status), _MARKS[LifecycleEventStatus.UNKNOWN])


def _marks(target: Target, on: Terminal) -> Text:
    text = Text()
    for event in events(target):
        mark, letter, style, _ = _mark(event["status"])
        text.append(letter if on.ascii_only else mark, style)
    return text


def _why(target: Target) -> str:
    """Without the event, which stands before it."""
    failure = failure_of(target)
    if failure is None:
        return ""
    event, mark, script = headline(failure).partition(": ")
    return unsaid(failure) or (script if mark and event == failure.event else "")


def _last_event(target: Target, now: datetime) -> tuple[str, str]:
    """The event that a target is at, or at which it failed, and what is said of it."""
    if (failure := target.get("failure")) and target["status"] == TargetStatus.FAILED:
        return plain(failure.get("event") or failure["cause"]), plain(_why(target))
    event, since = doing(target)
    length = f"for {words.span(max(now - since, timedelta()))}" if since else ""
    return plain(event), plain(f"waits: {target['waitingFor']}") if target.get("waitingFor") else length


def _end(seen: Snapshot) -> list[RenderableType]:
    failure = seen.info.get("errorInformation")
    if not failure:
        return []
    return [Text(), Text(f"{plain(failure.get('code'))}: {plain(failure.get('message'))}", "red")]


def _color(status: str) -> str:
    return "dim" if status == TargetStatus.SKIPPED else color_of(status) or ""
