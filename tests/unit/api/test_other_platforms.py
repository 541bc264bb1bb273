"""Operations of blue/green deployments, Lambda, ECS, CloudFormation and GitHub: what each answers here."""

from typing import Any

import pytest

from functions.core.statuses import DeploymentStatus
from tests.unit.api.conftest import Api
from tests.unit.api.test_deployments import put

RUNNING, ENDED = "d-000000001", "d-000000002"
WAITS = ("SkipWaitTimeForInstanceTermination",)
HOOK = "PutLifecycleEventHookExecutionStatus"


@pytest.mark.parametrize("operation", [*WAITS, HOOK])
def test_they_look_for_the_deployment_first(api: Api, operation: str) -> None:
    api.refuses("DeploymentIdRequiredException", operation)
    api.refuses("DeploymentIdRequiredException", operation, deploymentId="")
    api.refuses("InvalidDeploymentIdException", operation, deploymentId="d-1")
    api.refuses("DeploymentDoesNotExistException", operation, deploymentId=RUNNING)


@pytest.mark.parametrize("operation", WAITS)
def test_a_deployment_in_place_has_nothing_to_go_on_from(api: Api, operation: str) -> None:
    put(1, status=DeploymentStatus.IN_PROGRESS)
    put(2, status=DeploymentStatus.FAILED)
    api.refuses("UnsupportedActionForDeploymentTypeException", operation, deploymentId=RUNNING)
    api.refuses("DeploymentAlreadyCompletedException", operation, deploymentId=ENDED)


def test_the_kind_of_wait_must_be_one(api: Api) -> None:
    put(1, status=DeploymentStatus.IN_PROGRESS)
    asked = {"deploymentId": RUNNING, "deploymentWaitType": "LUNCH"}
    api.refuses("InvalidDeploymentWaitTypeException", "ContinueDeployment", **asked)


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"status": "Succeeded"}, "InvalidLifecycleEventHookExecutionIdException"),
        ({"lifecycleEventHookExecutionId": "x"}, "InvalidLifecycleEventHookExecutionStatusException"),
        (
            {"lifecycleEventHookExecutionId": "x", "status": "Pending"},
            "InvalidLifecycleEventHookExecutionStatusException",
        ),
        ({"lifecycleEventHookExecutionId": "x", "status": "Fine"}, "InvalidLifecycleEventHookExecutionStatusException"),
        ({"lifecycleEventHookExecutionId": "x", "status": "Failed"}, "UnsupportedActionForDeploymentTypeException"),
    ],
)
def test_no_function_reports_of_a_deployment_in_place(api: Api, members: dict[str, Any], code: str) -> None:
    put(1, status=DeploymentStatus.IN_PROGRESS)
    api.refuses(code, HOOK, deploymentId=RUNNING, **members)


def test_cloudformation_left_nothing_to_delete(api: Api) -> None:
    assert api("DeleteResourcesByExternalId", externalId="x") == api("DeleteResourcesByExternalId") == {}


def test_there_are_no_connections_to_github(api: Api) -> None:
    assert api("ListGitHubAccountTokenNames") == {"tokenNameList": []}
    api.refuses("InvalidNextTokenException", "ListGitHubAccountTokenNames", nextToken="x")
    api.refuses("GitHubAccountTokenNameRequiredException", "DeleteGitHubAccountToken")
    api.refuses("GitHubAccountTokenDoesNotExistException", "DeleteGitHubAccountToken", tokenName="ann")
