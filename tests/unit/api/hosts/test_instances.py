"""The deprecated forms: ListDeploymentInstances, GetDeploymentInstance, BatchGetDeploymentInstances."""

from datetime import UTC, datetime

import pytest

from functions.core.records import Deployment, LifecycleEventRecord, Target
from functions.core.statuses import DeploymentStatus, LifecycleEventStatus, TargetStatus
from functions.core.text.shapes import to_plain
from functions.store.keys import target_key
from tests.conftest import put_item
from tests.unit.api.conftest import Api
from tests.unit.api.test_deployments import put

ID = "d-000000001"
STATUSES = (TargetStatus.SUCCEEDED, TargetStatus.FAILED, TargetStatus.PENDING)


def begun(instances: int = 0) -> Deployment:
    """A deployment that runs, with so many targets i-000, i-001, ... of changing status."""
    deployment = put(1, status=DeploymentStatus.IN_PROGRESS)
    for number in range(instances):
        put_target(f"i-{number:03}", STATUSES[number % len(STATUSES)])
    return deployment


def put_target(target_id: str, status: TargetStatus) -> None:
    event = LifecycleEventRecord(name="Install", status=LifecycleEventStatus.SUCCEEDED)
    target = Target(
        deployment_id=ID,
        target_id=target_id,
        status=status,
        last_updated_at="2026-11-23T10:00:00.500Z",
        events=(event,),
    )
    put_item({**target_key(ID, target_id).item, **to_plain(target)})


def test_an_instance_is_told_by_its_arn_with_its_events(api: Api) -> None:
    begun(1)
    assert api("GetDeploymentInstance", deploymentId=ID, instanceId="i-000")["instanceSummary"] == {
        "deploymentId": ID,
        "instanceId": "arn:aws:ec2:us-east-1:123456789012:instance/i-000",
        "status": "Succeeded",
        "lastUpdatedAt": datetime(2026, 11, 23, 10, 0, 0, 500_000, tzinfo=UTC),
        "lifecycleEvents": [{"lifecycleEventName": "Install", "status": "Succeeded"}],
    }


@pytest.mark.parametrize(
    ("deployment_id", "instance_id", "code"),
    [
        ("", "i-000", "DeploymentIdRequiredException"),
        ("d-1", "i-000", "InvalidDeploymentIdException"),
        ("d-000000002", "i-000", "DeploymentDoesNotExistException"),
        (ID, "", "InstanceIdRequiredException"),
        (ID, "i 0", "InvalidInstanceNameException"),
        (ID, "i" * 2000, "InvalidInstanceNameException"),
        (ID, "i-009", "InstanceDoesNotExistException"),
    ],
)
def test_an_instance_that_is_not_there(api: Api, deployment_id: str, instance_id: str, code: str) -> None:
    begun(1)
    api.refuses(code, "GetDeploymentInstance", deploymentId=deployment_id, instanceId=instance_id)


def test_several_are_told_in_their_order_and_a_message_names_the_unknown_ones(api: Api) -> None:
    begun(3)
    told = api("BatchGetDeploymentInstances", deploymentId=ID, instanceIds=["i-002", "i-009", "i-000"])
    assert [each["instanceId"][-5:] for each in told["instancesSummary"]] == ["i-002", "i-000"]
    assert told["errorMessage"] == f"The deployment {ID} has no i-009"
    assert "errorMessage" not in api("BatchGetDeploymentInstances", deploymentId=ID, instanceIds=["i-000"])
    for ids, code in (
        ([], "InstanceIdRequiredException"),
        (["i 0"], "InvalidInstanceNameException"),
        (["i-0"] * 26, "BatchLimitExceededException"),
    ):
        api.refuses(code, "BatchGetDeploymentInstances", deploymentId=ID, instanceIds=ids)


def test_they_are_listed_by_status_and_page_by_page(api: Api) -> None:
    begun(150)
    first = api("ListDeploymentInstances", deploymentId=ID)
    rest = api("ListDeploymentInstances", deploymentId=ID, nextToken=first["nextToken"])
    assert first["instancesList"] + rest["instancesList"] == [f"i-{number:03}" for number in range(150)]
    assert "nextToken" not in rest
    failed = api("ListDeploymentInstances", deploymentId=ID, instanceStatusFilter=["Failed", "Ready"] * 60)
    assert failed["instancesList"][:2] == ["i-001", "i-004"]


def test_lists_that_cannot_be(api: Api) -> None:
    begun(1)
    put(2, status=DeploymentStatus.QUEUED)
    for code, members in (
        ("DeploymentNotStartedException", {"deploymentId": "d-000000002"}),
        ("DeploymentDoesNotExistException", {"deploymentId": "d-000000003"}),
        ("InvalidDeploymentInstanceTypeException", {"deploymentId": ID, "instanceTypeFilter": ["Blue"]}),
        ("InvalidInstanceTypeException", {"deploymentId": ID, "instanceTypeFilter": ["Red"]}),
        ("InvalidInstanceStatusException", {"deploymentId": ID, "instanceStatusFilter": ["Fine"]}),
        ("InvalidNextTokenException", {"deploymentId": ID, "nextToken": "x"}),
    ):
        api.refuses(code, "ListDeploymentInstances", **members)


def test_filters_of_a_list_of_targets(api: Api) -> None:
    begun(3)
    asked = {"deploymentId": ID, "targetFilters": {"TargetStatus": ["Failed"] * 200}}
    assert api("ListDeploymentTargets", **asked)["targetIds"] == ["i-001"]
    for code, filters in (
        ("InvalidTargetFilterNameException", {"Color": ["Red"]}),
        ("InvalidInstanceStatusException", {"TargetStatus": ["Fine"]}),
        ("InvalidDeploymentInstanceTypeException", {"ServerInstanceLabel": ["Blue"]}),
        ("SerializationException", {"TargetStatus": "Failed"}),
        ("SerializationException", ["TargetStatus"]),
    ):
        api.refuses(code, "ListDeploymentTargets", deploymentId=ID, targetFilters=filters)
    api.refuses("InvalidDeploymentTargetIdException", "GetDeploymentTarget", deploymentId=ID, targetId="i" * 2000)
