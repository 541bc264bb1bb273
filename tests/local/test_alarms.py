"""CloudWatch alarms as EventBridge events on the local cloud, beside the emulator without local/shims/alarms.py."""

import json

from local.driver import wait_for
from local.server import ACCOUNT, REGION
from tests.local.emulator import Account, Queue, marked


def alarm(account: Account) -> str:
    """The name of an alarm that has no data yet."""
    cloudwatch, name = account.client("cloudwatch"), account.name()
    cloudwatch.put_metric_alarm(
        AlarmName=name,
        Namespace="tests",
        MetricName="Errors",
        ComparisonOperator="GreaterThanThreshold",
        EvaluationPeriods=1,
        Period=60,
        Threshold=1,
        Statistic="Sum",
        TreatMissingData="ignore",
    )
    account.at_end(cloudwatch.delete_alarms, AlarmNames=[name])
    return name


def set_alarm(account: Account, name: str, state: str) -> None:
    account.client("cloudwatch").set_alarm_state(AlarmName=name, StateValue=state, StateReason="by hand")


def subscribe(account: Account, name: str) -> Queue:
    of_alarm = {"source": ["aws.cloudwatch"], "detail": {"alarmName": [name]}}
    return account.subscribe({"$or": [of_alarm, marked(name)]})


def watched(account: Account, *states: str) -> tuple[str, Queue]:
    """The name of a new alarm that has taken these states, and where its events go."""
    name = alarm(account)
    queue = subscribe(account, name)
    for state in states:
        set_alarm(account, name, state)
    return name, queue


def change(account: Account, queue: Queue) -> tuple[str, str]:
    """From which state to which the next event goes."""
    detail = json.loads(account.message(queue))["detail"]
    return detail["previousState"]["value"], detail["state"]["value"]


def test_each_change_of_an_alarm_is_an_event(cloud: Account) -> None:
    _, queue = watched(cloud, "OK", "ALARM")
    assert [change(cloud, queue) for _ in range(2)] == [("INSUFFICIENT_DATA", "OK"), ("OK", "ALARM")]


def test_an_alarm_that_keeps_its_state_is_no_event(cloud: Account) -> None:
    _, queue = watched(cloud, "OK", "OK", "ALARM")
    assert [change(cloud, queue) for _ in range(2)] == [("INSUFFICIENT_DATA", "OK"), ("OK", "ALARM")]


def test_the_event_says_which_alarm_and_why(cloud: Account) -> None:
    name, queue = watched(cloud, "ALARM")
    event = json.loads(cloud.message(queue))
    assert (event["source"], event["detail-type"]) == ("aws.cloudwatch", "CloudWatch Alarm State Change")
    assert (event["account"], event["region"]) == (ACCOUNT, REGION)
    assert event["resources"] == [f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{name}"]
    assert event["detail"]["alarmName"] == name
    assert event["detail"]["state"]["reason"] == "by hand"


def test_a_composite_alarm_that_changes_is_an_event(cloud: Account) -> None:
    cloudwatch, child, parent = cloud.client("cloudwatch"), alarm(cloud), cloud.name()
    queue = subscribe(cloud, parent)
    set_alarm(cloud, child, "OK")
    cloudwatch.put_composite_alarm(AlarmName=parent, AlarmRule=f'ALARM("{child}")')
    cloud.at_end(cloudwatch.delete_alarms, AlarmNames=[parent])
    set_alarm(cloud, child, "ALARM")
    wait_for(lambda: change(cloud, queue)[1] == "ALARM", "the composite alarm's event")


def test_the_emulator_still_only_records_that_an_alarm_changes(bare: Account) -> None:
    name, queue = watched(bare, "OK", "ALARM")
    assert bare.delivered(queue, name) == []
    (described,) = bare.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
    assert described["StateValue"] == "ALARM"
