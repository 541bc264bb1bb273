"""Prepare of a deployment to an Auto Scaling group: its processes are suspended on record, or nothing begins."""
# ruff: noqa: F811 - a test asks for a fixture by its name

from typing import Any

import pytest

from functions.aws.clients import client
from functions.core.records import AutoScaling
from functions.core.statuses import DeploymentErrorCode
from functions.store.records import suspensions
from tests.unit.handlers.test_prepare import World, world  # noqa: F401 - a fixture

SCALED = AutoScaling(groups=("fleet",), suspended=("AZRebalance",))


@pytest.fixture
def fleet(world: World) -> Any:
    """An Auto Scaling group of two members that serve, and a deployment to it."""
    service, zones = client("autoscaling"), ["us-east-1a"]
    service.create_auto_scaling_group(AutoScalingGroupName="fleet", MinSize=0, MaxSize=9, AvailabilityZones=zones)
    world.launch(2, scaling_group="fleet")
    for each in world.instances:
        service.put_member("fleet", each)
    world.create(auto_scaling=SCALED)
    return service


def suspended() -> list[str]:
    (shown,) = client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=["fleet"])["AutoScalingGroups"]
    return [each["ProcessName"] for each in shown["SuspendedProcesses"]]


def test_processes_are_suspended_on_record(world: World, fleet: Any) -> None:
    assert world.prepare()["proceed"] is True
    assert suspended() == ["AZRebalance"]
    assert [(each.deployment_id, each.processes) for each in suspensions.all()] == [("d-000000001", ("AZRebalance",))]


def test_processes_that_somebody_else_has_suspended_stay_as_they_are(world: World, fleet: Any) -> None:
    fleet.suspend_processes(AutoScalingGroupName="fleet", ScalingProcesses=["AZRebalance"])
    assert world.prepare()["proceed"] is True
    assert list(suspensions.all()) == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"Status": "Delete in progress"}, "is being deleted"),
        ({"HealthCheckType": "EC2,ELB", "HealthCheckGracePeriod": 0}, "without a health check grace period"),
        ({"WarmPoolConfiguration": {"InstanceReusePolicy": {"ReuseOnScaleIn": True}}}, "set ReuseOnScaleIn"),
        (None, "there is no such Auto Scaling group in this Region"),
    ],
)
def test_an_auto_scaling_group_that_is_not_as_it_was_begins_nothing(
    world: World, fleet: Any, change: dict[str, Any] | None, says: str
) -> None:
    if change is None:
        fleet.remove_group("fleet")
    else:
        fleet.set_group("fleet", **change)
    world.assert_refused(DeploymentErrorCode.AUTO_SCALING_CONFIGURATION, "fleet", says)
    assert list(suspensions.all()) == []


def test_a_suspension_that_is_refused_begins_nothing(world: World, fleet: Any) -> None:
    def refuse(operation: str) -> None:
        if operation == "SuspendProcesses":
            raise fleet.refuse("AccessDenied", operation)

    fleet.before = refuse
    world.assert_refused(DeploymentErrorCode.AUTO_SCALING_IAM_ROLE_PERMISSIONS, "fleet", "AZRebalance")
    assert suspended() == [] and list(suspensions.all()) == []
