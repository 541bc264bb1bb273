"""CloudWatch: one alarm, and metrics of hosts."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from simulation.aws.network import Network, NotSimulated, Service
from simulation.aws.ssm import moment
from simulation.hosts import Fleet
from simulation.metrics import NAMESPACE, HostMetric

_ALARM = {"Namespace": NAMESPACE, "MetricName": "Alarm", "Statistic": "Sum", "Period": 60}
_MOST_QUERIES, _MOST_POINTS = 500, 100_800  # GetMetricData's


class CloudWatch(Service):
    """An alarm, which goes to ALARM once, or never. In each period every host tells a value; the alarm's metric has one
    as long as `has_alarm_data`."""

    name = "cloudwatch"

    def __init__(
        self, network: Network, alarm: str, fleet: Fleet, metrics: Sequence[HostMetric], *, has_alarm_data: bool
    ) -> None:
        super().__init__(network)
        self.alarm = alarm
        self.rang_at: float | None = None
        self._fleet, self._has_alarm_data = fleet, has_alarm_data
        self._metrics = {each.name: each for each in metrics}

    def describe_alarms(self, **request: Any) -> dict[str, Any]:
        def describe() -> dict[str, Any]:
            state = "OK" if self.rang_at is None else "ALARM"
            known = [name for name in request["AlarmNames"] if name == self.alarm]
            return {"MetricAlarms": [{"AlarmName": name, "StateValue": state, **_ALARM} for name in known]}

        return self.request("DescribeAlarms", describe)

    def describe_alarm_history(self, **request: Any) -> dict[str, Any]:
        def describe() -> dict[str, Any]:
            data = json.dumps({"newState": {"stateValue": "ALARM"}})
            rang = [] if self.rang_at is None else [{"Timestamp": moment(self.rang_at), "HistoryData": data}]
            return {"AlarmHistoryItems": [each for each in rang if each["Timestamp"] >= request["StartDate"]]}

        return self.request("DescribeAlarmHistory", describe)

    def get_metric_data(self, **request: Any) -> dict[str, Any]:
        return self.request("GetMetricData", lambda: self._data(request))

    def _data(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Page by page, each with the next points."""
        queries, begin, end = request["MetricDataQueries"], request["StartTime"], request["EndTime"]
        if len(queries) > _MOST_QUERIES or begin >= end:
            raise NotSimulated(f"GetMetricData of {len(queries)} metrics from {begin} to {end}")
        points = [(each["Id"], *point) for each in queries for point in self._points(each["MetricStat"], begin, end)]
        here, most = int(request.get("NextToken", 0)), min(request.get("MaxDatapoints", _MOST_POINTS), _MOST_POINTS)
        results = {each["Id"]: {"Id": each["Id"], "Timestamps": [], "Values": []} for each in queries}
        for name, at, value in points[here : here + most]:
            results[name]["Timestamps"].append(at)
            results[name]["Values"].append(value)
        told = [{**each, "StatusCode": "Complete"} for each in results.values()]
        more = {"NextToken": str(here + most)} if here + most < len(points) else {}
        return {"MetricDataResults": told, **more}

    def _points(self, asked: Mapping[str, Any], begin: datetime, end: datetime) -> list[tuple[datetime, float]]:
        value = self._value(asked["Metric"])
        if value is None:
            return []
        period = asked["Period"]
        first = -(-begin.timestamp() // period) * period
        count = max(int((end.timestamp() - first) // period), 0)
        return [(datetime.fromtimestamp(first, UTC) + timedelta(seconds=n * period), value) for n in range(count)]

    def _value(self, metric: Mapping[str, Any]) -> float | None:
        dimensions = {each["Name"]: each["Value"] for each in metric.get("Dimensions", ())}
        if metric["MetricName"] == _ALARM["MetricName"]:
            return 0.0 if self._has_alarm_data else None
        host, found = self._fleet.hosts.get(dimensions.get("InstanceId", "")), self._metrics.get(metric["MetricName"])
        return found.value(host) if host and found and metric["Namespace"] == NAMESPACE else None
