"""GetDeployment, BatchGetDeployments, ListDeployments: what the API tells of deployments, and how it finds them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from functions.core.records import Counts, Deployment, Failure, GroupSettings, PlaceSet, RollbackInfo
from functions.core.statuses import AutoRollbackEvent, Creator, DeploymentErrorCode, DeploymentStatus
from functions.core.text.shapes import to_plain
from functions.store.keys import deployment_indexes, deployment_key, shard_key
from tests.conftest import put_group, put_item, revision
from tests.store import Store
from tests.unit.api.conftest import Api


def put(number: int, *, group: str = "web", status: DeploymentStatus = DeploymentStatus.SUCCEEDED) -> Deployment:
    """A deployment of the `number`th minute of a day, on record."""
    deployment = Deployment(
        deployment_id=f"d-{number:09}",
        application="shop",
        group=group,
        group_id="uuid",
        status=status,
        creator=Creator.USER,
        revision=revision(version="v", etag="e"),
        create_time=f"2026-11-23T{number // 60:02}:{number % 60:02}:00.000Z",
    )
    return record(deployment)


def record(deployment: Deployment) -> Deployment:
    key = deployment_key(deployment.deployment_id)
    put_item({**key.item, **to_plain(deployment), **deployment_indexes(deployment)})
    return deployment


def ids(numbers: Sequence[int]) -> list[str]:
    return [f"d-{number:09}" for number in numbers]


def test_a_deployment_is_told_with_everything_that_is_known_of_it(api: Api) -> None:
    settings = GroupSettings(auto_rollback=(AutoRollbackEvent.DEPLOYMENT_FAILURE,))
    record(
        Deployment(
            deployment_id="d-ABCDEF123",
            application="shop",
            group="web",
            group_id="uuid",
            status=DeploymentStatus.FAILED,
            creator=Creator.USER,
            revision=revision(version="v", etag="e"),
            create_time="2026-11-23T10:00:00.500Z",
            start_time="2026-11-23T10:00:01.000Z",
            complete_time="2026-11-23T10:00:09.000Z",
            settings=settings,
            description="the third try",
            counts=Counts(total=9, max_out_of_service=3, in_progress=1, succeeded=2, failed=2, skipped=1),
            failure=Failure(code=DeploymentErrorCode.HEALTH_CONSTRAINTS, message="too bad"),
            rollback=RollbackInfo(rollback_deployment_id="d-ZZZZZZ123", rollback_message="went back"),
        )
    )
    told = api("GetDeployment", deploymentId="d-ABCDEF123")["deploymentInfo"]
    assert told["createTime"] == datetime(2026, 11, 23, 10, 0, 0, 500_000, tzinfo=UTC)
    del told["createTime"], told["startTime"], told["completeTime"]
    assert told == {
        "deploymentId": "d-ABCDEF123",
        "applicationName": "shop",
        "deploymentGroupName": "web",
        "deploymentConfigName": "CodeDeployDefault.OneAtATime",
        "revision": {
            "revisionType": "S3",
            "s3Location": {
                "bucket": "revisions",
                "key": "shop/web/v1.zip",
                "bundleType": "zip",
                "version": "v",
                "eTag": "e",
            },
        },
        "status": "Failed",
        "errorInformation": {"code": "HEALTH_CONSTRAINTS", "message": "too bad"},
        "deploymentOverview": {
            "Pending": 3,
            "InProgress": 1,
            "Succeeded": 2,
            "Failed": 2,
            "Skipped": 1,
            "Ready": 0,
        },
        "description": "the third try",
        "creator": "user",
        "ignoreApplicationStopFailures": False,
        "autoRollbackConfiguration": {"enabled": True, "events": ["DEPLOYMENT_FAILURE"]},
        "updateOutdatedInstancesOnly": False,
        "rollbackInfo": {"rollbackDeploymentId": "d-ZZZZZZ123", "rollbackMessage": "went back"},
        "deploymentStyle": {"deploymentType": "IN_PLACE", "deploymentOption": "WITHOUT_TRAFFIC_CONTROL"},
        "instanceTerminationWaitTimeStarted": False,
        "fileExistsBehavior": "DISALLOW",
        "computePlatform": "Server",
        "healthyHosts": {"total": 9, "minimum": 6, "healthy": 6},
    }


@pytest.mark.parametrize(
    ("deployment_id", "code"),
    [
        ("", "DeploymentIdRequiredException"),
        ("d-short", "InvalidDeploymentIdException"),
        ("d-ABCDEF12\n", "InvalidDeploymentIdException"),
        ("d-ABCDEF123", "DeploymentDoesNotExistException"),
    ],
)
def test_a_deployment_that_is_not_there(api: Api, deployment_id: str, code: str) -> None:
    api.refuses(code, "GetDeployment", deploymentId=deployment_id)


def test_a_deployment_with_ten_thousand_places_is_told_by_three_requests(
    api: Api, requests: Callable[[], list[str]]
) -> None:
    """Its counts are the sums over 200 items."""
    places = PlaceSet(name=ids([1])[0], places=10_000)
    one = put(1, status=DeploymentStatus.IN_PROGRESS)
    record(replace(one, counts=Counts(total=10_000, max_out_of_service=10_000), places=(places,)))
    for number, shard in enumerate(places.shards):
        holders = [f"i-{number}-{each}" for each in range(20)]
        put_item({**shard_key(shard.of, number).item, "holders": frozenset(holders), "failed": frozenset(holders[:1])})
    made = requests()
    before = len(made)
    told = api("GetDeployment", deploymentId=one.deployment_id)["deploymentInfo"]
    assert made[before:] == ["GetItem", "BatchGetItem", "BatchGetItem"]
    overview = {"Pending": 6000, "InProgress": 3800, "Succeeded": 0, "Failed": 200, "Skipped": 0, "Ready": 0}
    assert told["deploymentOverview"] == overview
    assert told["healthyHosts"] == {"total": 10_000, "minimum": 0, "healthy": 6000}
    (again,) = api("BatchGetDeployments", deploymentIds=[one.deployment_id])["deploymentsInfo"]
    assert again == told


def test_several_are_told_in_their_order_without_the_unknown_ones(api: Api) -> None:
    for number in (1, 2):
        put(number)
    told = api("BatchGetDeployments", deploymentIds=ids([2, 7, 1, 2]))["deploymentsInfo"]
    assert [each["deploymentId"] for each in told] == ids([2, 1, 2])
    api.refuses("BatchLimitExceededException", "BatchGetDeployments", deploymentIds=ids(range(26)))
    api.refuses("InvalidDeploymentIdException", "BatchGetDeployments", deploymentIds=["d-1"])


def test_they_are_listed_newest_first_and_page_by_page(api: Api) -> None:
    for number in range(250):
        put(number, group="web" if number % 2 else "api")
    found: list[str] = []
    token: dict[str, str] = {}
    for size in (100, 100, 50):
        answer = api("ListDeployments", **token)
        assert len(answer["deployments"]) == size
        found += answer["deployments"]
        token = {"nextToken": answer["nextToken"]} if "nextToken" in answer else {}
    assert found == ids(range(249, -1, -1)) and not token


def test_filters_of_a_list(api: Api) -> None:
    put_group("web")
    for number in range(12):
        status = (DeploymentStatus.FAILED, DeploymentStatus.SUCCEEDED, DeploymentStatus.STOPPED)[number % 3]
        put(number, group="web" if number % 2 else "api", status=status)
    web = {"applicationName": "shop", "deploymentGroupName": "web"}
    start = datetime(2026, 11, 23, tzinfo=UTC).timestamp()
    for asked, expected in (
        (web, [11, 9, 7, 5, 3, 1]),
        ({"includeOnlyStatuses": ["Failed"]}, [9, 6, 3, 0]),
        ({"includeOnlyStatuses": ["Failed", "Stopped"]}, [11, 9, 8, 6, 5, 3, 2, 0]),
        ({**web, "includeOnlyStatuses": ["Failed"]}, [9, 3]),
        ({"createTimeRange": {"start": start + 180, "end": start + 300}}, [5, 4, 3]),
        ({**web, "createTimeRange": {"start": start + 420}}, [11, 9, 7]),
        ({"createTimeRange": {"end": start + 60.0}}, [1, 0]),
    ):
        assert api("ListDeployments", **asked)["deployments"] == ids(expected), asked


def test_questions_that_cannot_be(api: Api) -> None:
    put_group("web")
    put(1)
    api.refuses("DeploymentGroupNameRequiredException", "ListDeployments", applicationName="shop")
    api.refuses("ApplicationNameRequiredException", "ListDeployments", deploymentGroupName="web")
    for names, code in (
        (("nope", "web"), "ApplicationDoesNotExistException"),
        (("shop", "nope"), "DeploymentGroupDoesNotExistException"),
        (("sh/op", "web"), "InvalidApplicationNameException"),
    ):
        members = {"applicationName": names[0], "deploymentGroupName": names[1]}
        api.refuses(code, "ListDeployments", **members)
    api.refuses("InvalidTimeRangeException", "ListDeployments", createTimeRange={"start": 2, "end": 1})
    api.refuses("InvalidTimeRangeException", "ListDeployments", createTimeRange={"start": 1e300})
    api.refuses("InvalidDeploymentStatusException", "ListDeployments", includeOnlyStatuses=["Fine"])


def test_a_token_is_good_for_its_own_question_and_for_no_other(api: Api) -> None:
    for number in range(150):
        put(number)
    token = api("ListDeployments")["nextToken"]
    assert api("ListDeployments", nextToken=token) == api("ListDeployments", nextToken=token)
    for other in (token + "x", "x", token[:-9]):
        api.refuses("InvalidNextTokenException", "ListDeployments", nextToken=other)
    api.refuses("InvalidNextTokenException", "ListDeployments", nextToken=token, includeOnlyStatuses=["Failed"])


def test_few_requests_however_many_there_are(api: Api, store: Store, requests: Callable[[], list[str]]) -> None:
    """Counted where it counts: bench/ does it with 10,000."""
    put_group("web")
    for number in range(300):
        put(number)
    made = requests()
    for asked in ({}, {"includeOnlyStatuses": ["Failed", "Stopped"]}, {"includeOnlyStatuses": ["Failed"]}):
        made.clear()
        api("ListDeployments", **asked)
        assert len(made) <= 3, made
    made.clear()
    api("ListDeployments", applicationName="shop", deploymentGroupName="web", includeOnlyStatuses=["Failed"])
    api_requests = len(made)
    made.clear()
    api("GetDeployment", deploymentId="d-000000007")
    assert (api_requests <= 3, made) == (True, ["GetItem"])
