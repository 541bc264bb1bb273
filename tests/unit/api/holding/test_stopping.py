"""StopDeployment: what it answers, and what it leaves on record for the engine to go by."""

from dataclasses import replace

import pytest

from functions.core.new_deployment import new_deployment
from functions.core.records import Counts, Deployment, GroupSettings, SegmentRun
from functions.core.statuses import AutoRollbackEvent, DeploymentErrorCode, DeploymentStatus, TargetStatus
from functions.handlers import finish
from functions.store.records import deployments, groups, lock, targets
from tests.conftest import all_items, pending, put_group, revision, stand_in
from tests.fakes.run_command import FakeRunCommand
from tests.fakes.step_functions import FakeStepFunctions
from tests.rollout import begin, begin_target, end_target, hold
from tests.store import Store
from tests.unit.api.conftest import ARN, Api

pytestmark = pytest.mark.usefixtures("executing")

NOW = "2026-11-23T10:00:00.000Z"
TEXT = "No more commands will be scheduled for execution in the deployment instances"
ALWAYS = GroupSettings(auto_rollback=tuple(AutoRollbackEvent))


def create(number: int = 1) -> Deployment:
    """A deployment that has its turn, or waits for it."""
    group = groups.get("shop", "web") or put_group(settings=ALWAYS)
    one = new_deployment(group, revision(f"v{number}"), deployment_id=f"d-{number:09}", now=NOW, requested_by="me")
    lock.create(one, None, queue=True)
    return read(one)


def running(number: int = 1) -> Deployment:
    """With a command in flight on one of two hosts."""
    one = create(number)
    begin(replace(one, counts=Counts(total=2, max_out_of_service=1)), pending(one, "i-1", "i-2"), NOW)
    first, _ = targets.of(one.deployment_id)
    begin_target(first, NOW)
    targets.store_command(first, 0, "c-1", SegmentRun(command_id="c-1"), expires_at=1)
    return read(one)


def read(one: Deployment) -> Deployment:
    found = deployments.get(one.deployment_id)
    assert found
    return found


def succeeded(api: Api, store: Store, number: int) -> Deployment:
    one = running(number)
    for target in list(targets.of(one.deployment_id)):
        begin_target(target, NOW)
    for target in list(targets.of(one.deployment_id)):
        end_target(target, TargetStatus.SUCCEEDED, NOW)
    finish.handler({"deployment_id": one.deployment_id}, api.context)
    return read(one)


