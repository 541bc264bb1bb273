"""`windows` of the file: when deployments may begin, and freezes that are known long before."""

from collections.abc import Collection
from datetime import UTC, datetime
from hashlib import sha256
from zoneinfo import ZoneInfo

from functions.core import calendar
from functions.core.declaration.durations import seconds
from functions.core.declaration.value import Value, did_you_mean
from functions.core.records.calendar import EVERYWHERE, Calendar, Freeze, Window
from functions.core.text.times import timestamp

MAX = 100  # all are read together
DECLARED = "deployments.yaml"
_EXAMPLE = "give a local time, for example 2026-12-24T08:00"


def windows(value: Value, groups: Collection[str]) -> Calendar:
    """`groups`: those of the file, as application/group."""
    found, freezes = list[Window](), list[Freeze]()
    scopes = {EVERYWHERE, *groups, *(key.partition("/")[0] for key in groups)}
    for each in value.items(most=MAX):
        members = each.known("scope", "cron", "duration", "from", "to", "timeZone", "reason", required=["scope"])
        scope = members["scope"].text(longest=201) if "scope" in members else EVERYWHERE
        if scope and (problem := calendar.scope_problem(scope)):
            members["scope"].refuse(f"{members['scope'].shown} {problem}")
        elif scope and scope not in scopes:
            members["scope"].refuse(f'nothing of this file is "{scope}"{did_you_mean(scope, scopes)}')
        zone = _zone(members.get("timeZone"))
        reason = _reason(members.get("reason"))
        is_window, is_freeze = members.keys() & {"cron", "duration"}, members.keys() & {"from", "to"}
        if bool(is_window) == bool(is_freeze):
            each.refuse("give cron and duration for a window, or from, to and reason for a freeze")
        elif is_window:
            found.append(_window(each, members, scope, zone, reason))
        else:
            freezes.append(_freeze(each, members, scope, zone, reason))
    return Calendar(windows=tuple(dict.fromkeys(found)), freezes=tuple(freezes))


def _reason(value: Value | None) -> str:
    reason = value.text(longest=calendar.LONGEST_REASON) if value else ""
    if value and reason and (problem := calendar.reason_problem(reason)):
        value.refuse(f"{value.shown} {problem}")
    return reason.strip()


def _zone(value: Value | None) -> str:
    name = value.text(longest=64) if value else "UTC"
    if value and name and (problem := calendar.zone_problem(name)):
        value.refuse(f"{value.shown} {problem}")
        return "UTC"
    return name or "UTC"


def _window(each: Value, members: dict[str, Value], scope: str, zone: str, reason: str) -> Window:
    cron, length = "0 0 * * *", 60
    for key in sorted({"cron", "duration"} - members.keys()):
        each.refuse(f"{key} is missing")
    if given := members.get("cron"):
        cron = given.text(longest=100)
        if cron and (problem := calendar.cron_problem(cron)):
            given.refuse(f"{given.shown} {problem}")
    if given := members.get("duration"):
        length = seconds(given, least=60, most=calendar.LONGEST_WINDOW_SECONDS)
    return Window(scope=scope, cron=cron, duration_seconds=length, time_zone=zone, reason=reason, who=DECLARED)


def _freeze(each: Value, members: dict[str, Value], scope: str, zone: str, reason: str) -> Freeze:
    for key in sorted({"from", "to", "reason"} - members.keys()):
        each.refuse(f"{key} is missing" + (": say why nothing may be deployed" if key == "reason" else ""))
    start, end = _moment(members.get("from"), zone), _moment(members.get("to"), zone)
    if start and end and (problem := calendar.range_problem(start, end)):
        members["to"].refuse(f"the freeze {problem}")
    begin, until = (timestamp(moment or datetime(2026, 1, 1, tzinfo=UTC)) for moment in (start, end))
    digest = sha256(f"{scope} {begin} {until}".encode()).hexdigest()[:9]
    return Freeze(
        freeze_id=f"f-{digest}", scope=scope, start=begin, end=until, reason=reason, who=DECLARED, time_zone=zone
    )


def _moment(value: Value | None, zone: str) -> datetime | None:
    """A time as the clock of the zone shows it, or with an offset of its own. YAML reads some as times: the text
    counts."""
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value.word_as_written)
    except ValueError:
        value.refuse(f"{value.shown} is not a time: {_EXAMPLE}")
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))
