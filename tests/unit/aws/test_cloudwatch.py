"""CloudWatch's data: many hosts in calls of 500, pages put together, weather waited for; what is not read is told."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.aws import clock, cloudwatch, weather
from functions.aws.cloudwatch import AlarmMetric, MetricQuery, Unread
from functions.core.rollout.analysis import Series
from tests.conftest import stand_in
from tests.fakes.cloudwatch import FakeAlarms
from tests.fakes.service import refusal

NINE = datetime(2026, 11, 23, 9, tzinfo=UTC)
END = NINE + timedelta(minutes=10)
LATE = datetime(2100, 1, 1, tzinfo=UTC)


@pytest.fixture
def fake(environment: None, monkeypatch: pytest.MonkeyPatch) -> FakeAlarms:
    monkeypatch.setattr(clock, "sleep", lambda seconds: None)
    return stand_in("cloudwatch", FakeAlarms())


def query(host: str) -> MetricQuery:
    return MetricQuery(
        namespace="Shop", name="Errors", dimensions={"InstanceId": host}, statistic="Sum", period_seconds=60
    )


def put(fake: FakeAlarms, host: str, count: int, value: float = 1.0) -> None:
    data = [
        {
            "MetricName": "Errors",
            "Dimensions": [{"Name": "InstanceId", "Value": host}],
            "Timestamp": NINE + timedelta(minutes=number),
            "Value": value,
        }
        for number in range(count)
    ]
    fake.put_metric_data(Namespace="Shop", MetricData=data)


def test_a_thousand_hosts_are_two_calls(fake: FakeAlarms) -> None:
    put(fake, "i-0", 3)
    put(fake, "i-999", 2, 5.0)
    found = cloudwatch.series([query(f"i-{number}") for number in range(1000)], NINE, END, LATE)
    assert fake.operations.count("GetMetricData") == 2
    assert found[0] == Series(3, 3.0) and found[999] == Series(2, 10.0) and found[1:999] == [Series(0)] * 998


def test_pages_are_put_together(fake: FakeAlarms, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cloudwatch, "_POINTS_A_PAGE", 4)
    put(fake, "i-1", 5)
    put(fake, "i-2", 5, 2.0)
    assert cloudwatch.series([query("i-1"), query("i-2")], NINE, END, LATE) == [Series(5, 5.0), Series(5, 10.0)]
    assert fake.operations.count("GetMetricData") == 3


def test_throttling_is_waited_for(fake: FakeAlarms) -> None:
    put(fake, "i-1", 1)
    left = ["Throttling", "ThrottlingException", "InternalServiceFault"]

    def refuse(operation: str) -> None:
        if left:
            error = refusal(left.pop(), operation)
            error.response["ResponseMetadata"] = {"HTTPStatusCode": 500}  # type: ignore[typeddict-item]
            raise error

    fake.before = refuse
    assert cloudwatch.series([query("i-1")], NINE, END, LATE) == [Series(1, 1.0)]


@pytest.mark.parametrize("code", ["Throttling", "AccessDenied", "ValidationError"])
def test_what_cannot_be_read_says_so_and_not_more(fake: FakeAlarms, code: str) -> None:
    fake.refuses = refusal(code, "GetMetricData", "arn:aws:iam::123456789012:role/secret")
    for read in (
        lambda: cloudwatch.series([query("i-1")], NINE, END, LATE),
        lambda: cloudwatch.alarm_metrics(["errors"], LATE),
    ):
        with pytest.raises(Unread, match="CloudWatch could not be read") as error:
            read()
        assert "secret" not in str(error.value)


def test_it_is_not_tried_for_longer_than_there_is_time(fake: FakeAlarms) -> None:
    fake.refuses = refusal("Throttling", "GetMetricData")
    with pytest.raises(Unread):
        cloudwatch.series([query("i-1")], NINE, END, clock.now() - timedelta(seconds=1))
    assert fake.operations == ["GetMetricData"]
    with pytest.raises(Unread):
        cloudwatch.series([query("i-1")], NINE, END, LATE)
    assert len(fake.operations) == 1 + weather._TRIES


@pytest.mark.parametrize(("status", "tries"), [("InternalError", weather._TRIES), ("Forbidden", 1)])
def test_a_result_that_is_none_is_not_taken_for_no_data(fake: FakeAlarms, status: str, tries: int) -> None:
    result = {"Id": "q0", "StatusCode": status, "Values": [], "Timestamps": []}
    answer: Any = lambda **_: {"MetricDataResults": [result]}  # noqa: E731
    fake.on_get_metric_data = answer  # type: ignore[method-assign]
    with pytest.raises(Unread):
        cloudwatch.series([query("i-1")], NINE, END, LATE)
    assert len(fake.operations) == tries


def test_an_alarm_by_metric_math_has_the_data_of_its_expression(fake: FakeAlarms) -> None:
    """As the alarm itself sees them: requests without errors are data only if the expression says so."""
    put(fake, "i-1", 4)
    dimension = [{"Name": "InstanceId", "Value": "i-1"}]
    metric = {"Namespace": "Shop", "MetricName": "Errors", "Dimensions": dimension}
    none = {"Namespace": "Shop", "MetricName": "Requests", "Dimensions": dimension}
    queries = [
        {"Id": "e", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}, "ReturnData": False},
        {"Id": "r", "MetricStat": {"Metric": none, "Period": 300, "Stat": "Sum"}, "ReturnData": False},
        {"Id": "x", "Expression": "e/r"},
    ]
    fake.put_metric_alarm(
        AlarmName="rate", Metrics=queries, ComparisonOperator="GreaterThanThreshold", EvaluationPeriods=1
    )
    found = cloudwatch.alarm_metrics(["rate"], LATE)["rate"]
    assert isinstance(found, AlarmMetric) and found.period_seconds == 300
    assert cloudwatch.alarm_points(found, NINE, END, LATE) == 0


def test_an_alarm_of_which_no_metric_is_known_cannot_be_counted(fake: FakeAlarms) -> None:
    fake.put_metric_alarm(AlarmName="promql", ComparisonOperator="GreaterThanThreshold", EvaluationPeriods=1)
    assert "no metric" in str(cloudwatch.alarm_metrics(["promql"], LATE)["promql"])
