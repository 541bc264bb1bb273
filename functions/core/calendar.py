"""Whether a deployment may begin or go on now, by the windows and freezes of its group: one rule, over records.

Of windows those of the narrowest scope count: a group's, else its application's, else those of all. They are open
together as soon as one of them is. A freeze of any of the three scopes closes them. Without windows and freezes it is
always open. A window opens when the clock of its time zone shows what its cron expression says, and closes after its
duration, also on days on which the clock is put forward or back (cronsim, like Debian's cron).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from functions.core.records import Deployment
from functions.core.records.calendar import EVERYWHERE, Calendar, Closed, Freeze, Window
from functions.core.statuses import Creator, OnFreeze
from functions.core.text.names import is_group_key, is_name
from functions.core.text.times import timestamp

LONGEST_WINDOW_SECONDS = 7 * 86400
LONGEST_REASON = 256
_LOOKS = 1000  # at openings that lie in freezes


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """Nothing is in the way."""


OPEN = Open()
State = Open | Closed


def may_begin(deployment: Deployment, calendar: Calendar, now: datetime) -> State:
    """Whether a deployment that waits may have its turn."""
    if is_free(deployment):
        return OPEN
    freezes = () if deployment.settings.on_freeze is OnFreeze.IGNORE else calendar.freezes
    return judge(calendar.windows, freezes, deployment.group_key, now)


def may_go_on(deployment: Deployment, calendar: Calendar, now: datetime) -> State:
    """Whether a deployment may begin its next stage: only a freeze can hold it, if its group says so."""
    if is_free(deployment) or deployment.settings.on_freeze is not OnFreeze.HOLD:
        return OPEN
    return judge((), calendar.freezes, deployment.group_key, now)


def is_free(deployment: Deployment) -> bool:
    """What restores a good revision, or brings instances to that of the others, waits for nothing; nor does what
    somebody let past."""
    return bool(deployment.bypass or deployment.rollback or deployment.creator is not Creator.USER)


def judge(windows: Sequence[Window], freezes: Sequence[Freeze], group_key: str, now: datetime) -> State:
    """
    >>> nights = Window(scope="shop", cron="0 22 * * *", duration_seconds=7200, time_zone="Europe/Berlin")
    >>> judge([nights], [], "shop/web", datetime(2026, 11, 23, 20, 30, tzinfo=UTC)).until
    '2026-11-23T21:00:00.000Z'
    >>> judge([nights], [], "shop/web", datetime(2026, 11, 23, 21, 30, tzinfo=UTC))
    Open()
    """
    windows, freezes = narrowest(windows, group_key), [each for each in freezes if covers(each.scope, group_key)]
    moment, why = now, ""
    for _ in range(_LOOKS):
        if frozen := next((each for each in freezes if _is_in(each, moment)), None):
            why = why or freeze_words(frozen)
            if frozen.end is None:
                return Closed(until=None, why=why)
            moment = datetime.fromisoformat(frozen.end)
            continue
        if not windows or any(_is_open(each, moment) for each in windows):
            break
        opens = [start for each in windows if (start := _next_start(each, moment))]
        why = why or f"outside the deployment windows of {windows[0].scope}"
        if not opens:
            return Closed(until=None, why=why)
        moment = min(opens)
    return Closed(until=timestamp(moment), why=why) if why else OPEN


def covers(scope: str, group_key: str) -> bool:
    return scope in (EVERYWHERE, group_key, group_key.partition("/")[0])


def freeze_words(freeze: Freeze) -> str:
    return f"frozen by {freeze.who}: {freeze.reason}"


# -- what a declaration or a request may say


def scope_problem(scope: str) -> str | None:
    """
    >>> scope_problem("shop/web"), scope_problem("shop/")
    (None, 'is not a scope: give an application, APPLICATION/GROUP, or "*" for all')
    """
    is_scope = scope == EVERYWHERE or is_name(scope) or is_group_key(scope)
    return None if is_scope else 'is not a scope: give an application, APPLICATION/GROUP, or "*" for all'


def cron_problem(cron: str) -> str | None:
    """
    >>> cron_problem("0 9 * * MON-FRI")
    >>> cron_problem("0 25 * * *")
    'is not a cron expression: give minute hour day month weekday, for example "0 9 * * MON-FRI"'
    """
    if len(cron.split()) != 5:  # cronsim takes seconds besides
        return _NO_CRON
    try:
        next(CronSim(cron, datetime(2026, 1, 1)))
    except (CronSimError, StopIteration):
        return _NO_CRON
    return None


def zone_problem(name: str) -> str | None:
    """
    >>> zone_problem("Europe/Berlin"), zone_problem("Berlin")
    (None, 'is not a time zone: give a name of the IANA list, for example Europe/Berlin')
    """
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        return "is not a time zone: give a name of the IANA list, for example Europe/Berlin"
    return None


def range_problem(start: datetime, end: datetime | None) -> str | None:
    if end is not None and end <= start:
        return f"ends at {timestamp(end)}, which is not after its begin, {timestamp(start)}"
    return None


def reason_problem(reason: str) -> str | None:
    """
    >>> reason_problem("a move"), reason_problem(" ")
    (None, 'says nothing: say why, in 1 to 256 characters')
    """
    if not reason.strip():
        return f"says nothing: say why, in 1 to {LONGEST_REASON} characters"
    if len(reason) > LONGEST_REASON:
        return f"has {len(reason)} characters: say why, in 1 to {LONGEST_REASON}"
    return None


_NO_CRON = 'is not a cron expression: give minute hour day month weekday, for example "0 9 * * MON-FRI"'


def narrowest(windows: Sequence[Window], group_key: str) -> list[Window]:
    """The windows that count for a group."""
    for scope in (group_key, group_key.partition("/")[0], EVERYWHERE):
        if found := [each for each in windows if each.scope == scope]:
            return found
    return []


def of_group(calendar: Calendar, group_key: str, now: datetime) -> Calendar:
    """What counts for a group; freezes that are over are left out."""
    freezes = (each for each in calendar.freezes if covers(each.scope, group_key) and not is_over(each, now))
    return Calendar(windows=tuple(narrowest(calendar.windows, group_key)), freezes=tuple(freezes))


def is_over(freeze: Freeze, now: datetime) -> bool:
    return freeze.end is not None and datetime.fromisoformat(freeze.end) <= now


def _is_in(freeze: Freeze, moment: datetime) -> bool:
    begun = datetime.fromisoformat(freeze.start) <= moment
    return begun and (freeze.end is None or moment < datetime.fromisoformat(freeze.end))


def _is_open(window: Window, moment: datetime) -> bool:
    start = _next_start(window, moment - timedelta(seconds=window.duration_seconds))
    return start is not None and start <= moment


def _next_start(window: Window, after: datetime) -> datetime | None:
    """The first opening after a moment; None where none ever comes."""
    try:
        return next(CronSim(window.cron, after.astimezone(ZoneInfo(window.time_zone)))).astimezone(UTC)
    except StopIteration:
        return None
