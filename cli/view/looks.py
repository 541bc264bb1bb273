"""A deployment looked at now and again, until it ends.

The engine is asked every second while something changes, up to every five seconds while nothing does, and only for the
targets that can have changed. What was asked in vain because the network or the engine is busy is asked again.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from itertools import islice
from time import monotonic, sleep
from typing import Any

from cli.account import targets
from cli.account.connection import Engine
from cli.account.host_names import host_names
from cli.view.progress import FOLLOWED, Alarm, Snapshot, at_work, changes, has_begun, statuses_to_list, targets_to_read
from functions.core.limits import batches
from functions.core.statuses import TargetStatus

_SOON, _LATE, _SLOWER = 1.0, 5.0, 1.3  # seconds from one look to the next, and how they grow while nothing changes
_PATIENCE = 300  # seconds for which the engine may be silent
_ALARM_SECONDS, _ALARMS_AT_ONCE = 10, 100
_PASSING = {"ThrottlingException", "Throttling", "TooManyRequestsException", "RequestLimitExceeded"}


def looks(
    engine: Engine, deployment_id: str, deadline: float, wait: Callable[[float], object] | None = None
) -> Iterator[Snapshot]:
    """The deployment now and again, until it has ended or the time is over. `wait`: so many seconds, from one look to
    the next; by default it sleeps."""
    from botocore.exceptions import BotoCoreError, ClientError

    reader = _Reader(engine, deployment_id)
    answered = monotonic()
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
        (wait or sleep)(min(pause, left))


def alarms(engine: Engine, info: Mapping[str, Any]) -> Mapping[str, Alarm]:
    """Those that stop a deployment, by name, as far as these credentials may see them."""
    return _Alarms(engine).states(info)


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
        self._states: Mapping[str, Alarm] = {}
        self._due = -math.inf

    def states(self, info: Mapping[str, Any]) -> Mapping[str, Alarm]:
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

    def _read(self, names: list[str]) -> dict[str, Alarm]:
        found: dict[str, Alarm] = {}
        for some in batches(names, _ALARMS_AT_ONCE):
            answer = self._engine.client("cloudwatch").describe_alarms(
                AlarmNames=some, AlarmTypes=["MetricAlarm", "CompositeAlarm"], MaxRecords=_ALARMS_AT_ONCE
            )
            alarms = [*answer.get("MetricAlarms", ()), *answer.get("CompositeAlarms", ())]
            found |= {each["AlarmName"]: Alarm(each["StateValue"], _since(each)) for each in alarms}
        return found


def _since(alarm: Mapping[str, Any]) -> datetime | None:
    found: datetime | None = alarm.get("StateTransitionedTimestamp") or alarm.get("StateUpdatedTimestamp")
    return found
