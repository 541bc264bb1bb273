"""CloudWatch alarms: their state at the start of a deployment. Changes during it come as events."""

from collections.abc import Sequence
from dataclasses import dataclass

from functions.aws.clients import client
from functions.core.limits import NAMES
from functions.core.messages.engine_errors import EngineError
from functions.core.text.plain_text import listed
from functions.telemetry import logger

_NAMES_A_CALL = 100  # DescribeAlarms' limit


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
            answer = client("cloudwatch").describe_alarms(
                AlarmNames=batch, AlarmTypes=["MetricAlarm", "CompositeAlarm"], MaxRecords=_NAMES_A_CALL
            )
            for alarm in [*answer.get("MetricAlarms", ()), *answer.get("CompositeAlarms", ())]:
                states[alarm["AlarmName"]] = alarm["StateValue"]
    except (ClientError, BotoCoreError) as error:
        logger.warning("the alarms cannot be read", alarms=list(names), error=str(error))
        kind = EngineError(name=type(error).__name__, text=str(error)).kind
        where = f"The engine cannot read the state of the alarms {listed(list(names), NAMES)}"
        return AlarmStates(active=(), unreadable=f"{where} ({kind}): the log of the function prepare says why.")
    missing = [name for name in names if name not in states]
    unreadable = f"The alarms {listed(missing, NAMES)} do not exist in CloudWatch." if missing else ""
    return AlarmStates(active=tuple(name for name in names if states.get(name) == "ALARM"), unreadable=unreadable)
