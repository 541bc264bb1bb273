"""Deployment groups with Auto Scaling groups: what they echo, their hooks, and what is refused."""

from typing import Any

import pytest

from functions.aws.clients import client
from functions.core.auto_scaling import hook_name
from functions.core.records import HookKind
from functions.store.records import declared, groups
from tests.store import Store
from tests.unit.api.conftest import Api
from tests.unit.api.test_groups import CHANGE, ROLE, WEB, make, told

LAUNCH, TERMINATION = (hook_name(kind, "shop/web") for kind in HookKind)
INVALID = "InvalidAutoScalingGroupException"


@pytest.fixture(autouse=True)
def scaling(api: Api, services: None) -> Any:
    api("CreateApplication", applicationName="shop")
    for name in ("fleet", "spare"):
        make_scaling_group(name)
    declared.change_scaling_groups(("fleet", "spare", "gone"))
    return client("autoscaling")


def make_scaling_group(name: str, **more: Any) -> None:
    zones = ["us-east-1a"]
    client("autoscaling").create_auto_scaling_group(
        AutoScalingGroupName=name, MinSize=0, MaxSize=9, AvailabilityZones=zones, **more
    )


def test_a_group_has_a_hook_in_each_auto_scaling_group_and_echoes_it(api: Api, store: Store, scaling: Any) -> None:
    make(api, autoScalingGroups=["fleet", "spare"], ec2TagFilters=[])
    both = [{"name": name, "hook": LAUNCH} for name in ("fleet", "spare")]
    assert told(api).items() >= {"autoScalingGroups": both, "terminationHookEnabled": False}.items()
    assert scaling.hooks_of("fleet") == {
        LAUNCH: {
            "LifecycleHookName": LAUNCH,
            "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING",
            "NotificationMetadata": "shop/web",
            "HeartbeatTimeout": 600,
            "DefaultResult": "ABANDON",
        }
    }
    assert groups.of_scaling_groups() == {"fleet": ["shop/web"], "spare": ["shop/web"]}
    api("UpdateDeploymentGroup", **CHANGE, autoScalingGroups=["fleet"], terminationHookEnabled=True)
    assert told(api)["autoScalingGroups"] == [{"name": "fleet", "hook": LAUNCH, "terminationHook": TERMINATION}]
    assert scaling.hooks_of("fleet").keys() == {LAUNCH, TERMINATION}
    assert scaling.hooks_of("spare") == {}
    assert api("DeleteDeploymentGroup", **WEB) == {"hooksNotCleanedUp": []}
    assert scaling.hooks_of("fleet") == {}
    assert groups.of_scaling_groups() == {}


def test_additions_are_read_back_and_can_be_changed(api: Api, store: Store, scaling: Any) -> None:
    options = {"processesToSuspend": ["AZRebalance"]}
    additions: dict[str, Any] = {
        "ec2DeploymentOptions": options,
        "launchOrder": 2,
        "launchesTakePlaces": True,
        "afterFailedLaunches": "ABANDON",
    }
    make(api, autoScalingGroups=["fleet"], ec2TagFilters=[], **additions)
    assert told(api).items() >= additions.items()
    api("UpdateDeploymentGroup", **CHANGE, launchesTakePlaces=False)
    assert "launchesTakePlaces" not in told(api) and told(api)["afterFailedLaunches"] == "ABANDON"


def test_members_that_serve_are_instances_of_the_group(api: Api, store: Store, scaling: Any) -> None:
    make(api, autoScalingGroups=["fleet"], ec2TagFilters=[])
    tags = [{"Key": "aws:autoscaling:groupName", "Value": "fleet"}]
    specified = [{"ResourceType": "instance", "Tags": tags}]
    made = client("ec2").run_instances(ImageId="ami-1", MinCount=4, MaxCount=4, TagSpecifications=specified)
    ids = [each["InstanceId"] for each in made["Instances"]]
    for instance_id, state in zip(ids, ["InService", "Standby", "Pending:Wait", "Warmed:Stopped"], strict=True):
        scaling.put_member("fleet", instance_id, state)
    told = api("ListGroupInstances", **WEB)["instances"]
    assert sorted(each["instanceId"] for each in told) == sorted(ids[:2])


def test_a_group_that_gets_another_name_gets_other_hooks(api: Api, store: Store, scaling: Any) -> None:
    make(api, autoScalingGroups=["fleet"])
    api("UpdateDeploymentGroup", **CHANGE, newDeploymentGroupName="site")
    assert scaling.hooks_of("fleet").keys() == {hook_name(HookKind.LAUNCH, "shop/site")}


def test_a_hook_that_cannot_be_deleted_is_named(api: Api, store: Store, scaling: Any) -> None:
    make(api, autoScalingGroups=["fleet"])

    def refuse(operation: str) -> None:
        if operation == "DeleteLifecycleHook":
            raise scaling.refuse("AccessDenied", operation)

    scaling.before = refuse
    left = api("DeleteDeploymentGroup", **WEB)["hooksNotCleanedUp"]
    assert left == [{"name": "fleet", "hook": LAUNCH}]


def test_a_hook_that_is_gone_already_is_as_it_should_be(api: Api, store: Store, scaling: Any) -> None:
    make(api, autoScalingGroups=["fleet"])
    scaling.delete_lifecycle_hook(AutoScalingGroupName="fleet", LifecycleHookName=LAUNCH)
    assert api("DeleteDeploymentGroup", **WEB) == {"hooksNotCleanedUp": []}


