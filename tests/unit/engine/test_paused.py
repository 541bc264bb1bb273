"""Whatever ends a deployment that somebody has paused wakes the targets that the pause holds; and what gives way."""

from dataclasses import replace
from typing import Any

import pytest

from functions.aws.clients import client
from functions.core.new_deployment import new_deployment
from functions.core.records import Counts, Deployment, GroupSettings, Hold, HoldKind, Pause
from functions.core.statuses import DeploymentStatus, OnBusy
from functions.handlers import hold, rollback, start, stop
from functions.store.records import deployments, lock, watching
from tests.conftest import BUCKET, LambdaContext, put_group, revision
from tests.rollout import begin
from tests.unit.api.conftest import Api
from tests.unit.handlers.test_prepare import archive

pytestmark = pytest.mark.usefixtures("store", "services", "executing")
NOW = "2026-11-23T10:00:00.000Z"
ID = "d-000000001"
NEWER = GroupSettings(on_busy=OnBusy.SUPERSEDE, is_sequence=True)
HELD = Hold(stage=0, kinds=(HoldKind.PAUSE, HoldKind.FREEZE), since=NOW, token="t-1")


@pytest.fixture
def paused() -> Deployment:
    """It is held between its stages, in a group whose newer deployments take its place."""
    one = new_deployment(put_group(settings=NEWER), revision(), deployment_id=ID, now=NOW, requested_by="me")
    lock.create(one, None, queue=True)
    begin(replace(one, counts=Counts(total=2, max_out_of_service=1, started=1, succeeded=1)), [], NOW)
    assert deployments.pause(ID, Pause(by="ann", at=NOW))
    deployments.store_hold(ID, HELD, DeploymentStatus.IN_PROGRESS)
    found = deployments.get(ID)
    assert found
    return found


def is_woken() -> bool:
    found = deployments.get(ID)
    return bool(found and found.stop) and watching.turn(ID).number == 1


def asked(key: str = "shop/web/v2.zip", **more: Any) -> dict[str, Any]:
    version = client("s3").put_object(Bucket=BUCKET, Key=key, Body=archive())["VersionId"]
    return {"application": "shop", "group": "web", "key": key, **({"version": version} if more.get("named") else {})}


def test_a_stop(paused: Deployment, context: LambdaContext) -> None:
    stop.handler({"deployment_id": ID}, context)
    assert is_woken()


def test_a_rollback(paused: Deployment, context: LambdaContext) -> None:
    rollback.handler({"application": "shop", "group": "web"}, context)
    assert is_woken()


@pytest.mark.parametrize("named", [False, True])
def test_a_newer_deployment(paused: Deployment, context: LambdaContext, named: bool) -> None:
    start.handler(asked(named=named), context)
    assert is_woken()


@pytest.mark.parametrize("named", [False, True])
def test_a_newer_deployment_by_the_api(paused: Deployment, context: LambdaContext, named: bool) -> None:
    given = asked(named=named)
    where = {"bucket": BUCKET, "key": given["key"], "bundleType": "zip", "version": given.get("version")}
    location = {name: value for name, value in where.items() if value}
    Api(context)(
        "CreateDeployment",
        applicationName="shop",
        deploymentGroupName="web",
        revision={"revisionType": "S3", "s3Location": location},
    )
    assert is_woken()


def test_one_that_waits_already_when_it_comes_to_be_held(paused: Deployment, context: LambdaContext) -> None:
    newer = new_deployment(put_group(settings=NEWER), revision("v2"), deployment_id="d-2", now=NOW, requested_by="me")
    lock.create(newer, None, queue=True)
    event = {"stage": 0, "kinds": ["PAUSE", "FREEZE"], "since": NOW}
    hold.handler({"deployment_id": ID, "hold": event, "task_token": "t-2"}, context)
    assert is_woken()
