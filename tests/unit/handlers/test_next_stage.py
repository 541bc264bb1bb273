"""NextStage: stages one after another, a wait after each that asks for one, and an early end of what cannot succeed."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.core.new_deployment import new_deployment
from functions.core.records import Counts, Deployment, Pause, Stage
from functions.core.rollout import stop_mark
from functions.core.rollout.stages import FINISH, Decision, Manifest, Next, next_stage
from functions.core.statuses import DeploymentStatus
from functions.core.text.shapes import to_plain
from functions.handlers import next_stage as handled
from functions.store.records import lock
from tests.conftest import LambdaContext, put_group, revision
from tests.rollout import begin
from tests.store import Store
from tests.unit.news import deployment

NOW = "2026-11-23T10:00:00.000Z"
AT = datetime.fromisoformat(NOW)
BEGIN = Decision(next=Next.BEGIN)


def stage(number: int, bake_seconds: int = 0) -> Manifest:
    return Manifest(stage=number, bucket="b", key=f"{number}.json", concurrency=1, bake_seconds=bake_seconds)


def running(**counts: int) -> Deployment:
    return replace(deployment(), status=DeploymentStatus.IN_PROGRESS, stop=None, counts=Counts(**counts))


@given(st.lists(st.integers(0, 1), max_size=5))
def test_every_stage_runs_once_in_order_and_bakes_if_it_is_to(bakes: list[int]) -> None:
    stages = [stage(number, bake_seconds=60 * bake) for number, bake in enumerate(bakes)]
    last, decisions, now = BEGIN, [], AT
    fixed = tuple(Stage(bake_seconds=60 * bake) for bake in bakes)
    one = replace(running(total=2, max_out_of_service=1), stages=fixed)
    while (last := next_stage(one, stages, last, now)) != FINISH:
        decisions.append((last.next, last.stage))
        now += timedelta(seconds=60)
    expected = [(each, one) for one in stages for each in (Next.RUN, Next.HOLD) if each is Next.RUN or one.bake_seconds]
    assert decisions == expected


@pytest.mark.parametrize(
    "one",
    [
        running(total=4, max_out_of_service=1, failed=1, succeeded=1),
        running(total=2, max_out_of_service=1, failed=2),
        replace(running(total=2, max_out_of_service=1), stop=stop_mark.by_person("me", NOW)),
        replace(running(total=2, max_out_of_service=1), status=DeploymentStatus.FAILED),
        None,
    ],
)
def test_what_cannot_succeed_any_more_is_finished(one: Deployment | None) -> None:
    first, second = stage(0, bake_seconds=60), stage(1)
    for last in (Decision(next=Next.RUN, stage=first), Decision(next=Next.HOLD, stage=first)):
        assert next_stage(one, [first, second], last, AT) == FINISH
    is_over = one is None or one.stop or one.status.is_final
    assert (next_stage(one, [first, second], BEGIN, AT) == FINISH) == bool(is_over), "what is planned begins"


def test_one_that_succeeds_without_all_of_its_targets_bakes() -> None:
    """The last one may fail."""
    last = Decision(next=Next.RUN, stage=stage(0, bake_seconds=60))
    one = replace(running(total=3, max_out_of_service=1, failed=1, succeeded=2), stages=(Stage(bake_seconds=60),))
    assert next_stage(one, [stage(0, bake_seconds=60)], last, AT).next is Next.HOLD


def test_an_execution_of_an_older_engine_can_only_bake() -> None:
    first, second = stage(0, bake_seconds=60), stage(1)
    pause = Pause(by="ann", at=NOW)
    one = replace(running(total=2, max_out_of_service=1), stages=(Stage(bake_seconds=60), Stage()), pause=pause)
    ran, baked = Decision(next=Next.RUN, stage=first), Decision(next=Next.BAKE, stage=first)
    assert next_stage(one, [first, second], ran, AT, can_hold=False) == baked
    assert next_stage(one, [first, second], baked, AT, can_hold=False) == Decision(next=Next.RUN, stage=second)


def test_the_answer_is_what_the_states_ask_for(store: Store, services: None, context: LambdaContext) -> None:
    one = new_deployment(put_group(), revision(), deployment_id="d-000000001", now=NOW, requested_by="me")
    lock.create(one, None, queue=True)
    begin(replace(one, counts=Counts(total=1, max_out_of_service=1)), [], NOW)
    stages = [to_plain(stage(0))]

    def ask(last: dict[str, Any]) -> dict[str, Any]:
        return handled.handler({"deployment_id": "d-000000001", "stages": stages, "last": last}, context)

    no_hold = {"hold": None, "seconds": 0}
    assert ask({"next": "Begin"}) == {"next": "Run", "stage": stages[0], **no_hold}
    assert ask({"next": "Run", "stage": stages[0]}) == {"next": "Finish", "stage": None, **no_hold}
