"""Warm pools on the local cloud: hooked twice, stopped or running, drawn from and given back to."""

from typing import Any

from tests.local.autoscaling.scaled import TERMINATING, Scaled, hook
from tests.local.emulator import Account, refusal


def test_a_warm_pool_is_hooked_on_both_ways(scaled: Scaled) -> None:
    name = scaled.group(0, LifecycleHookSpecificationList=[hook()])
    events = scaled.events(name)
    scaled.api.put_warm_pool(AutoScalingGroupName=name, MaxGroupPreparedCapacity=1)
    event = events.next()
    instance_id = event["detail"]["EC2InstanceId"]
    assert scaled.warm(name) == ["Warmed:Pending:Wait"] and scaled.states(name) == []
    assert (event["detail"]["Origin"], event["detail"]["Destination"]) == ("EC2", "WarmPool")
    scaled.answer(event)
    scaled.until(lambda: scaled.warm(name) == ["Warmed:Stopped"], "the instance to be prepared")
    assert scaled.host_state(instance_id) == "stopped"
    found = scaled.api.describe_auto_scaling_instances(InstanceIds=[instance_id])["AutoScalingInstances"]
    assert found[0]["LifecycleState"] == "Warmed:Stopped" and scaled.described(name)["WarmPoolSize"] == 1

    scaled.resize(name, 1)
    event = events.next()
    assert event["detail"]["EC2InstanceId"] == instance_id
    assert (event["detail"]["Origin"], event["detail"]["Destination"]) == ("WarmPool", "AutoScalingGroup")
    assert scaled.states(name) == ["Pending:Wait"] and scaled.host_state(instance_id) == "running"
    scaled.answer(event)
    scaled.becomes(name, "InService")
    assert scaled.warm(name) == []  # one instance in all is prepared


def test_an_abandoned_preparation_is_replaced(scaled: Scaled) -> None:
    name = scaled.group(0, most=1, LifecycleHookSpecificationList=[hook()])
    events = scaled.events(name)
    scaled.api.put_warm_pool(AutoScalingGroupName=name, PoolState="Running")
    first = events.next()
    scaled.answer(first, "ABANDON")
    second = events.next()
    assert first["detail"]["EC2InstanceId"] != second["detail"]["EC2InstanceId"]
    scaled.answer(second)
    scaled.until(lambda: scaled.warm(name) == ["Warmed:Running"], "the instance to be prepared")
    assert scaled.host_state(second["detail"]["EC2InstanceId"]) == "running"


def test_a_reuse_policy_gives_instances_back(scaled: Scaled) -> None:
    name = scaled.group(1, most=2)
    scaled.hook(name, "stop", LifecycleTransition=TERMINATING)
    policy = {"InstanceReusePolicy": {"ReuseOnScaleIn": True}}
    scaled.api.put_warm_pool(AutoScalingGroupName=name, MaxGroupPreparedCapacity=1, **policy)
    (instance_id,) = scaled.ids(name)
    events = scaled.events(name)
    scaled.resize(name, 0)
    event = events.next()
    assert scaled.states(name) == [] and scaled.warm(name) == ["Warmed:Pending:Wait"]
    assert (event["detail"]["Origin"], event["detail"]["Destination"]) == ("AutoScalingGroup", "WarmPool")
    assert event["detail"]["LifecycleTransition"] == TERMINATING
    scaled.answer(event)
    scaled.until(lambda: scaled.warm(name) == ["Warmed:Stopped"], "the instance to be back")
    scaled.resize(name, 1)
    scaled.becomes(name, "InService")
    assert scaled.ids(name) == [instance_id]


def test_a_warm_pool_ends_with_its_instances(scaled: Scaled) -> None:
    name = scaled.group(1, most=3)
    scaled.hook(name, "stop", LifecycleTransition=TERMINATING)
    scaled.api.put_warm_pool(AutoScalingGroupName=name, MinSize=1, MaxGroupPreparedCapacity=2)
    scaled.until(lambda: scaled.warm(name) == ["Warmed:Stopped"], "the instance to be prepared")
    described = scaled.described(name)["WarmPoolConfiguration"]
    assert (described["MinSize"], described["MaxGroupPreparedCapacity"], described["PoolState"]) == (1, 2, "Stopped")
    scaled.api.put_warm_pool(AutoScalingGroupName=name, MaxGroupPreparedCapacity=-1)
    scaled.until(lambda: scaled.warm(name) == ["Warmed:Stopped"] * 2, "as many as the group may have")
    events = scaled.events(name)
    scaled.api.delete_warm_pool(AutoScalingGroupName=name)
    both = [events.next(), events.next()]
    assert {(each["detail"]["Origin"], each["detail"]["Destination"]) for each in both} == {("WarmPool", "EC2")}
    assert scaled.warm(name) == ["Warmed:Terminating:Wait"] * 2
    assert scaled.described(name)["WarmPoolConfiguration"]["Status"] == "PendingDelete"
    scaled.api.delete_warm_pool(AutoScalingGroupName=name, ForceDelete=True)
    scaled.until(lambda: "WarmPoolConfiguration" not in scaled.described(name), "the pool to be gone")
    assert scaled.states(name) == ["InService"]
    assert refusal(scaled.api.delete_warm_pool, AutoScalingGroupName=name) == "ValidationError"


def test_a_suspended_launch_fills_no_pool(scaled: Scaled) -> None:
    name = scaled.group(0, most=1)
    how: dict[str, Any] = {"AutoScalingGroupName": name, "ScalingProcesses": ["Launch"]}
    scaled.api.suspend_processes(**how)
    scaled.api.put_warm_pool(AutoScalingGroupName=name)
    assert scaled.warm(name) == []
    scaled.api.resume_processes(**how)
    scaled.until(lambda: scaled.warm(name) == ["Warmed:Stopped"], "the instance to be prepared")


def test_the_emulator_still_has_no_warm_pools(bare: Account) -> None:
    assert refusal(bare.client("autoscaling").put_warm_pool, AutoScalingGroupName="none") == "InvalidAction"
