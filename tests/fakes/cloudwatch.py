"""CloudWatch: alarms that are set by hand, and what each became; metrics that tests put."""

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import mean
from typing import Any

from botocore.exceptions import ClientError

from tests.fakes.service import Service

_SHOWN = ("MetricName", "Namespace", "Dimensions", "Statistic", "Period", "Metrics")
_STATISTICS: Mapping[str, Callable[[Sequence[float]], float]] = {
    "Sum": sum,
    "Minimum": min,
    "Maximum": max,
    "SampleCount": len,
}


@dataclass(frozen=True)
class _Point:
    namespace: str
    name: str
    dimensions: frozenset[tuple[str, str]]
    at: float
    value: float


class FakeAlarms(Service):
    """States by name, and what each became when; moto tells no history. Data of metrics, a page at a time."""

    name = "cloudwatch"

    def __init__(self, states: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self.states = dict(states or {})
        self.composite: set[str] = set()
        self.history: list[tuple[datetime, str]] = []
        self.refuses: ClientError | None = None
        self._watched = defaultdict[str, dict[str, Any]](dict)
        self._points: list[_Point] = []

    def on_put_metric_alarm(self, *, AlarmName: str, **request: Any) -> None:
        self.states.setdefault(AlarmName, "INSUFFICIENT_DATA")
        self._watched[AlarmName] = {name: request[name] for name in _SHOWN if name in request}

    def on_put_composite_alarm(self, *, AlarmName: str, **_: Any) -> None:
        self.states.setdefault(AlarmName, "INSUFFICIENT_DATA")
        self.composite.add(AlarmName)

    def on_delete_alarms(self, *, AlarmNames: Sequence[str]) -> None:
        for name in AlarmNames:
            del self.states[name]

    def on_set_alarm_state(self, *, AlarmName: str, StateValue: str, StateReason: str) -> None:
        self.states[AlarmName] = StateValue
        self.history.append((datetime.now(UTC), StateValue))

    def on_describe_alarms(self, *, AlarmNames: Sequence[str], **_: Any) -> dict[str, Any]:
        if self.refuses:
            raise self.refuses
        known = [name for name in AlarmNames if name in self.states]
        told = {name: {"AlarmName": name, "StateValue": self.states[name]} for name in known}
        return {
            "MetricAlarms": [
                {**each, **self._watched[name]} for name, each in told.items() if name not in self.composite
            ],
            "CompositeAlarms": [each for name, each in told.items() if name in self.composite],
        }

    def on_describe_alarm_history(self, *, StartDate: datetime, NextToken: str = "0", **_: Any) -> dict[str, Any]:
        """One change a page."""
        found = [
            {"Timestamp": time, "HistoryData": json.dumps({"newState": {"stateValue": became}})}
            for time, became in self.history
            if time >= StartDate
        ]
        here = int(NextToken)
        more = {"NextToken": str(here + 1)} if here + 1 < len(found) else {}
        return {"AlarmHistoryItems": found[here : here + 1], **more}

    def on_put_metric_data(self, *, Namespace: str, MetricData: Sequence[Mapping[str, Any]]) -> None:
        for each in MetricData:
            dimensions = frozenset((one["Name"], one["Value"]) for one in each.get("Dimensions", ()))
            at = each["Timestamp"].timestamp()
            self._points.append(_Point(Namespace, each["MetricName"], dimensions, at, each["Value"]))

    def on_get_metric_data(
        self,
        *,
        MetricDataQueries: Sequence[Mapping[str, Any]],
        StartTime: datetime,
        EndTime: datetime,
        MaxDatapoints: int = 100_800,
        NextToken: str = "0",
    ) -> dict[str, Any]:
        """At most as many points a page as are asked for. The only expression it knows is one metric through another,
        where both have data."""
        if self.refuses:
            raise self.refuses
        assert len(MetricDataQueries) <= 500 and StartTime < EndTime
        begin, end, series = StartTime.timestamp(), EndTime.timestamp(), dict[str, dict[float, float]]()
        for each in MetricDataQueries:
            if "MetricStat" in each:
                series[each["Id"]] = self._series(each["MetricStat"], begin, end)
            else:
                above, below = (series[name] for name in each["Expression"].split("/"))
                series[each["Id"]] = {at: above[at] / below[at] for at in above.keys() & below.keys()}
        told = [each["Id"] for each in MetricDataQueries if each.get("ReturnData", True)]
        points = [(name, at, value) for name in told for at, value in sorted(series[name].items())]
        here = int(NextToken)
        after = here + MaxDatapoints
        results = {name: {"Id": name, "Timestamps": [], "Values": [], "StatusCode": "Complete"} for name in told}
        for name, at, value in points[here:after]:
            results[name]["Timestamps"].append(datetime.fromtimestamp(at, UTC))
            results[name]["Values"].append(value)
        return {
            "MetricDataResults": list(results.values()),
            **({"NextToken": str(after)} if after < len(points) else {}),
        }

    def _series(self, asked: Mapping[str, Any], begin: float, end: float) -> dict[float, float]:
        metric, period = asked["Metric"], asked["Period"]
        wanted = frozenset((one["Name"], one["Value"]) for one in metric.get("Dimensions", ()))
        values = defaultdict[float, list[float]](list)
        for each in self._points:
            is_it = (each.namespace, each.name, each.dimensions) == (metric["Namespace"], metric["MetricName"], wanted)
            if is_it and begin <= each.at < end:
                values[each.at // period * period].append(each.value)
        put = _STATISTICS.get(asked["Stat"], mean)
        return {at: float(put(found)) for at, found in values.items()}
