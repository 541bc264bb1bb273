"""A deployment that waits for the end of a freeze or for a window, over the store."""

from dataclasses import replace

import pytest

from functions.core.declaration.windows import DECLARED
from functions.core.new_deployment import new_deployment
from functions.core.records import Bypass, Calendar, Closed, Deployment, Freeze, Hold, HoldKind, Stage, Window
from functions.core.statuses import DeploymentStatus, OnBusy
from functions.engine import calendar
from functions.engine.running import find_lost
from functions.engine.starting import create
from functions.store.records import calendar as store
from functions.store.records import deployments, lock
from tests.conftest import put_group, revision, stand_in
from tests.fakes.step_functions import FakeStepFunctions
from tests.unit.api.test_deployments import put, record

pytestmark = pytest.mark.usefixtures("store")
NOW = "2026-11-23T10:00:00.000Z"
FREEZE = Freeze(freeze_id="f-1", scope="shop", start=NOW, end=None, reason="a move", who="ann")


def queued() -> Deployment:
    store.add_freeze(FREEZE)
    group = put_group()
    one = new_deployment(group, revision(), deployment_id="d-000000001", now=NOW, requested_by="bob")
    create.store(one, group, OnBusy.QUEUE)
    return status(DeploymentStatus.QUEUED)


def status(wanted: DeploymentStatus) -> Deployment:
    found = deployments.get("d-000000001")
    assert found and found.status is wanted
    return found


def test_it_waits_in_a_free_group_until_the_freeze_is_lifted() -> None:
    assert queued().closed == Closed(until=None, why="frozen by ann: a move")
    assert (lock.holder("shop/web"), lock.waiting("shop/web")) == (None, "d-000000001")
    assert store.remove_freeze("f-1") and not store.remove_freeze("f-1")
    calendar.review_all("shop")
    assert status(DeploymentStatus.CREATED).closed is None
    assert (lock.holder("shop/web"), lock.waiting("shop/web")) == ("d-000000001", None)


def test_a_bypass_lets_it_begin_and_stays_on_record() -> None:
    given = Bypass(by="ann", at=NOW, why="an outage")
    assert calendar.bypass(queued(), given)
    assert status(DeploymentStatus.CREATED).bypass == given


def test_a_newer_one_takes_its_place() -> None:
    queued()
    newer = new_deployment(
        put_group(), revision("v2"), deployment_id="d-2", now="2026-11-23T10:00:01.000Z", requested_by="b"
    )
    create.store(newer, put_group(), OnBusy.QUEUE)
    assert status(DeploymentStatus.STOPPED).superseded_by == "d-2" and lock.waiting("shop/web") == "d-2"


# -- deployments.yaml is deployed with other windows


def declare(cron: str | None) -> None:
    """What `declare` does: it wakes nobody."""
    window = Window(scope="shop", cron=cron or "", duration_seconds=60, time_zone="UTC", who=DECLARED)
    store.change_declared(Calendar(windows=(window,) if cron else ()), DECLARED)


def outside() -> Deployment:
    """Queued until the 31st of December."""
    declare("0 0 31 12 *")
    group = put_group()
    one = new_deployment(group, revision(), deployment_id="d-000000001", now=NOW, requested_by="bob")
    create.store(one, group, OnBusy.QUEUE)
    found = status(DeploymentStatus.QUEUED)
    assert found.closed and found.closed.until and "-12-31T00:00" in found.closed.until
    return found


def test_a_window_that_is_gone_is_noticed_soon() -> None:
    outside()
    declare(None)
    find_lost.mend()
    assert status(DeploymentStatus.CREATED).closed is None


def test_a_window_that_has_moved_is_noticed_soon() -> None:
    outside()
    declare("0 0 30 12 *")
    find_lost.mend()
    found = status(DeploymentStatus.QUEUED)
    assert found.closed and found.closed.until and "-12-30T00:00" in found.closed.until


def frozen_after_its_first_stage() -> tuple[Deployment, FakeStepFunctions]:
    told = stand_in("stepfunctions", FakeStepFunctions())
    declared = replace(FREEZE, end="2099-01-01T00:00:00.000Z", who=DECLARED)
    store.change_declared(Calendar(freezes=(declared,)), DECLARED)
    stages = (Stage(name="one", targets=1), Stage(name="rest", targets=1))
    hold = Hold(stage=0, kinds=(HoldKind.FREEZE,), since=NOW, until=declared.end, token="t-1")
    return record(replace(put(1, status=DeploymentStatus.IN_PROGRESS), stages=stages, hold=hold)), told


@pytest.mark.parametrize("end", [None, "2098-01-01T00:00:00.000Z"], ids=["gone", "shorter"])
def test_a_freeze_that_has_changed_lets_the_deployment_look_again(end: str | None) -> None:
    one, told = frozen_after_its_first_stage()
    assert calendar.outdated([one]) == []
    left = (replace(FREEZE, end=end, who=DECLARED),) if end else ()
    store.change_declared(Calendar(freezes=left), DECLARED)
    assert calendar.outdated([one]) == [one]
    calendar.look_again(one)
    assert "t-1" in told.told


def test_without_a_change_nothing_is_done() -> None:
    outside()
    before = status(DeploymentStatus.QUEUED)
    find_lost.mend()
    assert status(DeploymentStatus.QUEUED) == before
