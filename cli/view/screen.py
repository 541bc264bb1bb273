"""What a terminal shows of a deployment that goes on: rich renderables, made anew for every look at it.

Everything is Text, so that nobody's name or message is taken for markup.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from rich.console import Group, RenderableType
from rich.text import Text

from cli.view import words
from cli.view.output import plain
from cli.view.progress import Snapshot, Target, doing, events
from cli.view.tables import color_of
from functions.core.statuses import LifecycleEventStatus, TargetStatus

_MARKS = {
    LifecycleEventStatus.PENDING: ("·", ".", "dim"),
    LifecycleEventStatus.IN_PROGRESS: ("●", "o", "yellow"),
    LifecycleEventStatus.SUCCEEDED: ("✔", "+", "green"),
    LifecycleEventStatus.FAILED: ("✘", "x", "red"),
    LifecycleEventStatus.SKIPPED: ("–", "-", "dim"),
    LifecycleEventStatus.UNKNOWN: ("?", "?", "dim"),
}
_ALARM_COLORS = {"ALARM": "red", "OK": "green"}
_URGENT = (TargetStatus.IN_PROGRESS, TargetStatus.FAILED, TargetStatus.SUCCEEDED, TargetStatus.PENDING)
_BAR = 30  # characters
_MIN_ROWS = 3
_REVISION = 80  # characters


def screen(seen: Snapshot, *, now: datetime, height: int, ascii_only: bool = False) -> RenderableType:
    """All of it, in at most `height` lines where there is room for a few targets."""
    facts = [_line((f"{name:<10}", "dim"), text) for name, text in _facts(seen, ascii_only)]
    end = _end(seen)
    rows = max(height - len(facts) - len(end) - 4, _MIN_ROWS)
    return Group(_title(seen, now), *facts, Text(), *_targets(seen, now, rows, ascii_only), *end)


def _line(*parts: str | Text | tuple[str, str]) -> Text:
    """One line, which a narrow terminal cuts at its end."""
    return Text.assemble(*parts, no_wrap=True, overflow="ellipsis")


def ordered(targets: Sequence[Target], rows: int) -> list[Target]:
    """The targets for which there is room: all by their ids, or those first that are at work or have failed."""

    def urgency(target: Target) -> int:
        status = target["status"]
        return _URGENT.index(status) if status in _URGENT else len(_URGENT)

    by_id = sorted(targets, key=lambda each: each["targetId"])
    return by_id if len(by_id) <= rows else sorted(by_id, key=urgency)[:rows]


def _title(seen: Snapshot, now: datetime) -> Text:
    passed = words.span(words.duration(seen.info, now))
    outcome = words.outcome(seen.info)
    status = (outcome, _color(outcome))
    return _line((seen.id, "bold"), f"  {words.group_of(seen.info)}  ", status, f"  {passed}")


def _facts(seen: Snapshot, ascii_only: bool) -> list[tuple[str, Text]]:
    info = seen.info
    asked_by = plain(info.get("requestedBy") or info.get("creator") or "-")
    lines = [("revision", Text(words.revision_name(info, _REVISION))), ("asked by", Text(asked_by))]
    if info.get("metadata"):
        lines.append(("metadata", Text(words.pairs(info["metadata"]))))
    if (stop := info.get("stopInfo")) and not seen.status.is_final:
        lines.append(("stopping", Text(plain(stop.get("message") or stop.get("stoppedBy", "-")), "magenta")))
    if seen.total:
        lines += [("targets", Text(words.targets(seen.overview))), ("healthy", _healthy(seen, ascii_only))]
    if waits := words.waiting(info):
        lines.append(("waits", Text(waits)))
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


def _healthy(seen: Snapshot, ascii_only: bool) -> Text:
    count, total, minimum = healthy(seen)
    full, empty = ("#", ".") if ascii_only else ("█", "░")
    filled = _BAR * count // total if total else 0
    color = "green" if minimum is None or count > minimum else "yellow" if count == minimum else "red"
    text = Text.assemble((full * filled, color), (empty * (_BAR - filled), "dim"), f"  {count:,} of {total:,}")
    return text if minimum is None else text.append(f", at least {minimum:,}")


def _alarms(seen: Snapshot) -> Text:
    text = Text()
    for name, (state, _) in sorted(seen.alarms.items()):
        text.append(f"{'  ' if text else ''}{plain(name)} ").append(plain(state), _ALARM_COLORS.get(state, "yellow"))
    return text


def _targets(seen: Snapshot, now: datetime, rows: int, ascii_only: bool) -> list[RenderableType]:
    shown = ordered(list(seen.targets.values()), rows)
    names = {each["targetId"]: plain(seen.names.get(each["targetId"], each["targetId"])) for each in shown}
    widest = max(map(len, names.values()), default=0)
    lines: list[RenderableType] = []
    for target in shown:
        status, (last, message) = target["status"], _last_event(target, now)
        name = names[target["targetId"]].ljust(widest)
        told = (
            _marks(target, ascii_only),
            "  ",
            (f"{status:<10}", _color(status)),
            f"  {last:<16}  ",
            (message, "dim"),
        )
        lines.append(_line(f"{name}  ", *told))
    more = max(seen.total, len(seen.targets)) - len(shown)
    return [*lines, *([Text(f"+ {more:,} more", "dim")] if more > 0 else [])]


def _marks(target: Target, ascii_only: bool) -> Text:
    text = Text()
    for event in events(target):
        mark, letter, style = _MARKS.get(event["status"], _MARKS[LifecycleEventStatus.UNKNOWN])
        text.append(letter if ascii_only else mark, style)
    return text


def _last_event(target: Target, now: datetime) -> tuple[str, str]:
    """The event that a target is at, or at which it failed, and what is said of it."""
    if (failure := target.get("failure")) and target["status"] == TargetStatus.FAILED:
        return plain(failure.get("event") or failure["cause"]), plain(failure.get("message", ""))
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
