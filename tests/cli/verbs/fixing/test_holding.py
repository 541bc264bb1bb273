"""`stepdeploy approve`, `pause` and `resume`, against the engine's API; and how `show` tells of them."""

import json
from dataclasses import replace

import pytest

from cli.__main__ import main
from cli.view.watch_view import How
from functions.core.records import Hold, HoldKind, Stage
from functions.core.rollout.health import Approval
from functions.core.statuses import DeploymentStatus
from functions.store.records import deployments
from tests.cli.conftest import Api, Watched
from tests.conftest import put_group, stand_in
from tests.fakes.step_functions import FakeStepFunctions
from tests.served import ARN, Served
from tests.store import Store
from tests.unit.api.test_analysis import inconclusive
from tests.unit.api.test_deployments import put, record

Captured = pytest.CaptureFixture[str]
ID, NOW = "d-000000001", "2026-11-23T10:00:00.000Z"


@pytest.fixture
def ready(engine: Served, store: Store, services: None, executing: None) -> None:
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
    assert capsys.readouterr().out == f"{ID}: approved\n"
    assert main(["show", ID]) == 0
    assert f"approved by {ARN} at " in capsys.readouterr().out
    assert main(["approve", ID]) == 3
    assert "DeploymentIsNotInReadyStateException" in capsys.readouterr().err


def test_metrics_that_say_nothing_are_told_and_somebody_goes_on(engine: Served, store: Store, capsys: Captured) -> None:
    put_group()
    stand_in("stepfunctions", FakeStepFunctions())
    inconclusive()
    assert main(["show", ID]) == 0
    out = capsys.readouterr().out
    why = "cpu: it is a composite alarm"
    assert f"({why}): stepdeploy approve {ID} to go on, or stepdeploy stop {ID}" in out
    assert "stage        1. canary: 1 host, alarms are watched for 10m, 1 metric judged\n" in out
    assert "metrics      1. canary: inconclusive\n" in out
    assert "metrics         errors: success: 0.5 on 1 new host, not above 1.25\n" in out
    assert "metrics         alarm cpu: inconclusive: it is a composite alarm\n" in out
    assert main(["show", ID, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["deployment"]["analyses"][0]
    assert told["judged"][0]["newHosts"]["value"] == 0.5
    assert main(["list"]) == 0
    assert "Ready, metrics are inconclusive" in capsys.readouterr().out
    assert main(["approve", ID, "--reason", "I looked"]) == 0


def test_without_an_id_there_must_be_one_that_waits(engine: Served, store: Store, capsys: Captured) -> None:
    put(1, status=DeploymentStatus.IN_PROGRESS)
    assert main(["approve", "shop/web"]) == 3
    assert "no deployment waits for approval in shop/web: see stepdeploy list shop/web" in capsys.readouterr().err


def test_pause_and_resume(engine: Served, services: None, executing: None, capsys: Captured) -> None:
    put_group()
    put(1, status=DeploymentStatus.IN_PROGRESS)
    assert main(["pause", "shop/web", "--reason", "errors"]) == 0
    assert capsys.readouterr().out == f"{ID}: paused; let it go on with: stepdeploy resume {ID}\n"
    found = deployments.get(ID)
    assert found and found.pause and (found.pause.by, found.pause.why) == (ARN, "errors")
    assert main(["show", ID]) == 0
    assert f"paused by {ARN} since " in capsys.readouterr().out
    assert main(["resume", ID, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"deploymentId": ID, "paused": False}
    assert main(["resume", ID]) == 3
    assert "is not paused" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("verb", "options", "asked"),
    [
        ("ContinueDeployment", ["approve", ID], {"deploymentId": ID}),
        ("ContinueDeployment", ["approve", ID, "--reason", "fine"], {"deploymentId": ID, "reason": "fine"}),
        ("PauseDeployment", ["pause", ID], {"deploymentId": ID}),
        ("PauseDeployment", ["pause", ID, "--reason", "errors"], {"deploymentId": ID, "reason": "errors"}),
        ("ResumeDeployment", ["resume", "shop/web"], {"deploymentId": ID}),
    ],
)
def test_what_is_sent(verb: str, options: list[str], asked: dict[str, str], ready: None, api: Api) -> None:
    if verb == "ResumeDeployment":
        assert main(["pause", ID]) == 0
    assert main(options) == 0
    assert api.asked[verb] == asked


def test_json_is_one_object(ready: None, capsys: Captured) -> None:
    for verb, told in (("pause", {"paused": True}), ("resume", {"paused": False}), ("approve", {"approved": True})):
        assert main([verb, ID, "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == {"deploymentId": ID, **told}


@pytest.mark.parametrize("verb", ["approve", "resume"])
def test_watching_follows_it_to_its_end(verb: str, ready: None, watched: Watched, capsys: Captured) -> None:
    if verb == "resume":
        assert main(["pause", ID]) == 0
    assert main([verb, ID, "--watch"]) == 1
    assert watched == [(ID, How())]


def test_a_pause_that_is_there_stays_as_it_is(ready: None, capsys: Captured) -> None:
    assert main(["pause", ID, "--reason", "errors"]) == main(["pause", ID, "--reason", "more errors"]) == 0
    assert main(["show", ID]) == 0
    out = capsys.readouterr().out
    assert f"stepdeploy approve {ID}; paused by {ARN} since " in out and ": errors\n" in out


def test_who_may_not_approve_is_told_who_may(ready: None, capsys: Captured) -> None:
    lead = "arn:aws:iam::123456789012:role/lead"
    stages = (Stage(name="canary", targets=1, approval=Approval(approvers=(lead,))), Stage(name="rest", targets=9))
    found = deployments.get(ID)
    assert found
    record(replace(found, stages=stages))
    assert main(["show", ID]) == 0
    assert f"for approval by {lead}: stepdeploy approve {ID}" in capsys.readouterr().out
    assert main(["approve", ID, "--json"]) == 3
    error = json.loads(capsys.readouterr().out)["error"]
    assert f"{ARN} may not approve {ID}: its stage names {lead} as approvers" in error["message"]


@pytest.mark.parametrize("verb", ["approve", "pause", "resume"])
def test_one_that_is_over_or_unknown_is_refused(verb: str, engine: Served, executing: None, capsys: Captured) -> None:
    put(1)
    assert main([verb, ID]) == 3
    assert capsys.readouterr().err.startswith("Error: Deployment")
    assert main([verb, "d-000000009"]) == 3
    assert "DeploymentDoesNotExistException" in capsys.readouterr().err
    assert main([verb, "shop"]) == 2
    assert "must be a deployment's id, for example d-0123ABCDE, or APPLICATION/GROUP" in capsys.readouterr().err
