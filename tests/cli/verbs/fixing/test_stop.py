"""`stepdeploy stop`, against the engine's API."""

import json
import re

import pytest

from cli.__main__ import main
from cli.view.watch_view import How
from functions.core.messages.texts import STOPPING
from functions.core.records import Counts
from functions.core.statuses import DeploymentStatus, TargetStatus
from functions.store.records import deployments
from tests.cli.conftest import Watched
from tests.cli.deploying import ID, put_deployment, put_target
from tests.served import ARN, Served
from tests.store import Store
from tests.unit.api.test_deployments import put

Captured = pytest.CaptureFixture[str]
RUNS = DeploymentStatus.IN_PROGRESS


@pytest.mark.parametrize(("options", "wish"), [([], None), (["--rollback"], True), (["--no-rollback"], False)])
def test_a_deployment_is_stopped_by_its_caller_and_rolled_back_as_is_wished(
    options: list[str], wish: bool | None, engine: Served, store: Store, capsys: Captured
) -> None:
    put(1, status=RUNS)
    assert main(["stop", "d-000000001", *options]) == 0
    assert capsys.readouterr().out == f"d-000000001: {STOPPING}\n"
    stopped = deployments.get("d-000000001")
    assert stopped is not None
    assert stopped.stop is not None
    assert (stopped.stop.by, stopped.stop.auto_rollback) == (ARN, wish)


def test_scripts_are_cut_off_and_the_reason_is_on_record_when_they_are_given(
    engine: Served, store: Store, capsys: Captured
) -> None:
    put(1, status=RUNS)
    assert main(["stop", "d-000000001", "--cancel", "--reason", "wrong build"]) == 0
    stopped = deployments.get("d-000000001")
    assert stopped and stopped.stop
    assert (stopped.stop.cancel, stopped.stop.message) == (True, f"Stopped by {ARN}: wrong build")


@pytest.mark.parametrize(("options", "hint"), [([], "; --cancel cuts it off"), (["--cancel"], "")])
def test_what_still_runs_is_said_with_its_time(
    options: list[str], hint: str, engine: Served, executing: None, capsys: Captured
) -> None:
    put_deployment(RUNS, Counts(total=2, max_out_of_service=1, in_progress=1))
    put_target("i-1", TargetStatus.IN_PROGRESS, done=2)
    assert main(["stop", ID, *options]) == 0
    assert re.fullmatch(rf"still at work: i-1 in BeforeInstall for \S+ \S+{hint}\n", capsys.readouterr().err)


def test_json_is_one_object(engine: Served, executing: None, capsys: Captured) -> None:
    put(1, status=RUNS)
    assert main(["stop", "d-000000001", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["deploymentId"], found["status"]) == ("d-000000001", "Pending")


@pytest.mark.parametrize(
    ("deployment_id", "code"),
    [
        ("d-000000001", "DeploymentAlreadyCompletedException"),
        ("d-000000009", "DeploymentDoesNotExistException"),
    ],
)
def test_what_cannot_be_stopped_is_refused(deployment_id: str, code: str, engine: Served, capsys: Captured) -> None:
    put(1)
    assert main(["stop", deployment_id]) == 3
    assert capsys.readouterr().err.startswith(f"Error: {code}: ")


def test_a_timeout_without_watching_is_a_mistake(engine: Served, capsys: Captured) -> None:
    assert main(["stop", "d-000000001", "--timeout", "5m"]) == 2
    assert "--timeout needs --watch" in capsys.readouterr().err
    assert engine.asked == []


def test_watching_follows_the_stop_to_its_end(engine: Served, watched: Watched, capsys: Captured) -> None:
    put(1, status=RUNS)
    assert main(["stop", "d-000000001", "--watch", "--json"]) == 1
    assert watched == [("d-000000001", How(as_json=True))]
