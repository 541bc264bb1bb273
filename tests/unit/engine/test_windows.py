"""A deployment that waits for the end of a freeze, over the store."""

import pytest

from functions.core.new_deployment import new_deployment
from functions.core.records import Bypass, Closed, Deployment, Freeze
from functions.core.statuses import DeploymentStatus, OnBusy
from functions.engine import calendar
from functions.engine.starting import create
from functions.store.records import calendar as store
from functions.store.records import deployments, lock
from tests.conftest import put_group, revision

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
