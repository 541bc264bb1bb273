"""`stepdeploy retire`, against the engine's API."""

import json
from collections.abc import Callable, Iterator

import pytest

from cli.__main__ import main
from cli.account.connection import Engine
from functions.core.statuses import DeploymentStatus
from functions.store.records import deployments
from tests.conftest import BUCKET
from tests.served import Served
from tests.store import Store
from tests.unit.api.test_deployments import put

Captured = pytest.CaptureFixture[str]
RUNS, WAITS, ENDED = DeploymentStatus.IN_PROGRESS, DeploymentStatus.CREATED, DeploymentStatus.STOPPED


@pytest.fixture
def meanwhile(engine: Served, store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Callable[[], object]]]:
    """What happens while it waits, one for each pause; all of it has to happen."""
    steps: list[Callable[[], object]] = []
    monkeypatch.setattr("cli.verbs.setting_up.retire.time.sleep", lambda _: steps.pop(0)())
    monkeypatch.setattr(Engine, "outputs", {"BucketName": BUCKET, "TableName": "records"})
    yield steps
    assert not steps


def end(*numbers: int) -> None:
    for number in numbers:
        put(number, status=ENDED)


def test_what_waits_is_stopped_before_what_runs_and_it_waits_for_both(
    meanwhile: list[Callable[[], object]], engine: Served, executing: None, capsys: Captured
) -> None:
    for number, status in ((1, DeploymentStatus.SUCCEEDED), (2, RUNS), (3, WAITS)):
        put(number, status=status, group=f"g{number}")
    stopped: list[object] = []
    meanwhile += [lambda: stopped.append(deployments.get("d-000000002")), lambda: end(2, 3)]
    assert main(["retire", "--cancel", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found == {"stopped": ["d-000000003", "d-000000002"], "left": [], "bucket": BUCKET, "table": "records"}
    (mark,) = [each.stop for each in stopped]  # type: ignore[attr-defined]
    assert (mark.cancel, mark.auto_rollback) == (True, False)
    assert mark.message.endswith("stepdeploy retire: the engine is to be removed")


def test_what_an_upload_starts_meanwhile_is_stopped_too(
    meanwhile: list[Callable[[], object]], engine: Served, capsys: Captured
) -> None:
    put(1, status=RUNS)

    def another() -> None:
        end(1)
        put(2, status=RUNS)

    meanwhile += [another, lambda: end(2)]
    assert main(["retire"]) == 0
    said = capsys.readouterr()
    assert said.out.splitlines() == [
        "2 deployments stopped, nothing runs. Remove the stack: cdk destroy",
        f"It keeps the bucket {BUCKET} and the table records (docs/removing.md).",
    ]
    assert said.err.splitlines()[0] == "waiting for 1 deployment: d-000000001"


def test_it_ends_when_its_time_is_over(engine: Served, meanwhile: object, capsys: Captured) -> None:
    put(1, status=RUNS)
    assert main(["retire", "--timeout", "0s", "--json"]) == 4
    assert json.loads(capsys.readouterr().out)["left"] == ["d-000000001"]


def test_one_that_ended_just_now_is_no_error(
    meanwhile: list[Callable[[], object]], engine: Served, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    put(1, status=ENDED)
    listed = iter([["d-000000001"], []])
    monkeypatch.setattr("cli.verbs.setting_up.retire._left", lambda engine: next(listed))
    meanwhile.append(lambda: None)
    assert main(["retire"]) == 0
