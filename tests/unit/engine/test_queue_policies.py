"""What becomes of a new deployment while another one of its group runs, is held, or brought a newer revision."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from functions.core.errors import NotDeployable
from functions.core.new_deployment import new_deployment
from functions.core.records import Counts, Deployment, Group, GroupSettings, Hold, HoldKind
from functions.core.statuses import DeploymentStatus, OnBusy
from functions.core.text.shapes import to_plain
from functions.engine.starting import create
from functions.handlers import hold
from functions.store.records import deployments, lock
from tests.conftest import LambdaContext, put_group, revision, stand_in
from tests.fakes.step_functions import FakeStepFunctions
from tests.rollout import begin

NOW = "2026-11-23T10:00:00.000Z"
pytestmark = pytest.mark.usefixtures("store")


class Stored:
    """S3, which says only when it stored each version."""

    def __init__(self, **hours: int) -> None:
        self.hours = hours

    def head_object(self, *, Bucket: str, Key: str, VersionId: str) -> dict[str, datetime]:
        return {"LastModified": datetime(2026, 11, 23, self.hours[VersionId], tzinfo=UTC)}


def named(number: int, version: str = "v1", group: Group | None = None) -> Deployment:
    one, now = f"d-{number:09}", f"2026-11-23T10:00:{number:02}.000Z"
    what = revision(version, version=version)
    return new_deployment(group or put_group(), what, deployment_id=one, now=now, requested_by="ann")


HOLD = Hold(stage=0, kinds=(HoldKind.APPROVAL,), since=NOW, token="t-1")


def holder(*, is_held: bool) -> Deployment:
    one = named(1)
    lock.create(one, None, queue=True)
    begin(replace(one, counts=Counts(total=1, max_out_of_service=1, started=1, succeeded=1)), [], NOW)
    if is_held:
        deployments.store_hold(one.deployment_id, HOLD, DeploymentStatus.READY)
    return one


def test_one_that_is_held_gives_way_to_a_newer_one() -> None:
    told = stand_in("stepfunctions", FakeStepFunctions())
    held, newer = holder(is_held=True), named(2)
    create.store(newer, put_group(), OnBusy.SUPERSEDE)
    ending = deployments.get(held.deployment_id)
    assert ending and ending.stop and ending.stop.superseded_by == newer.deployment_id
    assert ending.stop.auto_rollback is False  # the newer one goes to all hosts
    assert told.told == {"t-1": {"status": "Over"}}
    assert lock.waiting("shop/web") == newer.deployment_id


@pytest.mark.parametrize(("on_busy", "is_held"), [(OnBusy.SUPERSEDE, False), (OnBusy.QUEUE, True)])
def test_one_whose_hosts_change_goes_on_and_so_does_any_in_a_queue(on_busy: OnBusy, is_held: bool) -> None:
    running, newer = holder(is_held=is_held), named(2)
    create.store(newer, put_group(), on_busy)
    found = deployments.get(running.deployment_id)
    assert found and found.stop is None and lock.waiting("shop/web") == newer.deployment_id


def test_one_whose_hosts_change_gives_way_once_it_is_held(context: LambdaContext) -> None:
    told = stand_in("stepfunctions", FakeStepFunctions())
    running, newer = holder(is_held=False), named(2)
    create.store(newer, put_group(), OnBusy.SUPERSEDE)
    hold.handler(
        {"deployment_id": running.deployment_id, "hold": to_plain(replace(HOLD, token=None)), "task_token": "t-2"},
        context,
    )
    ending = deployments.get(running.deployment_id)
    assert ending and ending.stop and ending.stop.superseded_by == newer.deployment_id
    assert "t-2" in told.told


def test_a_sequence_refuses_an_older_revision_and_names_both() -> None:
    stand_in("s3", Stored(v1=8, v2=9))
    group = put_group(settings=GroupSettings(is_sequence=True))
    create.store(named(2, "v2", group), group, OnBusy.QUEUE)
    with pytest.raises(NotDeployable) as refused:
        create.store(named(3, "v1", group), group, OnBusy.QUEUE)
    assert str(refused.value) == (
        "shop/web takes revisions in sequence: s3://revisions/shop/web/v1.zip version v1, stored at"
        " 2026-11-23T08:00:00.000Z, is older than s3://revisions/shop/web/v2.zip version v2, stored at"
        " 2026-11-23T09:00:00.000Z, which d-000000002 brought. Upload it again to deploy it after all, or roll back."
    )
    assert deployments.get("d-000000003") is None


def test_a_sequence_takes_the_same_revision_again_and_newer_ones() -> None:
    stand_in("s3", Stored(v1=8, v2=9))
    group = put_group(settings=GroupSettings(is_sequence=True))
    for number, version in enumerate(("v1", "v1", "v2"), 1):
        create.store(named(number, version, group), group, OnBusy.QUEUE)
    assert lock.waiting("shop/web") == "d-000000003"
    second = deployments.get("d-000000002")
    assert second and (second.status, second.superseded_by) == (DeploymentStatus.STOPPED, "d-000000003")


def test_a_group_without_a_sequence_asks_s3_for_nothing() -> None:
    stand_in("s3", object())
    for number, version in enumerate(("v2", "v1"), 1):
        create.store(named(number, version), put_group(), OnBusy.QUEUE)
