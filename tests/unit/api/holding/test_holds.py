"""ContinueDeployment, PauseDeployment, ResumeDeployment: who may, what they wake, and what is told afterwards."""

from dataclasses import replace

import pytest

from functions.core.records import Deployment, Hold, HoldKind, Stage
from functions.core.rollout.health import Approval
from functions.core.statuses import DeploymentStatus
from functions.store.records import deployments, pacer, watching
from functions.store.records.watching import Wait, WaitKind
from tests.conftest import put_group, stand_in
from tests.fakes.step_functions import FakeStepFunctions
from tests.store import Store
from tests.unit.api.conftest import ARN, Api
from tests.unit.api.test_deployments import put, record

pytestmark = pytest.mark.usefixtures("services", "executing")

ID, NOW = "d-000000001", "2026-11-23T10:00:00.000Z"
LEAD = "arn:aws:iam::123456789012:role/lead"


@pytest.fixture
def told(store: Store) -> FakeStepFunctions:
    return stand_in("stepfunctions", FakeStepFunctions())


def ready(approval: Approval | None = None, principal: str | None = None) -> Deployment:
    """It waits after its first stage."""
    put_group()
    hold = Hold(stage=0, kinds=(HoldKind.APPROVAL,), since=NOW, token="t-1")
    stages = (Stage(name="canary", targets=1, approval=approval or Approval()), Stage(name="rest", targets=9))
    one = put(1, status=DeploymentStatus.READY)
    return record(replace(one, stages=stages, hold=hold, principal=principal))


def read() -> Deployment:
    found = deployments.get(ID)
    assert found
    return found


def test_an_approval_is_on_record_and_wakes_the_deployment(api: Api, told: FakeStepFunctions) -> None:
    ready()
    api("ContinueDeployment", deploymentId=ID, deploymentWaitType="READY_WAIT", reason="looks good")
    assert told.told == {"t-1": {"status": "Over"}}
    info = api("GetDeployment", deploymentId=ID)["deploymentInfo"]
    (approved,) = info["approvals"]
    assert (info["status"], approved["afterStage"], approved["approvedBy"]) == ("InProgress", 0, ARN)
    assert approved["reason"] == "looks good"
    api.refuses("DeploymentIsNotInReadyStateException", "ContinueDeployment", deploymentId=ID)
    assert len(read().approvals) == 1


def test_what_is_held_is_told(api: Api, told: FakeStepFunctions) -> None:
    ready(Approval(approvers=(LEAD,), by_another=True))
    info = api("GetDeployment", deploymentId=ID)["deploymentInfo"]
    assert info["hold"]["kinds"] == ["APPROVAL"] and info["hold"]["afterStage"] == 0
    first, rest = info["stages"]
    assert first == {"name": "canary", "targetCount": 1, "approval": {"approvers": [LEAD], "byAnother": True}}
    assert rest == {"name": "rest", "targetCount": 9}


def test_only_an_approver_approves(api: Api, told: FakeStepFunctions) -> None:
    ready(Approval(approvers=(LEAD,)))
    refusal = api.refuses("AccessDeniedException", "ContinueDeployment", deploymentId=ID)
    assert "names arn:aws:iam::123456789012:role/lead as approvers" in refusal
    api.arn = "arn:aws:sts::123456789012:assumed-role/lead/bob"
    api("ContinueDeployment", deploymentId=ID)
    assert read().status is DeploymentStatus.IN_PROGRESS


def test_four_eyes_are_not_two(api: Api, told: FakeStepFunctions) -> None:
    ready(Approval(by_another=True), principal=ARN)
    assert "somebody else" in api.refuses("AccessDeniedException", "ContinueDeployment", deploymentId=ID)
    api.arn = "arn:aws:iam::123456789012:user/bob"
    api("ContinueDeployment", deploymentId=ID)


def test_a_deployment_that_waits_for_nothing_is_not_continued(api: Api, told: FakeStepFunctions) -> None:
    put(1, status=DeploymentStatus.IN_PROGRESS)
    put(2)
    api.refuses("DeploymentIsNotInReadyStateException", "ContinueDeployment", deploymentId=ID)
    api.refuses("DeploymentAlreadyCompletedException", "ContinueDeployment", deploymentId="d-000000002")
    ready()
    asked = {"deploymentId": ID, "deploymentWaitType": "TERMINATION_WAIT"}
    api.refuses("UnsupportedActionForDeploymentTypeException", "ContinueDeployment", **asked)
    api.refuses("DeploymentIdRequiredException", "ContinueDeployment")


def test_a_pause_is_on_record_and_the_first_one_stays(api: Api, told: FakeStepFunctions) -> None:
    put_group()
    put(1, status=DeploymentStatus.IN_PROGRESS)
    api("PauseDeployment", deploymentId=ID, reason="errors")
    api.arn = LEAD
    api("PauseDeployment", deploymentId=ID, reason="more errors")
    pause = api("GetDeployment", deploymentId=ID)["deploymentInfo"]["pause"]
    assert (pause["pausedBy"], pause["reason"]) == (ARN, "errors")


def test_a_resume_wakes_the_state_and_the_watch(api: Api, told: FakeStepFunctions) -> None:
    ready()
    api("PauseDeployment", deploymentId=ID)
    watching.add(ID, Wait(kind=WaitKind.PAUSE, target_id="i-1", task_token="t-2", since=pacer.now()))
    api("ResumeDeployment", deploymentId=ID)
    assert read().pause is None and told.told == {"t-1": {"status": "Over"}}
    assert watching.turn(ID).number == 1 and not watching.turn(ID).is_over, "the watch looks for those it held"
    assert "is not paused" in api.refuses("InvalidInputException", "ResumeDeployment", deploymentId=ID)


def test_who_may_not_stop_may_not_hold(api: Api, told: FakeStepFunctions) -> None:
    group = put_group(settings=replace(put_group().settings, allowed_principals=(LEAD,)))
    one = put(1, status=DeploymentStatus.IN_PROGRESS)
    record(replace(one, group_id=group.group_id))
    for operation in ("PauseDeployment", "ResumeDeployment"):
        api.refuses("AccessDeniedException", operation, deploymentId=ID)
        api.refuses("DeploymentDoesNotExistException", operation, deploymentId="d-000000009")
    assert read().pause is None
