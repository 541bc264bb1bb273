"""ListDeploymentTargets, GetDeploymentTarget, BatchGetDeploymentTargets."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from functions.core.messages import announcements
from functions.core.place import Place
from functions.core.records import Diagnostics, LifecycleEventRecord, Target
from functions.core.statuses import DeploymentStatus, LifecycleErrorCode, LifecycleEventStatus, TargetStatus
from functions.core.text.shapes import to_plain
from functions.store.keys import target_key
from tests.conftest import put_item
from tests.unit.api.conftest import Api
from tests.unit.api.test_deployments import put

DEPLOYMENT = "d-000000001"


def put_target(number: int, **fields: object) -> str:
    target = Target(deployment_id=DEPLOYMENT, target_id=f"i-{number:017x}", **fields)  # type: ignore[arg-type]
    put_item({**target_key(DEPLOYMENT, target.target_id).item, **to_plain(target)})
    return target.target_id


def test_a_target_is_told_with_its_lifecycle_events(api: Api) -> None:
    put(1, status=DeploymentStatus.FAILED)
    left = Diagnostics(
        error_code=LifecycleErrorCode.SCRIPT_FAILED,
        script_name="stop.sh",
        message="failed with exit code 7",
        log_tail="[stderr]no",
    )
    events = (
        LifecycleEventRecord(
            name="ApplicationStop",
            status=LifecycleEventStatus.FAILED,
            start_time="2026-11-23T10:00:00.000Z",
            end_time="2026-11-23T10:00:01.500Z",
            diagnostics=left,
        ),
        LifecycleEventRecord(name="DownloadBundle", status=LifecycleEventStatus.SKIPPED),
    )
    one = put_target(1, status=TargetStatus.FAILED, last_updated_at="2026-11-23T10:00:02.000Z", events=events)
    told = api("GetDeploymentTarget", deploymentId=DEPLOYMENT, targetId=one)["deploymentTarget"]
    assert told == {
        "deploymentTargetType": "InstanceTarget",
        "instanceTarget": {
            "deploymentId": DEPLOYMENT,
            "targetId": one,
            "targetArn": f"arn:aws:ec2:us-east-1:123456789012:instance/{one}",
            "status": "Failed",
            "lastUpdatedAt": datetime(2026, 11, 23, 10, 0, 2, tzinfo=UTC),
            "lifecycleEvents": [
                {
                    "lifecycleEventName": "ApplicationStop",
                    "status": "Failed",
                    "startTime": datetime(2026, 11, 23, 10, 0, 0, tzinfo=UTC),
                    "endTime": datetime(2026, 11, 23, 10, 0, 1, 500_000, tzinfo=UTC),
                    "diagnostics": {
                        "errorCode": "ScriptFailed",
                        "scriptName": "stop.sh",
                        "message": "failed with exit code 7",
                        "logTail": "[stderr]no",
                    },
                },
                {"lifecycleEventName": "DownloadBundle", "status": "Skipped"},
            ],
        },
    }


def test_they_are_listed_page_by_page_a_page_in_one_query(api: Api, requests: Callable[[], list[str]]) -> None:
    put(1)
    ids = [put_target(number) for number in range(120)]
    made = requests()
    first = api("ListDeploymentTargets", deploymentId=DEPLOYMENT)
    assert made == ["GetItem", "Query"]
    second = api("ListDeploymentTargets", deploymentId=DEPLOYMENT, nextToken=first["nextToken"])
    assert [*first["targetIds"], *second["targetIds"]] == ids
    assert (len(first["targetIds"]), "nextToken" in second) == (100, False)


def test_a_page_of_them_says_when_each_was_out_of_service_and_in_which_stage(api: Api) -> None:
    put(1)
    begun, updated = "2026-11-23T10:00:00.000Z", "2026-11-23T10:00:05.000Z"
    one = put_target(
        1,
        status=TargetStatus.SUCCEEDED,
        stage=0,
        zone="us-east-1a",
        started_at=begun,
        last_updated_at=updated,
        was_out_of_service=True,
    )
    two = put_target(2, stage=1)
    told = api("ListDeploymentTargets", deploymentId=DEPLOYMENT)["targetSummaries"]
    service = {"stage": 0, "outOfServiceTime": datetime(2026, 11, 23, 10, tzinfo=UTC), "wasOutOfService": True}
    ended = datetime(2026, 11, 23, 10, 0, 5, tzinfo=UTC)
    zone = {"availabilityZone": "us-east-1a"}
    assert told == [
        {"targetId": one, "status": "Succeeded", "lastUpdatedAt": ended, **zone, **service},
        {"targetId": two, "status": "Pending", "stage": 1},
    ]
    whole = api("GetDeploymentTarget", deploymentId=DEPLOYMENT, targetId=one)["deploymentTarget"]["instanceTarget"]
    assert whole == {**whole, **zone, **service}


def test_those_of_some_statuses_are_listed(api: Api) -> None:
    put(1)
    statuses = [TargetStatus.FAILED, TargetStatus.SUCCEEDED, TargetStatus.SKIPPED, TargetStatus.FAILED]
    ids = [put_target(number, status=status) for number, status in enumerate(statuses)]
    asked = {"TargetStatus": ["Failed", "Skipped"]}
    found = api("ListDeploymentTargets", deploymentId=DEPLOYMENT, targetFilters=asked)
    assert found["targetIds"] == [ids[0], ids[2], ids[3]]


def test_several_are_told_in_their_order_or_none(api: Api) -> None:
    put(1)
    one, two = put_target(1), put_target(2)
    told = api("BatchGetDeploymentTargets", deploymentId=DEPLOYMENT, targetIds=[two, one])["deploymentTargets"]
    assert [each["instanceTarget"]["targetId"] for each in told] == [two, one]
    message = api.refuses(
        "DeploymentTargetDoesNotExistException",
        "BatchGetDeploymentTargets",
        deploymentId=DEPLOYMENT,
        targetIds=[one, "i-0"],
    )
    assert message.endswith(": i-0")
    api.refuses(
        "DeploymentTargetListSizeExceededException",
        "BatchGetDeploymentTargets",
        deploymentId=DEPLOYMENT,
        targetIds=[one] * 26,
    )


@pytest.mark.parametrize("target_id", ["i-0123456789abcdef0", "mi-0123456789abcdef0", "db-1"])
def test_an_instance_has_one_arn_in_the_api_and_in_events(api: Api, target_id: str) -> None:
    """db-1 is an on-premises instance that SSM does not know."""
    one = put(1)
    target = Target(deployment_id=DEPLOYMENT, target_id=target_id, status=TargetStatus.FAILED)
    put_item({**target_key(DEPLOYMENT, target_id).item, **to_plain(target)})
    place = Place(partition="aws", region="us-east-1", account="123456789012")
    announced = announcements.of_target(target, one, place)
    told = api("GetDeploymentTarget", deploymentId=DEPLOYMENT, targetId=target_id)["deploymentTarget"]
    assert announced and told["instanceTarget"]["targetArn"] == announced.event.resources[0]


@pytest.mark.parametrize("status", [DeploymentStatus.CREATED, DeploymentStatus.QUEUED])
def test_a_deployment_that_has_not_begun_has_none(api: Api, status: DeploymentStatus) -> None:
    put(1, status=status)
    for operation, asked in (
        ("ListDeploymentTargets", {}),
        ("GetDeploymentTarget", {"targetId": "i-1"}),
        ("BatchGetDeploymentTargets", {"targetIds": ["i-1"]}),
    ):
        api.refuses("DeploymentNotStartedException", operation, deploymentId=DEPLOYMENT, **asked)
