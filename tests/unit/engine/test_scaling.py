"""Auto Scaling after a deployment: processes are resumed by whoever finds them, and missed members get the revision."""

from typing import Any

import pytest

from functions.aws.clients import client
from functions.core.records import AutoScaling, DeploymentSummary, GroupSettings
from functions.core.statuses import Creator, DeploymentStatus
from functions.core.text.shapes import to_plain
from functions.handlers import find_lost, finish
from functions.store.keys import deployment_key, scaling_group_key
from functions.store.records import deployments, suspensions
from functions.store.records.suspensions import Suspension
from tests.conftest import LambdaContext, put_group, put_item
from tests.store import Store
from tests.unit.news import deployment

SUSPENDED = ("AZRebalance", "Terminate")
SETTINGS = GroupSettings(auto_scaling=AutoScaling(groups=("fleet",), suspended=SUSPENDED))
OVER = deployment(DeploymentStatus.SUCCEEDED, deployment_id="d-OVER00000", settings=SETTINGS)
RUNS = deployment(DeploymentStatus.IN_PROGRESS, deployment_id="d-RUNS00000", settings=SETTINGS)


@pytest.fixture
def fleet(store: Store, services: None) -> Any:
    """An Auto Scaling group whose deployment is over and has left its processes suspended."""
    service = client("autoscaling")
    zones = ["us-east-1a"]
    service.create_auto_scaling_group(AutoScalingGroupName="fleet", MinSize=0, MaxSize=9, AvailabilityZones=zones)
    service.suspend_processes(AutoScalingGroupName="fleet", ScalingProcesses=[*SUSPENDED, "AlarmNotification"])
    for each in (OVER, RUNS):
        put_item({**deployment_key(each.deployment_id).item, **to_plain(each)})
    last = DeploymentSummary(
        deployment_id=OVER.deployment_id,
        status=OVER.status,
        create_time=OVER.create_time,
        revision=OVER.revision,
    )
    put_group(settings=SETTINGS, last_successful=last)
    put_item(scaling_group_key("fleet", "shop/web").item)
    suspensions.put(Suspension(scaling_group="fleet", deployment_id=OVER.deployment_id, processes=SUSPENDED))
    return service


def suspended() -> set[str]:
    (shown,) = client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=["fleet"])["AutoScalingGroups"]
    return {each["ProcessName"] for each in shown["SuspendedProcesses"]}


@pytest.mark.parametrize("who", [finish.handler, find_lost.handler])
def test_what_a_deployment_has_suspended_is_resumed_and_nothing_else(
    who: Any, fleet: Any, context: LambdaContext
) -> None:
    who({"deployment_id": OVER.deployment_id}, context)
    assert suspended() == {"AlarmNotification"}
    assert list(suspensions.all()) == []


def test_another_deployment_keeps_what_it_wants_suspended(fleet: Any, context: LambdaContext) -> None:
    other = Suspension(scaling_group="fleet", deployment_id=RUNS.deployment_id, processes=("Terminate",))
    suspensions.put(other)
    finish.handler({"deployment_id": OVER.deployment_id}, context)
    assert suspended() == {"AlarmNotification", "Terminate"}
    assert list(suspensions.all()) == [other]


def test_what_cannot_be_resumed_now_is_tried_again(fleet: Any, context: LambdaContext) -> None:
    def refuse(operation: str) -> None:
        if operation == "ResumeProcesses":
            raise fleet.refuse("AccessDenied", operation)

    fleet.before = refuse
    finish.handler({"deployment_id": OVER.deployment_id}, context)
    assert suspended() == {"AlarmNotification", *SUSPENDED}
    fleet.before = lambda operation: None
    find_lost.handler({}, context)
    assert suspended() == {"AlarmNotification"}


def test_what_is_gone_with_its_auto_scaling_group_is_forgotten(fleet: Any, context: LambdaContext) -> None:
    fleet.remove_group("fleet")
    finish.handler({"deployment_id": OVER.deployment_id}, context)
    assert list(suspensions.all()) == []


def test_missed_members_get_the_revision_once(fleet: Any, context: LambdaContext) -> None:
    for number, state in enumerate(["InService", "Standby", "Pending:Proceed", "Pending", "Terminating"]):
        fleet.put_member("fleet", f"i-{number:017x}", state)
    for _ in range(2):
        finish.handler({"deployment_id": OVER.deployment_id}, context)
    (update,) = deployments.of_status(DeploymentStatus.CREATED)
    assert (update.creator, update.updates) == (Creator.AUTO_UPDATE, OVER.deployment_id)
    assert update.instance_ids == tuple(f"i-{number:017x}" for number in range(3))
    missed_by = deployments.get(OVER.deployment_id)
    assert missed_by and missed_by.updated_by == (update.deployment_id,)
