"""CloudWatch's stand-in: the states of alarms. Their history, which moto does not tell, is below tests/local."""

import pytest

from functions.aws import cloudwatch
from functions.aws.clients import client

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
