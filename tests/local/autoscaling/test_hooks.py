"""Lifecycle hooks on the local cloud: they hold instances, tell of it, and are answered or run out of time."""

import time
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.local.autoscaling.scaled import LAUNCH, TERMINATE, TERMINATING, Scaled, hook
from tests.local.emulator import refusal

SHORT: dict[str, Any] = {"HeartbeatTimeout": 30}
_ONCE = Config(retries={"total_max_attempts": 1})


def test_a_hook_holds_a_launch_until_it_continues(scaled: Scaled) -> None:
    name = scaled.group(0, LifecycleHookSpecificationList=[hook(NotificationMetadata="shop/web")])
    events = scaled.events(name)
    scaled.resize(name, 1)
    event = events.next()
    (instance_id,) = scaled.ids(name, "Pending:Wait")
    token = event["detail"].pop("LifecycleActionToken")
    assert (event["source"], event["detail-type"]) == ("aws.autoscaling", LAUNCH)
    assert event["resources"] == [scaled.described(name)["AutoScalingGroupARN"]]
    assert event["detail"] == {
        "AutoScalingGroupName": name,
        "LifecycleHookName": "install",
        "EC2InstanceId": instance_id,
        "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING",
        "NotificationMetadata": "shop/web",
        "Origin": "EC2",
        "Destination": "AutoScalingGroup",
    }
    assert scaled.host_state(instance_id) == "running"
    assert scaled.activities(name)[0]["StatusCode"] == "MidLifecycleAction"
    event["detail"]["LifecycleActionToken"] = token
    scaled.answer(event)
    scaled.becomes(name, "InService")
    with pytest.raises(ClientError, match=f"No active Lifecycle Action found with token {token}"):
        scaled.answer(event)


def test_an_abandoned_launch_is_replaced(scaled: Scaled) -> None:
    name = scaled.group(0, LifecycleHookSpecificationList=[hook()])
    events = scaled.events(name)
    results = scaled.events(name, "EC2 Instance Launch Unsuccessful")
    scaled.resize(name, 1)
    first = events.next()["detail"]
    how = {"AutoScalingGroupName": name, "LifecycleHookName": "install", "InstanceId": first["EC2InstanceId"]}
    scaled.api.complete_lifecycle_action(LifecycleActionResult="ABANDON", **how)
    second = events.next()
    assert second["detail"]["EC2InstanceId"] != first["EC2InstanceId"]
    told = results.next()["detail"]
    assert (told["EC2InstanceId"], told["StatusCode"]) == (first["EC2InstanceId"], "Failed")
    assert told["StatusMessage"] == (
        "Instance failed to complete user's Lifecycle Action: Lifecycle Action with token "
        f"{first['LifecycleActionToken']} was abandoned: Lifecycle Action Completed with ABANDON Result"
    )
    scaled.answer(second)
    scaled.becomes(name, "InService")
    assert scaled.host_state(first["EC2InstanceId"]) == "terminated"
    late = f"No active Lifecycle Action found with instance ID {first['EC2InstanceId']}"
    with pytest.raises(ClientError, match=late):
        scaled.api.record_lifecycle_action_heartbeat(**how)


def test_heartbeats_keep_a_hook_waiting_and_silence_ends_it(scaled: Scaled) -> None:
    name = scaled.group(0, LifecycleHookSpecificationList=[hook(**SHORT)])
    events = scaled.events(name)
    scaled.resize(name, 1)
    event = events.next()["detail"]
    beaten_until = time.monotonic() + 1.0  # the time-out is 0.6 s
    while time.monotonic() < beaten_until:
        how = {"AutoScalingGroupName": name, "LifecycleHookName": "install"}
        scaled.api.record_lifecycle_action_heartbeat(LifecycleActionToken=event["LifecycleActionToken"], **how)
        time.sleep(0.1)
    assert scaled.ids(name, "Pending:Wait") == [event["EC2InstanceId"]]
    assert events.next()["detail"]["EC2InstanceId"] != event["EC2InstanceId"]
    messages = [each.get("StatusMessage", "") for each in scaled.activities(name)]
    assert any("was abandoned: Heartbeat Timeout" in each for each in messages)


