"""Hold: the token is kept with what the deployment waits for, and what was over before ends the wait at once."""

from dataclasses import replace
from typing import Any

import pytest

from functions.core.new_deployment import new_deployment
from functions.core.records import Approved, Counts, Deployment, Pause, Stage
from functions.core.rollout import stop_mark
from functions.core.rollout.health import Approval
from functions.core.statuses import DeploymentStatus
from functions.handlers import hold, next_stage
from functions.store.records import deployments, lock
from tests.conftest import LambdaContext, put_group, revision, stand_in
from tests.fakes.step_functions import FakeStepFunctions
from tests.rollout import begin
from tests.store import Store

NOW = "2026-11-23T10:00:00.000Z"
ID = "d-000000001"
APPROVAL = {"stage": 0, "kinds": ["APPROVAL"], "since": NOW}


@pytest.fixture
def told(store: Store) -> FakeStepFunctions:
    """A running deployment with an approval after its first stage, and what its waiting states were told."""
    one = new_deployment(put_group(), revision(), deployment_id=ID, now=NOW, requested_by="me")
    lock.create(one, None, queue=True)
    stages = (Stage(name="canary", targets=1, approval=Approval()), Stage(name="rest", targets=1))
    begin(replace(one, counts=Counts(total=2, max_out_of_service=1, started=1, succeeded=1), stages=stages), [], NOW)
    return stand_in("stepfunctions", FakeStepFunctions())


def held(**event: Any) -> dict[str, Any]:
    return {"deployment_id": ID, "hold": APPROVAL, "task_token": "t-1", **event}


def read() -> Deployment:
    found = deployments.get(ID)
    assert found
    return found


def test_a_deployment_that_waits_for_approval_is_ready(told: FakeStepFunctions, context: LambdaContext) -> None:
    hold.handler(held(), context)
    one = read()
    assert one.status is DeploymentStatus.READY and one.hold and one.hold.token == "t-1" and not told.told
    hold.handler(held(task_token="t-2"), context)
    assert (read().hold or one.hold).token == "t-2", "the state is retried with another token"


def test_what_ended_the_wait_before_the_token_was_kept_ends_it(told: FakeStepFunctions, context: LambdaContext) -> None:
    hold.handler(held(), context)
    assert deployments.approve(read(), Approved(stage=0, by="ann", at=NOW))
    assert read().status is DeploymentStatus.IN_PROGRESS
    hold.handler(held(task_token="t-2"), context)
    assert told.told == {"t-2": {"status": "Over"}}


def test_a_stop_that_came_first_ends_it(told: FakeStepFunctions, context: LambdaContext) -> None:
    deployments.mark_stop(ID, stop_mark.by_person("ann", NOW))
    hold.handler(held(), context)
    assert told.told == {"t-1": {"status": "Over"}}


def test_a_deployment_that_is_over_does_not_wait(told: FakeStepFunctions, context: LambdaContext) -> None:
    hold.handler(held(deployment_id="d-GONE00000"), context)
    assert told.told == {"t-1": {"status": "Over"}}


def test_next_stage_holds_until_all_is_lifted_and_then_forgets_it(
    told: FakeStepFunctions, services: None, context: LambdaContext
) -> None:
    stage = {"stage": 0, "bucket": "b", "key": "0", "concurrency": 1, "bake_seconds": 0}
    event = {"deployment_id": ID, "stages": [stage, {**stage, "stage": 1}], "holds": True}
    assert deployments.pause(ID, Pause(by="ann", at=NOW))
    answer = next_stage.handler({**event, "last": {"next": "Run", "stage": stage}}, context)
    assert (answer["next"], answer["hold"]["kinds"]) == ("Hold", ["APPROVAL", "PAUSE"])
    hold.handler(held(hold=answer["hold"]), context)
    deployments.approve(read(), Approved(stage=0, by="bob", at=NOW))
    again = next_stage.handler({**event, "last": answer}, context)
    assert (again["next"], again["hold"]["kinds"]) == ("Hold", ["PAUSE"])
    hold.handler(held(hold=again["hold"]), context)
    assert deployments.resume(ID) and read().hold
    assert next_stage.handler({**event, "last": again}, context)["next"] == "Run" and read().hold is None