@pytest.mark.parametrize(
    ("code", "members", "says"),
    [
        (INVALID, {"autoScalingGroups": ["a:b"]}, "autoScalingGroups[0]: 'a:b' is not the name"),
        (
            INVALID,
            {"autoScalingGroups": ["arn:aws:autoscaling:eu-west-1:1:autoScalingGroup:x:autoScalingGroupName/fleet"]},
            "is not the name of an Auto Scaling group",
        ),
        (INVALID, {"autoScalingGroups": ["fleet", "fleet"]}, "fleet is listed twice"),
        (INVALID, {"autoScalingGroups": [f"fleet{n}" for n in range(11)]}, "has 11, at most 10"),
        (INVALID, {"autoScalingGroups": ["other"]}, "name it in deployments.yaml, under autoScalingGroups"),
        (INVALID, {"autoScalingGroups": ["gone"]}, "there is no such Auto Scaling group in this Region"),
        ("InvalidInputException", {"terminationHookEnabled": True}, "do not have any effect without"),
        (
            "InvalidInputException",
            {"autoScalingGroups": ["fleet"], "ec2DeploymentOptions": {"processesToSuspend": ["Sleep"]}},
            "processesToSuspend[0]: 'Sleep' is not a process that can be suspended: give one of AZRebalance",
        ),
        ("InvalidInputException", {"launchOrder": 1}, "do not have any effect without autoScalingGroups"),
        (
            "InvalidInputException",
            {"autoScalingGroups": ["fleet"], "launchOrder": 0},
            "launchOrder: 0 must be a whole number from 1 to 99",
        ),
        ("InvalidInputException", {"launchesTakePlaces": True}, "do not have any effect without autoScalingGroups"),
        (
            "InvalidInputException",
            {"autoScalingGroups": ["fleet"], "afterFailedLaunches": "WAIT"},
            "'WAIT' is not one of CONTINUE, ABANDON",
        ),
    ],
)
def test_what_is_wrong_is_refused_before_anything_changes(
    api: Api, store: Store, scaling: Any, code: str, members: Any, says: str
) -> None:
    group = {**WEB, "deploymentGroupName": "new", "serviceRoleArn": ROLE, **members}
    make(api)
    assert says in api.refuses(code, "CreateDeploymentGroup", **group)
    before = told(api)
    assert says in api.refuses(code, "UpdateDeploymentGroup", **{**CHANGE, **members})
    assert told(api) == before
    assert scaling.hooks_of("fleet") == {}


def test_groups_have_one_auto_scaling_group_in_an_order(api: Api, store: Store, scaling: Any) -> None:
    make(api, autoScalingGroups=["fleet"])
    second = {**WEB, "deploymentGroupName": "second", "serviceRoleArn": ROLE, "autoScalingGroups": ["fleet"]}
    assert "give both" in api.refuses(INVALID, "CreateDeploymentGroup", **second, launchOrder=2)
    api("UpdateDeploymentGroup", **CHANGE, launchOrder=2)
    same = api.refuses(INVALID, "CreateDeploymentGroup", **second, launchOrder=2)
    assert "fleet: shop/web has this Auto Scaling group too, and the same launchOrder 2: give another one" in same
    api("CreateDeploymentGroup", **second, launchOrder=1)
    assert scaling.hooks_of("fleet").keys() == {LAUNCH, hook_name(HookKind.LAUNCH, "shop/second")}
    assert "same launchOrder 1" in api.refuses(INVALID, "UpdateDeploymentGroup", **CHANGE, launchOrder=1)


def test_auto_scaling_groups_that_cannot_be_used_are_refused(api: Api, store: Store, scaling: Any) -> None:
    make(api, autoScalingGroups=["spare"])
    second = {**WEB, "deploymentGroupName": "second", "serviceRoleArn": ROLE}

    def refused(name: str, code: str = INVALID) -> str:
        return api.refuses(code, "CreateDeploymentGroup", **second, autoScalingGroups=[name])

    assert "spare: shop/web has this Auto Scaling group already: give both groups a launchOrder" in refused("spare")
    scaling.set_group("fleet", Status="Delete in progress")
    assert "fleet: this Auto Scaling group is being deleted" in refused("fleet")
    make_scaling_group("fleet", HealthCheckType="ELB", HealthCheckGracePeriod=0)
    assert "without a health check grace period" in refused("fleet")
    make_scaling_group("fleet")
    scaling.set_group("fleet", WarmPoolConfiguration={"InstanceReusePolicy": {"ReuseOnScaleIn": True}})
    assert "set ReuseOnScaleIn of its InstanceReusePolicy to false" in refused("fleet")
    make_scaling_group("fleet")
    own = hook_name(HookKind.LAUNCH, "shop/second")
    hook = {"LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING", "NotificationMetadata": "theirs"}
    scaling.put_lifecycle_hook(AutoScalingGroupName="fleet", LifecycleHookName=own, **hook)
    assert "of somebody else already" in refused("fleet")
    scaling.delete_lifecycle_hook(AutoScalingGroupName="fleet", LifecycleHookName=own)
    for number in range(50):
        scaling.put_lifecycle_hook(AutoScalingGroupName="fleet", LifecycleHookName=f"hook-{number}", **hook)
    assert "has 50 lifecycle hooks, at most 50" in refused("fleet", "LifecycleHookLimitExceededException")
    assert groups.get("shop", "second") is None
