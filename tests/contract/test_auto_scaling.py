"""Auto Scaling's stand-in: groups, lifecycle hooks and suspended processes.

No hook of moto ever holds an instance, and none keeps its metadata; suspension in a group that is not there is
a KeyError. That the stand-in alone has.
"""

from typing import Any

import pytest

from functions.aws.clients import client
from functions.aws.fleet import autoscaling
from functions.core.auto_scaling import ScalingGroup
from functions.core.records import HookKind
from tests.fakes.autoscaling import FakeAutoScaling

pytestmark = pytest.mark.usefixtures("account")
HOOK = "stepdeploy-launch-shop-web"


@pytest.fixture(autouse=True)
def groups(account: None) -> None:
    for name in ("fleet", "spare"):
        make(name)


def make(name: str, **more: Any) -> None:
    service, launches = client("autoscaling"), f"{name}-launches"
    service.create_launch_configuration(
        LaunchConfigurationName=launches, ImageId="ami-12c6146b", InstanceType="t3.nano"
    )
    service.create_auto_scaling_group(
        AutoScalingGroupName=name,
        LaunchConfigurationName=launches,
        MinSize=0,
        MaxSize=9,
        AvailabilityZones=["us-east-1a"],
        **more,
    )


def seen(*names: str) -> list[ScalingGroup]:
    return autoscaling.groups(names)


def test_groups_are_found_by_their_names_and_those_that_are_not_there_are_left_out() -> None:
    assert [each.name for each in seen("spare", "gone", "fleet")] == ["fleet", "spare"]
    assert seen("gone") == []
    pages = client("autoscaling").get_paginator("describe_auto_scaling_groups").paginate()
    assert sorted(pages.search("AutoScalingGroups[].AutoScalingGroupName")) == ["fleet", "spare"]


def test_a_group_is_as_it_was_made() -> None:
    make("behind", HealthCheckType="ELB", HealthCheckGracePeriod=30)
    (found,) = seen("behind")
    assert (found.health_check_types, found.grace_seconds) == (frozenset({"ELB"}), 30)
    assert not found.takes_back and not found.is_being_deleted and found.members == ()


def test_what_is_suspended_is_suspended_once_and_resumed_alone() -> None:
    for _ in range(2):
        autoscaling.suspend("fleet", ["AZRebalance", "Terminate"])
    assert seen("fleet")[0].suspended == {"AZRebalance", "Terminate"} and seen("spare")[0].suspended == set()
    autoscaling.resume("fleet", ["Terminate", "AlarmNotification"])
    assert seen("fleet")[0].suspended == {"AZRebalance"}


def test_a_hook_is_put_again_and_deleted() -> None:
    autoscaling.put_hook("fleet", HOOK, HookKind.LAUNCH, "shop/api")
    autoscaling.put_hook("fleet", HOOK, HookKind.LAUNCH, "shop/web")
    autoscaling.put_hook("fleet", "theirs", HookKind.TERMINATION, "shop/web")
    assert autoscaling.hooks("fleet").keys() == {HOOK, "theirs"} and autoscaling.hooks("spare") == {}
    shown = client("autoscaling").describe_lifecycle_hooks(AutoScalingGroupName="fleet")["LifecycleHooks"]
    (found,) = [each for each in shown if each["LifecycleHookName"] == HOOK]
    assert (found["HeartbeatTimeout"], found["DefaultResult"]) == (600, "ABANDON")
    autoscaling.delete_hook("fleet", HOOK)
    assert autoscaling.hooks("fleet").keys() == {"theirs"}


def test_instances_that_no_group_has_are_not_told() -> None:
    assert autoscaling.states(["i-0123456789abcdef0"]) == {}


def test_a_member_is_told_with_its_group_and_alone() -> None:
    service, instance_id = client("autoscaling"), "i-0123456789abcdef0"
    if isinstance(service, FakeAutoScaling):
        service.put_member("fleet", instance_id)
    else:
        service.set_desired_capacity(AutoScalingGroupName="fleet", DesiredCapacity=1)
    (member,) = seen("fleet")[0].members
    assert member.is_target and autoscaling.states([member.instance_id]) == {member.instance_id: member}
    assert seen("spare")[0].members == ()
