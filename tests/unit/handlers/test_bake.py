"""Bake: the token is kept, and a stop that came first ends the wait at once."""

from dataclasses import replace

import pytest

from functions.core.new_deployment import new_deployment
from functions.core.records import Counts
from functions.core.rollout import stop_mark
from functions.handlers import bake
from functions.store.records import deployments, lock
from tests.conftest import LambdaContext, put_group, revision, stand_in
from tests.fakes.step_functions import FakeStepFunctions
from tests.rollout import begin
from tests.store import Store

NOW = "2026-11-23T10:00:00.000Z"
EVENT = {"deployment_id": "d-000000001", "stage": 0, "task_token": "t-1"}


@pytest.fixture
def told(store: Store, monkeypatch: pytest.MonkeyPatch) -> FakeStepFunctions:
    """A running deployment, and what its waiting states were told."""
    one = new_deployment(put_group(), revision(), deployment_id="d-000000001", now=NOW, requested_by="me")
    lock.create(one, None, queue=True)
    begin(replace(one, counts=Counts(total=1, max_out_of_service=1, started=1, succeeded=1)), [], NOW)
    return stand_in("stepfunctions", FakeStepFunctions())


def test_the_token_is_kept_for_whoever_stops_the_deployment(
    store: Store, told: FakeStepFunctions, context: LambdaContext
) -> None:
    bake.handler(EVENT, context)
    one = deployments.get("d-000000001")
    assert one and one.hold and one.hold.token == "t-1" and not told.told


def test_a_stop_that_came_first_ends_the_bake(store: Store, told: FakeStepFunctions, context: LambdaContext) -> None:
    deployments.mark_stop("d-000000001", stop_mark.by_person("ann", NOW))
    bake.handler(EVENT, context)
    assert told.told == {"t-1": {"status": "Over"}}


def test_a_deployment_that_has_failed_does_not_bake(
    store: Store, told: FakeStepFunctions, context: LambdaContext
) -> None:
    group = put_group("other")
    one = new_deployment(group, revision(), deployment_id="d-FAILED000", now=NOW, requested_by="me")
    lock.create(one, None, queue=True)
    begin(replace(one, counts=Counts(total=1, max_out_of_service=1, started=1, failed=1)), [], NOW)
    bake.handler({**EVENT, "deployment_id": "d-FAILED000"}, context)
    assert told.told == {"t-1": {"status": "Over"}}


def test_the_bake_of_a_deployment_that_is_over_ends(
    store: Store, told: FakeStepFunctions, context: LambdaContext
) -> None:
    bake.handler({**EVENT, "deployment_id": "d-GONE00000"}, context)
    assert told.told == {"t-1": {"status": "Over"}}
