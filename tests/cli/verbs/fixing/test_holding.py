"""`stepdeploy approve`, `pause` and `resume`, against the engine's API; and how `show` tells of them."""

import json
from dataclasses import replace

import pytest

from cli.__main__ import main
from functions.core.records import Hold, HoldKind, Stage
from functions.core.rollout.health import Approval
from functions.core.statuses import DeploymentStatus
from functions.store.records import deployments
from tests.conftest import put_group, stand_in
from tests.fakes.step_functions import FakeStepFunctions
from tests.served import ARN, Served
from tests.store import Store
from tests.unit.api.test_deployments import put, record

Captured = pytest.CaptureFixture[str]
ID, NOW = "d-000000001", "2026-11-23T10:00:00.000Z"


@pytest.fixture
def ready(engine: Served, store: Store) -> None:
    put_group()
    stand_in("stepfunctions", FakeStepFunctions())
    hold = Hold(stage=0, kinds=(HoldKind.APPROVAL,), since=NOW, token="t-1")
    stages = (
        Stage(name="canary", targets=1, bake_seconds=600, approval=Approval(by_another=True)),
        Stage(name="rest", targets=9),
    )
    record(replace(put(1, status=DeploymentStatus.READY), stages=stages, hold=hold))


def test_a_deployment_that_waits_says_for_what_and_goes_on_by_approval(ready: None, capsys: Captured) -> None:
    assert main(["show", ID]) == 0
    out = capsys.readouterr().out
    assert "after stage 1 of 2 (canary) for approval by another than its creator: stepdeploy approve d-000000001" in out
    assert "1. canary: 1 host, alarms are watched for 10m, needs approval by another than its creator" in out
    assert main(["approve", "shop/web", "--reason", "fine"]) == 0
    assert capsys.readouterr().out == f"{ID}: approved, it goes on\n"
    assert main(["show", ID]) == 0
    assert f"approved by {ARN} at " in capsys.readouterr().out
    assert main(["approve", ID]) == 3
    assert "DeploymentIsNotInReadyStateException" in capsys.readouterr().err


def test_without_an_id_there_must_be_one_that_waits(engine: Served, store: Store, capsys: Captured) -> None:
    put(1, status=DeploymentStatus.IN_PROGRESS)
    assert main(["approve", "shop/web"]) == 3
    assert "no deployment is running in shop/web" in capsys.readouterr().err


def test_pause_and_resume(engine: Served, services: None, executing: None, capsys: Captured) -> None:
    put_group()
    put(1, status=DeploymentStatus.IN_PROGRESS)
    assert main(["pause", "shop/web", "--reason", "errors"]) == 0
    assert capsys.readouterr().out == f"{ID}: paused; go on by stepdeploy resume {ID}\n"
    found = deployments.get(ID)
    assert found and found.pause and (found.pause.by, found.pause.why) == (ARN, "errors")
    assert main(["show", ID]) == 0
    assert f"paused by {ARN} since " in capsys.readouterr().out
    assert main(["resume", ID, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"deploymentId": ID, "paused": False}
    assert main(["resume", ID]) == 3
    assert "is not paused" in capsys.readouterr().err
