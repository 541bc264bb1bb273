"""Auto Scaling groups, hooks and warm pools as resources of CloudFormation on the local cloud, also by the CDK."""

import re
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.autoscaling.scaled import TERMINATING, Scaled, hook
from tests.local.elb.test_cloudformation import Stack
from tests.local.emulator import Account

KIND = "AWS::AutoScaling::"


def ref(logical_id: str) -> dict[str, str]:
    return {"Ref": logical_id}


def resources(**group: Any) -> dict[str, Any]:
    """A group of two with a hook and a launch template; numbers are texts, as the CDK writes them."""
    properties = {
        "MinSize": "0",
        "MaxSize": "3",
        "DesiredCapacity": "2",
        "VPCZoneIdentifier": ["subnet-00000001", "subnet-00000002"],
        "LaunchTemplate": {
            "LaunchTemplateId": ref("Template"),
            "Version": {"Fn::GetAtt": ["Template", "LatestVersionNumber"]},
        },
        "Tags": [{"Key": "role", "Value": "web", "PropagateAtLaunch": True}],
        **group,
    }
    return {
        "Template": {"Type": "AWS::EC2::LaunchTemplate", "Properties": {"LaunchTemplateData": {"ImageId": "ami-1"}}},
        "Group": {
            "Type": f"{KIND}AutoScalingGroup",
            "Properties": {name: value for name, value in properties.items() if value is not None},
            "UpdatePolicy": {"AutoScalingScheduledAction": {"IgnoreUnmodifiedGroupSizeProperties": True}},
        },
    }


def hook_resource(**how: Any) -> dict[str, Any]:
    given = {"LifecycleTransition": TERMINATING, "HeartbeatTimeout": "30", "DefaultResult": "CONTINUE"}
    return {"Type": f"{KIND}LifecycleHook", "Properties": {"AutoScalingGroupName": ref("Group"), **given, **how}}


def test_a_stack_makes_changes_and_deletes_a_group_with_its_hooks(scaled: Scaled) -> None:
    made = resources(MinSize="2") | {"Hook": hook_resource()}
    stack = Stack(scaled.account, made, Name=ref("Group"), Hook=ref("Hook"))
    assert stack.settled() == "CREATE_COMPLETE"
    outputs = stack.outputs()
    name = outputs["Name"]
    scaled.becomes(name, "InService", "InService")
    hooks = scaled.api.describe_lifecycle_hooks(AutoScalingGroupName=name)["LifecycleHooks"]
    assert [(each["LifecycleHookName"], each["HeartbeatTimeout"]) for each in hooks] == [(outputs["Hook"], 30)]

    scaled.resize(name, 3)
    scaled.becomes(name, *["InService"] * 3)  # before there is a hook for launches
    tags = [{"Key": "stage", "Value": "test", "PropagateAtLaunch": False}]
    changed = resources(MaxSize="4", Cooldown="9", Tags=tags, LifecycleHookSpecificationList=[hook()])
    stack.update(changed | {"Hook": hook_resource(HeartbeatTimeout="60")})
    assert stack.settled() == "UPDATE_COMPLETE" and stack.outputs() == outputs
    found = scaled.described(name)
    assert (found["MinSize"], found["MaxSize"], found["DefaultCooldown"]) == (0, 4, 9)
    assert found["DesiredCapacity"] == 3  # somebody else's, and not changed by the template
    own = [each["Key"] for each in found["Tags"] if not each["Key"].startswith("aws:")]
    assert own == ["stage"]
    hooks = scaled.api.describe_lifecycle_hooks(AutoScalingGroupName=name)["LifecycleHooks"]
    assert {each["LifecycleHookName"]: each["HeartbeatTimeout"] for each in hooks} == {
        outputs["Hook"]: 60,
        "install": 3000,
    }

    events = scaled.events(name)
    stack.delete()
    assert scaled.described(name) == {}
    assert events.is_empty()  # the hook had gone before


def test_the_deletion_of_a_group_passes_its_hooks(scaled: Scaled) -> None:
    inline = [hook("stop", LifecycleTransition=TERMINATING, HeartbeatTimeout=30)]
    one = resources(MinSize="1", DesiredCapacity="1", LifecycleHookSpecificationList=inline)
    stack = Stack(scaled.account, one, Name=ref("Group"))
    assert stack.settled() == "CREATE_COMPLETE"
    name = stack.outputs()["Name"]
    scaled.becomes(name, "InService")
    events = scaled.events(name)
    scaled.api.put_warm_pool(AutoScalingGroupName=name, MaxGroupPreparedCapacity=2)
    stack.delete()
    assert events.next()["detail"]["LifecycleHookName"] == "stop"
    assert scaled.described(name) == {}


def test_a_stack_makes_and_takes_a_warm_pool(scaled: Scaled) -> None:
    pool = {"AutoScalingGroupName": ref("Group"), "MinSize": "1", "MaxGroupPreparedCapacity": "1"}
    with_pool = resources(DesiredCapacity=None) | {"Pool": {"Type": f"{KIND}WarmPool", "Properties": pool}}
    stack = Stack(scaled.account, with_pool, Name=ref("Group"), Pool=ref("Pool"))
    assert stack.settled() == "CREATE_COMPLETE"
    name = stack.outputs()["Name"]
    assert stack.outputs()["Pool"] == name
    scaled.until(lambda: scaled.warm(name) == ["Warmed:Stopped"], "the instance to be prepared")
    pool["PoolState"] = "Running"
    stack.update(with_pool)
    assert stack.settled() == "UPDATE_COMPLETE"
    assert scaled.described(name)["WarmPoolConfiguration"]["PoolState"] == "Running"
    stack.delete()
    assert scaled.described(name) == {}


def test_a_stack_says_what_auto_scaling_refuses(scaled: Scaled) -> None:
    stack = Stack(scaled.account, resources(MinSize="4"))
    assert "Max bound, 3, must be greater than or equal to min bound, 4" in stack.settled()
    other = Stack(scaled.account, resources(NoProperty="4"))
    assert "Member is not known" in other.settled()


def test_the_emulator_still_does_not_know_warm_pools(bare: Account) -> None:
    with pytest.raises(ClientError, match=re.escape(f"Unrecognized resource types: [{KIND}WarmPool]")):
        Stack(bare, {"Pool": {"Type": f"{KIND}WarmPool", "Properties": {}}})