def test_the_default_result_may_be_to_continue(scaled: Scaled) -> None:
    name = scaled.group(0, LifecycleHookSpecificationList=[hook(DefaultResult="CONTINUE", **SHORT)])
    scaled.resize(name, 1)
    scaled.becomes(name, "Pending:Wait")
    scaled.becomes(name, "InService")


def test_all_hooks_are_notified_at_once_and_all_have_to_continue(scaled: Scaled) -> None:
    name = scaled.group(0, LifecycleHookSpecificationList=[hook("one"), hook("two")])
    events = scaled.events(name)
    scaled.resize(name, 1)
    both = [events.next(), events.next()]
    assert {each["detail"]["LifecycleHookName"] for each in both} == {"one", "two"}
    assert len({each["detail"]["LifecycleActionToken"] for each in both}) == 2
    scaled.answer(both[0])
    time.sleep(0.1)
    scaled.becomes(name, "Pending:Wait")
    scaled.answer(both[1])
    scaled.becomes(name, "InService")


def test_a_termination_waits_for_its_hook(scaled: Scaled) -> None:
    name = scaled.group(1)
    scaled.hook(name, "stop", LifecycleTransition=TERMINATING)
    events = scaled.events(name)
    (instance_id,) = scaled.ids(name)
    scaled.resize(name, 0)
    event = events.next()
    assert event["detail-type"] == TERMINATE and scaled.states(name) == ["Terminating:Wait"]
    assert (event["detail"]["Origin"], event["detail"]["Destination"]) == ("AutoScalingGroup", "EC2")
    assert scaled.host_state(instance_id) == "running"
    scaled.answer(event, "ABANDON")  # it is terminated anyway
    scaled.becomes(name)
    assert scaled.host_state(instance_id) == "terminated"


def test_an_abandoned_termination_may_keep_the_instance(scaled: Scaled) -> None:
    retains = {"RetentionTriggers": {"TerminateHookAbandon": "retain"}}
    name = scaled.group(1, InstanceLifecyclePolicy=retains)
    scaled.hook(name, "stop", LifecycleTransition=TERMINATING)
    events = scaled.events(name)
    (instance_id,) = scaled.ids(name)
    scaled.resize(name, 0)
    scaled.answer(events.next(), "ABANDON")
    scaled.becomes(name, "Terminating:Retained")
    assert scaled.host_state(instance_id) == "running"
    how = {"InstanceId": instance_id, "ShouldDecrementDesiredCapacity": False}
    scaled.api.terminate_instance_in_auto_scaling_group(**how)
    scaled.becomes(name)


def test_a_hook_that_is_deleted_completes_what_it_holds(scaled: Scaled) -> None:
    name = scaled.group(1)
    scaled.hook(name)
    scaled.hook(name, "stop", LifecycleTransition=TERMINATING)
    scaled.resize(name, 2)
    scaled.becomes(name, "InService", "Pending:Wait")
    (held,) = scaled.ids(name, "Pending:Wait")
    scaled.api.delete_lifecycle_hook(AutoScalingGroupName=name, LifecycleHookName="install")
    scaled.becomes(name, "InService", "InService")
    assert held not in scaled.ids(name)
    scaled.resize(name, 0)
    scaled.becomes(name, "Terminating:Wait", "Terminating:Wait")
    scaled.api.delete_lifecycle_hook(AutoScalingGroupName=name, LifecycleHookName="stop")
    scaled.becomes(name)


