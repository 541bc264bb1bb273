"""CloudWatch alarms: their state at the start of a deployment, and whether an event that tells of a change is true."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from functions.aws import clock
from functions.aws.clients import client
from functions.core.limits import NAMES
from functions.core.messages.engine_errors import EngineError
from functions.core.text.plain_text import listed
from functions.telemetry import logger

_NAMES_A_CALL = 100  # DescribeAlarms' limit
_TYPES = ["MetricAlarm", "CompositeAlarm"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmStates:
    """Alarms in ALARM, and a sentence about those that cannot be read (empty: all could)."""

    active: tuple[str, ...]
    unreadable: str


def read(names: Sequence[str]) -> AlarmStates:
    """The alarms' states. An alarm that does not exist cannot be read; INSUFFICIENT_DATA is not ALARM."""
    from botocore.exceptions import BotoCoreError, ClientError

    states: dict[str, str] = {}
    try:
        for start in range(0, len(names), _NAMES_A_CALL):
            batch = list(names[start : start + _NAMES_A_CALL])
            answer = client("cloudwatch").describe_alarms(AlarmNames=batch, AlarmTypes=_TYPES, MaxRecords=_NAMES_A_CALL)
            for alarm in [*answer.get("MetricAlarms", ()), *answer.get("CompositeAlarms", ())]:
                states[alarm["AlarmName"]] = alarm["StateValue"]
    except (ClientError, BotoCoreError) as error:
        logger.warning("the alarms cannot be read", alarms=list(names), error=str(error))
        kind = EngineError(name=type(error).__name__, text=str(error)).kind
        where = f"The engine cannot read the state of the alarms {listed(list(names), NAMES)}"
        return AlarmStates(active=(), unreadable=f"{where} ({kind}): see the log of the function prepare.")
    missing = [name for name in names if name not in states]
    unreadable = f"The alarms {listed(missing, NAMES)} do not exist in CloudWatch." if missing else ""
    return AlarmStates(active=tuple(name for name in names if states.get(name) == "ALARM"), unreadable=unreadable)


def last_in_alarm(name: str, since: datetime) -> datetime | None:
    """When the alarm was in ALARM last, since then: now, or when it went there. None: it was not. Raises what AWS
    refused."""
    answer = client("cloudwatch").describe_alarms(AlarmNames=[name], AlarmTypes=_TYPES)
    found = [*answer.get("MetricAlarms", ()), *answer.get("CompositeAlarms", ())]
    if any(alarm["StateValue"] == "ALARM" for alarm in found):
        return clock.now()
    pages = (
        client("cloudwatch")
        .get_paginator("describe_alarm_history")
        .paginate(
            AlarmName=name,
            AlarmTypes=_TYPES,
            HistoryItemType="StateUpdate",
            StartDate=since,
            ScanBy="TimestampDescending",
        )
    )
    items = (item for page in pages for item in page["AlarmHistoryItems"])
    times: list[datetime] = [item["Timestamp"] for item in items if _went_to_alarm(item)]
    return max(times, default=None)


def _went_to_alarm(item: Any) -> bool:
    new: dict[str, Any] = json.loads(item["HistoryData"])["newState"]
    return new.get("stateValue") == "ALARM"
