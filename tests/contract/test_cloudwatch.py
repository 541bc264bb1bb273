"""CloudWatch's stand-in: the states of alarms and what they watch, the data of metrics. The history of alarms, and
composite ones, which moto does not know, are below tests/local."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.aws import cloudwatch
from functions.aws.clients import client
from functions.aws.cloudwatch import AlarmMetric, MetricQuery
from functions.core.rollout.analysis import Series

pytestmark = pytest.mark.usefixtures("account")


def alarm(name: str, *states: str) -> None:
    client("cloudwatch").put_metric_alarm(
        AlarmName=name,
        Namespace="n",
        MetricName="m",
        ComparisonOperator="GreaterThanThreshold",
        EvaluationPeriods=1,
        Period=60,
        Threshold=1,
        Statistic="Sum",
    )
    for state in states:
        client("cloudwatch").set_alarm_state(AlarmName=name, StateValue=state, StateReason="a test")


def test_the_states_are_those_that_were_set_last() -> None:
    alarm("errors", "OK", "ALARM")
    alarm("slow", "ALARM", "OK")
    alarm("other", "ALARM")
    assert cloudwatch.read(["errors", "slow"]) == cloudwatch.AlarmStates(active=("errors",), unreadable="")


def test_an_alarm_that_does_not_exist_is_not_told() -> None:
    alarm("errors", "ALARM")
    found = cloudwatch.read(["errors", "gone"])
    assert found.active == ("errors",) and "The alarms gone do not exist" in found.unreadable


NINE = datetime(2026, 11, 23, 9, tzinfo=UTC)
LATE = datetime(2100, 1, 1, tzinfo=UTC)


def put(name: str, *values: float, host: str = "i-1", every: int = 60) -> None:
    """One value in each period from nine o'clock on."""
    dimensions = [{"Name": "InstanceId", "Value": host}, {"Name": "Service", "Value": "web"}]
    for number, value in enumerate(values):
        at = NINE + timedelta(seconds=number * every + 5)
        point = {"MetricName": name, "Dimensions": dimensions, "Timestamp": at, "Value": value}
        client("cloudwatch").put_metric_data(Namespace="Shop", MetricData=[point])


def asked(name: str, host: str = "i-1", statistic: str = "Sum", period: int = 60) -> MetricQuery:
    dimensions = {"InstanceId": host, "Service": "web"}  # moto minds their order
    return MetricQuery(namespace="Shop", name=name, dimensions=dimensions, statistic=statistic, period_seconds=period)


def test_the_data_of_each_host_are_its_own() -> None:
    put("Errors", 1, 2, 3)
    put("Errors", 10, host="i-2")
    found = cloudwatch.series(
        [asked("Errors"), asked("Errors", "i-2"), asked("Errors", "i-3")], NINE, NINE + timedelta(minutes=10), LATE
    )
    assert found == [Series(3, 6.0), Series(1, 10.0), Series(0)]


def test_only_the_asked_time_counts_to_before_its_end() -> None:
    put("Errors", 1, 2, 4, 8)
    minutes = [NINE + timedelta(minutes=number) for number in range(4)]
    assert cloudwatch.series([asked("Errors")], minutes[1], minutes[3], LATE) == [Series(2, 6.0)]


def test_a_period_is_one_point_by_its_statistic() -> None:
    put("Errors", 1, 2, 3, 4, every=30)
    end = NINE + timedelta(minutes=2)
    for statistic, total in (("Sum", 10.0), ("Average", 5.0), ("Maximum", 6.0), ("Minimum", 4.0), ("SampleCount", 4.0)):
        assert cloudwatch.series([asked("Errors", statistic=statistic)], NINE, end, LATE) == [Series(2, total)]


def test_an_alarm_tells_what_it_watches() -> None:
    put("Errors", 1, 2)
    put("Requests", 10, 10, 10)
    dimensions = [{"Name": "InstanceId", "Value": "i-1"}, {"Name": "Service", "Value": "web"}]
    stat: dict[str, Any] = {"Namespace": "Shop", "MetricName": "Errors", "Dimensions": dimensions}
    common: dict[str, Any] = {"ComparisonOperator": "GreaterThanThreshold", "EvaluationPeriods": 1, "Threshold": 1}
    client("cloudwatch").put_metric_alarm(AlarmName="plain", **stat, Period=60, Statistic="Sum", **common)
    queries = [
        {"Id": "e", "MetricStat": {"Metric": stat, "Period": 60, "Stat": "Sum"}, "ReturnData": False},
        {
            "Id": "r",
            "MetricStat": {"Metric": {**stat, "MetricName": "Requests"}, "Period": 60, "Stat": "Sum"},
            "ReturnData": False,
        },
        {"Id": "rate", "Expression": "e/r", "ReturnData": True},
    ]
    client("cloudwatch").put_metric_alarm(AlarmName="math", Metrics=queries, **common)
    found = cloudwatch.alarm_metrics(["plain", "math", "gone"], LATE)
    plain, math = found["plain"], found["math"]
    assert isinstance(plain, AlarmMetric) and isinstance(math, AlarmMetric)
    assert (plain.period_seconds, math.period_seconds) == (60, 60)
    end = NINE + timedelta(minutes=5)
    assert cloudwatch.alarm_points(plain, NINE, end, LATE) == 2
    assert "does not exist" in str(found["gone"])


def test_nothing_is_asked_of_no_time() -> None:
    put("Errors", 1)
    assert cloudwatch.series([asked("Errors")], NINE, NINE, LATE) == [Series(0)]