def test_hooks_are_described_with_their_times(scaled: Scaled) -> None:
    name = scaled.group(0)
    scaled.hook(name, "long", HeartbeatTimeout=7200)
    scaled.api.put_lifecycle_hook(AutoScalingGroupName=name, LifecycleHookName="long", DefaultResult="CONTINUE")
    scaled.api.put_lifecycle_hook(AutoScalingGroupName=name, LifecycleHookName="new", LifecycleTransition=TERMINATING)
    found = scaled.api.describe_lifecycle_hooks(AutoScalingGroupName=name)["LifecycleHooks"]
    shown = [(each["LifecycleHookName"], each["HeartbeatTimeout"], each["GlobalTimeout"]) for each in found]
    assert shown == [("long", 7200, 172800), ("new", 3600, 172800)]
    assert [each["DefaultResult"] for each in found] == ["CONTINUE", "ABANDON"]
    one = scaled.api.describe_lifecycle_hooks(AutoScalingGroupName=name, LifecycleHookNames=["new"])["LifecycleHooks"]
    assert [each["LifecycleHookName"] for each in one] == ["new"]


def test_a_group_has_at_most_fifty_hooks(scaled: Scaled) -> None:
    name = scaled.group(0, LifecycleHookSpecificationList=[hook(f"hook-{number}") for number in range(50)])
    with pytest.raises(ClientError, match="LimitExceeded"):
        scaled.hook(name, "hook-50")
    scaled.hook(name, "hook-49")  # a change is no new one


@pytest.mark.parametrize("wrong", [{"HeartbeatTimeout": 29}, {"DefaultResult": "MAYBE"}, {"LifecycleTransition": "x"}])
def test_what_no_hook_can_be_is_refused(scaled: Scaled, wrong: dict[str, Any]) -> None:
    name = scaled.group(0)
    how = {"AutoScalingGroupName": name, **hook(), **wrong}
    assert refusal(scaled.api.put_lifecycle_hook, **how) == "ValidationError"


def test_an_instance_that_dies_while_its_hook_waits_is_replaced(scaled: Scaled) -> None:
    name = scaled.group(0, LifecycleHookSpecificationList=[hook()])
    events = scaled.events(name)
    scaled.resize(name, 1)
    dead = events.next()["detail"]["EC2InstanceId"]
    scaled.aws.remove_instance(scaled.aws.instance(dead))
    event = events.next()
    assert event["detail"]["EC2InstanceId"] != dead
    scaled.answer(event)
    scaled.becomes(name, "InService")


def test_events_of_lifecycle_actions_get_lost_doubled_and_late(scaled: Scaled) -> None:
    name = scaled.group(0, most=9, LifecycleHookSpecificationList=[hook()])
    events = scaled.events(name)
    scaled.aws.faults.set(lost_lifecycle_events=1)
    scaled.resize(name, 1)
    scaled.becomes(name, "Pending:Wait")
    (lost,) = scaled.ids(name, "Pending:Wait")
    scaled.aws.faults.set(doubled_lifecycle_events=1)
    scaled.resize(name, 2)
    twice = [events.next()["detail"], events.next()["detail"]]
    assert twice[0] == twice[1] and twice[0]["EC2InstanceId"] != lost
    scaled.aws.faults.set(late_lifecycle_events=1, lifecycle_event_delay=0.5)
    scaled.resize(name, 3)
    scaled.becomes(name, *["Pending:Wait"] * 3)
    assert events.is_empty()
    assert events.next()["detail"]["EC2InstanceId"] not in (lost, twice[0]["EC2InstanceId"])


def test_answers_and_heartbeats_are_throttled(scaled: Scaled) -> None:
    name = scaled.group(0, LifecycleHookSpecificationList=[hook()])
    events = scaled.events(name)
    scaled.resize(name, 1)
    event = events.next()
    how = {"AutoScalingGroupName": name, "LifecycleHookName": "install", "InstanceId": event["detail"]["EC2InstanceId"]}
    caller = scaled.account.caller("autoscaling", may="autoscaling:*", on="*", config=_ONCE)
    scaled.aws.faults.set(throttled_heartbeats=1, throttled_completions=1)
    complete = {"LifecycleActionResult": "CONTINUE", **how}
    assert refusal(caller.record_lifecycle_action_heartbeat, **how) == "Throttling"
    assert refusal(caller.record_lifecycle_action_heartbeat, **how) == ""
    assert refusal(caller.complete_lifecycle_action, **complete) == "Throttling"
    assert refusal(caller.complete_lifecycle_action, **complete) == ""
