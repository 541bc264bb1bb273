"""Auto Scaling groups behind load balancers on the local cloud: who registers, who drains, who is replaced."""

from typing import Any

import pytest

from tests.local.autoscaling.scaled import TERMINATING, Scaled, hook
from tests.local.elb.balanced import SENSITIVE, Balanced
from tests.local.emulator import refusal


def targets(balanced: Balanced, group: str) -> dict[str, str]:
    """The states of the targets, by their ids."""
    found = balanced.elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    return {each["Target"]["Id"]: each["TargetHealth"]["State"] for each in found}


def members(balanced: Balanced, classic: str) -> list[str]:
    found = balanced.classic.describe_load_balancers(LoadBalancerNames=[classic])["LoadBalancerDescriptions"][0]
    return [each["InstanceId"] for each in found["Instances"]]


def classic_balancer(balanced: Balanced) -> str:
    name = balanced.account.name()
    listener = {"Protocol": "HTTP", "LoadBalancerPort": 80, "InstancePort": 80}
    balanced.classic.create_load_balancer(LoadBalancerName=name, Listeners=[listener], Subnets=balanced.subnets)
    balanced.account.at_end(balanced.classic.delete_load_balancer, LoadBalancerName=name)
    return name


def test_an_instance_is_registered_when_it_is_in_service(scaled: Scaled, balanced: Balanced) -> None:
    group, classic = balanced.group(), classic_balancer(balanced)
    sources: dict[str, Any] = {"TargetGroupARNs": [group], "LoadBalancerNames": [classic]}
    name = scaled.group(0, LifecycleHookSpecificationList=[hook()], **sources)
    events = scaled.events(name)
    scaled.resize(name, 1)
    event = events.next()
    assert targets(balanced, group) == {} and members(balanced, classic) == []
    scaled.answer(event)
    scaled.becomes(name, "InService")
    assert list(targets(balanced, group)) == members(balanced, classic) == scaled.ids(name)


def test_a_scale_in_drains_before_its_hooks(scaled: Scaled, balanced: Balanced) -> None:
    group = balanced.group()
    balanced.in_front(group)
    balanced.set(group, deregistration_delay__timeout_seconds=5)  # half a second here
    name = scaled.group(1, TargetGroupARNs=[group])
    scaled.hook(name, "stop", LifecycleTransition=TERMINATING)
    (instance_id,) = scaled.ids(name)
    events = scaled.events(name)
    scaled.resize(name, 0)
    scaled.becomes(name, "Terminating")
    assert targets(balanced, group) == {instance_id: "draining"}
    assert scaled.activities(name)[0]["StatusCode"] == "WaitingForELBConnectionDraining"
    event = events.next()
    assert scaled.states(name) == ["Terminating:Wait"] and targets(balanced, group) == {}
    scaled.answer(event)
    scaled.becomes(name)


def test_what_enters_service_unregistered_stays_so(scaled: Scaled, balanced: Balanced) -> None:
    group = balanced.group()
    name = scaled.group(0, TargetGroupARNs=[group])
    scaled.api.suspend_processes(AutoScalingGroupName=name, ScalingProcesses=["AddToLoadBalancer"])
    scaled.resize(name, 1)
    scaled.becomes(name, "InService")
    assert targets(balanced, group) == {}
    scaled.api.resume_processes(AutoScalingGroupName=name, ScalingProcesses=["AddToLoadBalancer"])
    scaled.resize(name, 2)
    scaled.becomes(name, "InService", "InService")
    assert len(targets(balanced, group)) == 1


def test_standby_leaves_the_load_balancer(scaled: Scaled, balanced: Balanced) -> None:
    group = balanced.group()
    balanced.in_front(group)
    balanced.set(group, deregistration_delay__timeout_seconds=3)
    name = scaled.group(1, TargetGroupARNs=[group])
    (instance_id,) = scaled.ids(name)
    how = {"AutoScalingGroupName": name, "InstanceIds": [instance_id]}
    scaled.api.enter_standby(ShouldDecrementDesiredCapacity=True, **how)
    assert scaled.states(name) == ["EnteringStandby"]
    scaled.becomes(name, "Standby")
    assert targets(balanced, group) == {}
    scaled.api.exit_standby(**how)
    scaled.becomes(name, "InService")
    assert list(targets(balanced, group)) == [instance_id]


@pytest.mark.parametrize(
    ("attach", "detach", "describe", "shown"),
    [
        (
            "attach_load_balancer_target_groups",
            "detach_load_balancer_target_groups",
            "describe_load_balancer_target_groups",
            "LoadBalancerTargetGroups",
        ),
        ("attach_traffic_sources", "detach_traffic_sources", "describe_traffic_sources", "TrafficSources"),
    ],
)
def test_target_groups_are_attached_and_detached(
    scaled: Scaled, balanced: Balanced, attach: str, detach: str, describe: str, shown: str
) -> None:
    group, name = balanced.group(), scaled.group(1)
    if shown == "TrafficSources":
        how: dict[str, Any] = {"TrafficSources": [{"Identifier": group, "Type": "elbv2"}]}
    else:
        how = {"TargetGroupARNs": [group]}
    getattr(scaled.api, attach)(AutoScalingGroupName=name, **how)
    assert list(targets(balanced, group)) == scaled.ids(name)
    (found,) = getattr(scaled.api, describe)(AutoScalingGroupName=name)[shown]
    assert found["State"] == "Added"
    assert scaled.described(name)["TargetGroupARNs"] == [group]
    getattr(scaled.api, detach)(AutoScalingGroupName=name, **how)
    balanced.until(lambda: targets(balanced, group) == {}, "the instance to leave")
    assert getattr(scaled.api, describe)(AutoScalingGroupName=name)[shown] == []


def test_classic_load_balancers_are_attached_and_detached(scaled: Scaled, balanced: Balanced) -> None:
    classic, name = classic_balancer(balanced), scaled.group(1)
    how = {"AutoScalingGroupName": name, "LoadBalancerNames": [classic]}
    scaled.api.attach_load_balancers(**how)
    assert members(balanced, classic) == scaled.ids(name)
    shown = scaled.api.describe_load_balancers(AutoScalingGroupName=name)["LoadBalancers"]
    assert shown == [{"LoadBalancerName": classic, "State": "Added"}]
    scaled.api.detach_load_balancers(**how)
    assert members(balanced, classic) == []
    none = {"AutoScalingGroupName": name, "LoadBalancerNames": ["none"]}
    assert refusal(scaled.api.attach_load_balancers, **none) == "ValidationError"


def test_who_fails_in_the_load_balancer_is_replaced_but_not_who_left_it(scaled: Scaled, balanced: Balanced) -> None:
    group = balanced.group(**SENSITIVE)
    balanced.in_front(group)
    name = scaled.group(1, TargetGroupARNs=[group], HealthCheckType="ELB", HealthCheckGracePeriod=5)
    (first,) = scaled.ids(name)
    balanced.elb.deregister_targets(TargetGroupArn=group, Targets=[{"Id": first}])  # as for an update
    balanced.until(lambda: targets(balanced, group) == {}, "the instance to leave")
    assert scaled.instances(name)[0]["HealthStatus"] == "Healthy"
    balanced.elb.register_targets(TargetGroupArn=group, Targets=[{"Id": first}])  # nothing answers there
    scaled.until(lambda: first not in scaled.ids(name), "the instance to be replaced")
    causes = [each["Cause"] for each in scaled.activities(name)]
    assert any("in response to an ELB system health check failure." in each for each in causes)