@pytest.fixture
def cancelled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Commands that SSM was asked to cancel."""
    ssm = stand_in("ssm", FakeRunCommand())
    return ssm.cancelled


def test_what_runs_on_hosts_runs_on_and_the_answer_is_pending(api: Api, store: Store, cancelled: list[str]) -> None:
    one = running()
    assert api("StopDeployment", deploymentId=one.deployment_id) == {"status": "Pending", "statusMessage": TEXT}
    mark = read(one).stop
    assert mark and (mark.by, mark.code, mark.cancel) == (ARN, DeploymentErrorCode.MANUAL_STOP, False)
    assert mark.auto_rollback is None and mark.message == f"Stopped by {ARN}." and not cancelled


def test_a_stopped_deployment_ends_as_stopped_and_says_by_whom(api: Api, store: Store) -> None:
    one = running()
    api("StopDeployment", deploymentId=one.deployment_id)
    finish.handler({"deployment_id": one.deployment_id}, api.context)
    told = api("GetDeployment", deploymentId=one.deployment_id)["deploymentInfo"]
    assert told["status"] == "Stopped"
    assert told["errorInformation"] == {"code": "MANUAL_STOP", "message": f"Stopped by {ARN}."}


def test_one_that_has_not_begun_ends_before_it_touches_a_host(api: Api, store: Store) -> None:
    one = create()
    assert api("StopDeployment", deploymentId=one.deployment_id)["status"] == "Pending"
    finish.handler({"deployment_id": one.deployment_id}, api.context)
    assert read(one).status is DeploymentStatus.STOPPED


def test_one_that_waits_for_its_turn_has_stopped_at_once(api: Api, store: Store) -> None:
    create(1)
    waiting = create(2)
    assert waiting.status is DeploymentStatus.QUEUED
    assert api("StopDeployment", deploymentId=waiting.deployment_id)["status"] == "Succeeded"
    assert read(waiting).status is DeploymentStatus.STOPPED


def test_one_whose_turn_comes_in_this_moment_is_stopped_as_one_that_runs(
    api: Api, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, waiting = create(1), create(2)
    stop_queued = lock.stop_queued

    def raced(*given: object) -> bool:
        finish.handler({"deployment_id": first.deployment_id}, api.context)  # hands the lock over
        return stop_queued(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(lock, "stop_queued", raced)
    assert api("StopDeployment", deploymentId=waiting.deployment_id)["status"] == "Pending"
    after = read(waiting)
    assert after.status is DeploymentStatus.CREATED and after.stop and after.stop.by == ARN


@pytest.mark.parametrize(("wish", "rolls_back"), [(True, True), (False, False), (None, True)])
def test_the_request_says_whether_it_rolls_back_else_the_group(
    api: Api, store: Store, wish: bool | None, rolls_back: bool
) -> None:
    succeeded(api, store, 1)
    one = running(2)
    more = {} if wish is None else {"autoRollbackEnabled": wish}
    api("StopDeployment", deploymentId=one.deployment_id, **more)
    finish.handler({"deployment_id": one.deployment_id}, api.context)
    rollback = read(one).rollback
    assert bool(rollback and rollback.rollback_deployment_id) is rolls_back


def test_a_second_call_finds_it_stopping_and_may_still_roll_back(api: Api, store: Store) -> None:
    one = running()
    for more in ({"autoRollbackEnabled": False}, {}, {"autoRollbackEnabled": True}):
        assert api("StopDeployment", deploymentId=one.deployment_id, **more)["status"] == "Pending"
    mark = read(one).stop
    assert mark and mark.auto_rollback is True


def test_what_is_over_is_not_stopped(api: Api, store: Store) -> None:
    one = succeeded(api, store, 1)
    before = all_items()
    message = api.refuses("DeploymentAlreadyCompletedException", "StopDeployment", deploymentId=one.deployment_id)
    assert f"The deployment {one.deployment_id} has already ended" in message
    assert all_items() == before


def test_what_ends_in_this_moment_is_over(api: Api, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    one, mark_stop = running(), deployments.mark_stop

    def raced(*given: object) -> Deployment | None:
        finish.handler({"deployment_id": one.deployment_id}, api.context)
        return mark_stop(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(deployments, "mark_stop", raced)
    api.refuses("DeploymentAlreadyCompletedException", "StopDeployment", deploymentId=one.deployment_id)
    assert read(one).status is DeploymentStatus.FAILED


@pytest.mark.parametrize(
    ("deployment_id", "code"),
    [
        ("", "DeploymentIdRequiredException"),
        ("d-1", "InvalidDeploymentIdException"),
        ("d-ABCDEF123", "DeploymentDoesNotExistException"),
    ],
)
def test_a_deployment_that_is_not_there(api: Api, deployment_id: str, code: str) -> None:
    api.refuses(code, "StopDeployment", deploymentId=deployment_id)


@pytest.mark.parametrize("operation", ["StopDeployment", "RollBackDeploymentGroup"])
@pytest.mark.parametrize("cancels", [False, True])
def test_a_stop_wakes_the_bake_and_cancels_what_runs_only_when_it_is_asked_to(
    api: Api, store: Store, cancelled: list[str], operation: str, cancels: bool
) -> None:
    waiting = stand_in("stepfunctions", FakeStepFunctions())
    one = running()
    hold(one.deployment_id, "t-1")
    more = {"cancelScripts": True} if cancels else {}
    if operation == "StopDeployment":
        api(operation, deploymentId=one.deployment_id, **more)
    else:
        api(operation, applicationName="shop", deploymentGroupName="web", **more)
    assert waiting.told == {"t-1": {"status": "Over"}}
    assert cancelled == (["c-1"] if cancels else [])


def test_a_stop_may_say_why(api: Api, store: Store) -> None:
    one = running()
    api("StopDeployment", deploymentId=one.deployment_id, reason="wrong build")
    mark = read(one).stop
    assert mark and mark.message == f"Stopped by {ARN}: wrong build"
