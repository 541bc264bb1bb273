"""CloudWatch: the states of alarms, whether an event that tells of a change is true, and the data of metrics.

Sources of the limits: CloudWatch API Reference, GetMetricData and DescribeAlarms.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from functions.aws import clock, weather
from functions.aws.clients import client
from functions.core.limits import NAMES, batches
from functions.core.messages.engine_errors import EngineError
from functions.core.rollout.analysis import Series
from functions.core.text.plain_text import listed
from functions.telemetry import logger

_NAMES_A_CALL = 100  # DescribeAlarms' limit
_TYPES = ["MetricAlarm", "CompositeAlarm"]
_QUERIES_A_CALL = 500  # GetMetricData's limit
_POINTS_A_PAGE = 20_000  # of 100,800 that it may have: a page of those takes too much memory


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
        for batch in batches(names, _NAMES_A_CALL):
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


# -- the data of metrics


class Unread(Exception):
    """What CloudWatch has is not known now; says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricQuery:
    """A metric, and how its data are put together."""

    namespace: str
    name: str
    dimensions: Mapping[str, str]
    statistic: str
    period_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmMetric:
    """What an alarm watches, as GetMetricData asks for it: one query of it answers, with this period."""

    queries: Sequence[Mapping[str, Any]]
    period_seconds: int


def series(queries: Sequence[MetricQuery], begin: datetime, end: datetime, until: datetime) -> list[Series]:
    """The data points of each metric from `begin` to before `end`, in the order of the queries. CloudWatch is asked
    again for what it does not answer, until then. Raises Unread."""
    asked: list[dict[str, Any]] = [
        {
            "Id": f"q{number}",
            "MetricStat": {
                "Metric": {
                    "Namespace": each.namespace,
                    "MetricName": each.name,
                    "Dimensions": [{"Name": name, "Value": value} for name, value in each.dimensions.items()],
                },
                "Period": each.period_seconds,
                "Stat": each.statistic,
            },
        }
        for number, each in enumerate(queries)
    ]
    found = dict[str, Series]()
    for batch in batches(asked, _QUERIES_A_CALL):
        found |= _data(batch, begin, end, until)
    return [found.get(f"q{number}", Series(0)) for number in range(len(asked))]


def alarm_metrics(names: Sequence[str], until: datetime) -> dict[str, AlarmMetric | str]:
    """What each alarm watches, or why its data cannot be counted. Raises Unread."""
    found: dict[str, AlarmMetric | str] = dict.fromkeys(names, "the alarm does not exist in CloudWatch")
    for batch in batches(names, _NAMES_A_CALL):
        answer = _ask("describe_alarms", until, AlarmNames=batch, AlarmTypes=_TYPES, MaxRecords=_NAMES_A_CALL)
        found |= {each["AlarmName"]: _watched(each) for each in answer.get("MetricAlarms", ())}
        for each in answer.get("CompositeAlarms", ()):
            found[each["AlarmName"]] = (
                "it is a composite alarm, which has no metric of its own: name those it is made of"
            )
    return found


def alarm_points(metric: AlarmMetric, begin: datetime, end: datetime, until: datetime) -> int:
    """How many data points an alarm's metric has from `begin` to before `end`, or its expression. Raises Unread."""
    return sum(each.points for each in _data(list(metric.queries), begin, end, until).values())


def _watched(alarm: Mapping[str, Any]) -> AlarmMetric | str:
    if queries := alarm.get("Metrics"):  # metric math, which the alarm itself sees by its one returned query
        periods = [each.get("Period") or each.get("MetricStat", {}).get("Period", 0) for each in queries]
        return AlarmMetric(queries=queries, period_seconds=max(periods) or 60)
    if not alarm.get("MetricName"):
        return "it watches no metric that GetMetricData knows"
    metric = {name: alarm[name] for name in ("Namespace", "MetricName", "Dimensions") if name in alarm}
    statistic = alarm.get("Statistic") or alarm.get("ExtendedStatistic")
    stat: dict[str, Any] = {"Metric": metric, "Period": alarm["Period"], "Stat": statistic}
    if alarm.get("Unit"):
        stat["Unit"] = alarm["Unit"]
    return AlarmMetric(queries=[{"Id": "q0", "MetricStat": stat}], period_seconds=alarm["Period"])


def _data(queries: Sequence[Mapping[str, Any]], begin: datetime, end: datetime, until: datetime) -> dict[str, Series]:
    found = dict[str, Series]()
    if begin >= end:  # of no whole period
        return found
    for result in _results(queries, begin, end, until):
        if result.get("StatusCode") == "Forbidden":
            raise Unread("CloudWatch does not let the engine read a metric of another account")
        before = found.get(result["Id"], Series(0))
        values = result.get("Values", ())
        found[result["Id"]] = Series(before.points + len(values), before.total + sum(values))
    return found


def _results(
    queries: Sequence[Mapping[str, Any]], begin: datetime, end: datetime, until: datetime
) -> Iterator[Mapping[str, Any]]:
    """Page by page."""
    asked: dict[str, Any] = {"MetricDataQueries": queries, "StartTime": begin, "EndTime": end}
    asked["MaxDatapoints"] = _POINTS_A_PAGE
    while True:
        page = _ask("get_metric_data", until, **asked)
        yield from page["MetricDataResults"]
        if not page.get("NextToken"):
            return
        asked["NextToken"] = page["NextToken"]


def _ask(operation: str, until: datetime, **request: Any) -> Any:
    from botocore.exceptions import BotoCoreError, ClientError

    def ask() -> Any:
        answer = getattr(client("cloudwatch"), operation)(**request)
        if any(each.get("StatusCode") == "InternalError" for each in answer.get("MetricDataResults", ())):
            raise weather.Busy("CloudWatch had an error of its own")
        return answer

    try:
        return weather.patiently(ask, until=until)
    except (ClientError, BotoCoreError, weather.Busy) as error:
        logger.warning("CloudWatch cannot be read", operation=operation, error=str(error))
        kind = EngineError(name=type(error).__name__, text=str(error)).kind
        raise Unread(f"CloudWatch could not be read ({kind})") from error
