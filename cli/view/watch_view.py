"""A deployment followed to its end: on a terminal drawn anew, in a pipe line by line, or as JSON Lines.

The engine is asked every second while something changes, up to every five seconds while nothing does, and only for the
targets that can have changed. What was asked in vain because the network or the engine is busy is asked again.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict, replace
from datetime import UTC, datetime
from itertools import islice
from time import monotonic, sleep
from typing import Any, Protocol

import click

from cli.account import targets
from cli.account.connection import Engine
from cli.account.host_names import host_names
from cli.exits import Exit
from cli.view.output import plain, tell_json
from cli.view.progress import FOLLOWED, Change, Snapshot, at_work, changes, has_begun, statuses_to_list, targets_to_read
from cli.view.words import moment
from functions.core.statuses import DeploymentStatus, TargetStatus

_SOON, _LATE, _SLOWER = 1.0, 5.0, 1.3  # seconds from one look to the next, and how they grow while nothing changes
_PATIENCE = 300  # seconds for which the engine may be silent
_ALARM_SECONDS, _ALARMS_AT_ONCE = 10, 100
_PASSING = {"ThrottlingException", "Throttling", "TooManyRequestsException", "RequestLimitExceeded"}


def watch(
    engine: Engine, deployment_id: str, *, as_json: bool = False, seconds: float | None = None, strict: bool = False
) -> Exit:
    """Follow a deployment: DONE when it succeeds, FAILED when it does not, TOO_LONG when `seconds` have passed first.

    `strict`: HOSTS_FAILED when it succeeds and hosts failed. Ctrl-C ends the watching alone: INTERRUPTED.
    """
    last: Snapshot | None = None
    with _view(as_json) as view:
        try:
            for last in _looks(engine, deployment_id, seconds):
                view.show(last)
            end = _exit(last, strict)
        except KeyboardInterrupt:
            end = Exit.INTERRUPTED
        view.end(last, end)
    for line in _advice(deployment_id, last, end):
        click.echo(line, err=True)
    return end


def _exit(last: Snapshot | None, strict: bool) -> Exit:
    if last is None or not last.status.is_final:
        return Exit.TOO_LONG
    if last.status is not DeploymentStatus.SUCCEEDED:
        return Exit.FAILED
    return Exit.HOSTS_FAILED if strict and last.hidden else Exit.DONE


def _advice(deployment_id: str, last: Snapshot | None, end: Exit) -> Iterator[str]:
    if end in (Exit.TOO_LONG, Exit.INTERRUPTED):
        status = f" is {last.status} and" if last else ""
        yield f"{deployment_id}{status} continues; only watching it has stopped"
        yield f"watch it again with: stepdeploy watch {deployment_id}"
        yield f"stop it with: stepdeploy stop {deployment_id}"
    if last and last.status.is_final and (end is Exit.FAILED or last.hidden):
        yield f"why: stepdeploy show {deployment_id}"
        if rollback := (last.info.get("rollbackInfo") or {}).get("rollbackDeploymentId"):
            yield f"it is rolled back: stepdeploy watch {rollback}"


# -- looking


def _looks(engine: Engine, deployment_id: str, seconds: float | None) -> Iterator[Snapshot]:
    """The deployment now and again, until it has ended or the time is over."""
    from botocore.exceptions import BotoCoreError, ClientError

    reader = _Reader(engine, deployment_id)
    answered = monotonic()
    deadline = math.inf if seconds is None else answered + seconds
    pause, seen = _SOON, None
    while True:
        before = seen
        try:
            seen = reader.look(before)
            answered = monotonic()
        except (BotoCoreError, ClientError) as error:
            if before is None or not _passes(error) or monotonic() - answered > _PATIENCE:
                raise
            seen = replace(before, trouble=str(error))
        yield seen
        left = deadline - monotonic()
        if seen.status.is_final or left <= 0:
            return
        pause = min(pause * _SLOWER, _LATE) if before and not changes(before, seen) else _SOON
        sleep(min(pause, left))


def _passes(error: Exception) -> bool:
    """Whether the same request may be answered in a moment."""
    from botocore.exceptions import ClientError, HTTPClientError

    if not isinstance(error, ClientError):
        return isinstance(error, HTTPClientError)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return status >= 500 or status == 429 or error.response["Error"]["Code"] in _PASSING


class _Reader:
    """Asks the engine for what can have changed."""

    def __init__(self, engine: Engine, deployment_id: str) -> None:
        self._api = engine.api
        self._id = deployment_id
        self._engine = engine
        self._alarms = _Alarms(engine)

    def look(self, before: Snapshot | None) -> Snapshot:
        info = self._api.get_deployment(deploymentId=self._id)["deploymentInfo"]
        seen = Snapshot(info=info, targets=before.targets if before else {}, alarms=self._alarms.states(info))
        if not has_begun(info):
            return seen
        names = before.names if before and has_begun(before.info) else host_names(self._engine, info)
        seen = replace(seen, names=names)
        seen = self._with(seen, at_work(seen.targets))
        found = {each: status for status in statuses_to_list(seen) for each in self._list(status)}
        ids = targets_to_read(seen.targets, found)
        return self._with(seen, ids if seen.status.is_final else ids[: 2 * FOLLOWED])

    def _list(self, status: TargetStatus) -> Iterable[str]:
        found = targets.listed(self._api, self._id, status)
        return islice(found, 2 * FOLLOWED) if status is TargetStatus.IN_PROGRESS else found

    def _with(self, seen: Snapshot, ids: list[str]) -> Snapshot:
        """What was seen, with these targets as they are now."""
        found = {each["targetId"]: each for each in targets.read(self._api, self._id, ids)}
        return replace(seen, targets={**seen.targets, **found})


class _Alarms:
    """The states of the alarms that stop a deployment, as far as these credentials may see them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._names: list[str] | None = None
        self._states: Mapping[str, str] = {}
        self._due = -math.inf

    def states(self, info: Mapping[str, Any]) -> Mapping[str, str]:
        from botocore.exceptions import BotoCoreError, ClientError

        if monotonic() >= self._due:
            self._due = monotonic() + _ALARM_SECONDS
            with suppress(BotoCoreError, ClientError):
                if self._names is None:
                    self._names = self._watched(info)
                self._states = self._read(self._names)
        return self._states

    def _watched(self, info: Mapping[str, Any]) -> list[str]:
        """The deployment's own, else its group's."""
        watched = info.get("overrideAlarmConfiguration")
        if watched is None:
            group = {name: info[name] for name in ("applicationName", "deploymentGroupName")}
            answer = self._engine.api.get_deployment_group(**group)
            watched = answer["deploymentGroupInfo"].get("alarmConfiguration", {})
        return [each["name"] for each in watched.get("alarms", ())] if watched.get("enabled") else []

    def _read(self, names: list[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for first in range(0, len(names), _ALARMS_AT_ONCE):
            some = names[first : first + _ALARMS_AT_ONCE]
            answer = self._engine.client("cloudwatch").describe_alarms(
                AlarmNames=some, AlarmTypes=["MetricAlarm", "CompositeAlarm"], MaxRecords=_ALARMS_AT_ONCE
            )
            alarms = [*answer.get("MetricAlarms", ()), *answer.get("CompositeAlarms", ())]
            found |= {each["AlarmName"]: each["StateValue"] for each in alarms}
        return found


# -- showing


class _View(Protocol):
    def show(self, seen: Snapshot) -> None: ...

    def end(self, last: Snapshot | None, end: Exit) -> None: ...


class _Changes(AbstractContextManager["_Changes"]):
    """One line for each change; nothing is drawn anew."""

    def __init__(self) -> None:
        self._last: Snapshot | None = None

    def __exit__(self, *raised: object) -> None:
        """Leaves nothing open."""

    def show(self, seen: Snapshot) -> None:
        if seen.trouble and not (self._last and self._last.trouble):
            click.echo(plain(f"no answer, asking again: {seen.trouble}"), err=True)
        for change in changes(self._last, seen):
            self.tell(seen, change)
        self._last = seen

    def tell(self, seen: Snapshot, change: Change) -> None:
        name = seen.names.get(change.target or "", change.target)
        click.echo(line(seen.id, replace(change, target=name), now=datetime.now(UTC)))

    def end(self, last: Snapshot | None, end: Exit) -> None:
        """The last change has told it."""


class _JsonLines(_Changes):
    """One JSON object for each change, and the deployment as the last one."""

    def tell(self, seen: Snapshot, change: Change) -> None:
        told = {name: value for name, value in asdict(change).items() if value}
        tell_json({"type": "change", "deploymentId": seen.id, **told})

    def end(self, last: Snapshot | None, end: Exit) -> None:
        tell_json({"type": "result", "exit": end.value, **(last.info if last else {})})


class _Drawn(AbstractContextManager["_Drawn"]):
    """A screen that is drawn anew; its last state stays."""

    def __init__(self, console: Any) -> None:
        from rich.live import Live

        self._console = console
        self._seen: Snapshot | None = None
        self._live = Live(console=console, get_renderable=self._draw, refresh_per_second=2)

    def __enter__(self) -> "_Drawn":
        self._live.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._live.stop()

    def _draw(self) -> Any:
        from cli.view.screen import screen

        if self._seen is None:
            return ""
        console = self._console
        ascii_only = not console.encoding.lower().startswith("utf")
        return screen(self._seen, now=datetime.now(UTC), height=console.height, ascii_only=ascii_only)

    def show(self, seen: Snapshot) -> None:
        self._seen = seen
        self._live.refresh()

    def end(self, last: Snapshot | None, end: Exit) -> None:
        """The screen has shown it."""


def _view(as_json: bool) -> AbstractContextManager[_View]:
    if as_json:
        return _JsonLines()
    from rich.console import Console

    console = Console(highlight=False)
    return _Drawn(console) if console.is_terminal and not console.is_dumb_terminal else _Changes()


def line(deployment_id: str, change: Change, now: datetime) -> str:
    """A change in ASCII, whatever was put into it; seen `now` if nobody knows when it was.

    >>> change = Change(status="Failed", target="i-1", event="AfterInstall", message="exit\\ncode 1")
    >>> line("d-ABCDEF123", change, now=datetime(2026, 11, 23, tzinfo=UTC))
    '2026-11-23 00:00:00  i-1                  AfterInstall      Failed  exit\\\\ncode 1'
    """
    what = change.target or (f"alarm {change.alarm}" if change.alarm else deployment_id)
    cells = (moment(change.time or now), what.ljust(19), (change.event or "-").ljust(16), change.status)
    text = "  ".join(plain(cell) for cell in (*cells, change.message) if cell)
    return text.encode("ascii", "backslashreplace").decode()
