"""`stepdeploy rollback` and `stepdeploy retry`, against the engine's API."""

import json
import sys
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from cli.__main__ import main
from cli.account.connection import Engine
from cli.exits import Exit
from cli.view.watch_view import How
from functions.core.new_deployment import summary
from functions.core.records import Counts, Deployment, DeploymentSummary
from functions.core.statuses import DeploymentStatus, OnBusy, TargetStatus
from functions.engine.ending import end
from functions.engine.starting import create
from functions.store.records import deployments, targets
from tests import rollout
from tests.cli.conftest import Watched
from tests.conftest import pending, put_group, revision
from tests.served import Served
from tests.store import Store
from tests.unit.api.test_deployments import put, record

NOW = "2026-11-23T00:02:00.000Z"
Captured = pytest.CaptureFixture[str]
GOOD = DeploymentSummary(
    deployment_id="d-000000001",
    status=DeploymentStatus.SUCCEEDED,
    create_time="2026-11-23T00:01:00.000Z",
    revision=revision("v1", version="v", etag="e"),
)


@pytest.fixture
def failed(engine: Served) -> Deployment:
    """The last deployment of shop/web, which failed on one of three hosts; the one before it was good."""
    put_group(last_successful=GOOD)
    one = put(2, status=DeploymentStatus.FAILED)
    return record(replace(one, counts=Counts(total=3, max_out_of_service=1, succeeded=1, failed=1, skipped=1)))


def begin(store: Store) -> str:
    request = create.Request(application="shop", group="web", revision=revision("v3"), requested_by="ann")
    return create.create(request)


def info(deployment_id: str) -> dict[str, Any]:
    found: dict[str, Any] = Engine().api.get_deployment(deploymentId=deployment_id)["deploymentInfo"]
    return found


def test_a_group_goes_back_to_its_last_good_revision(failed: Deployment, capsys: Captured) -> None:
    assert main(["rollback", "shop/web"]) == 0
    out, err = capsys.readouterr()
    assert info(out.strip())["revision"]["s3Location"]["key"] == "shop/web/v1.zip"
    why = "d-000000001 (s3://revisions/shop/web/v1.zip) is the last good revision."
    assert err == f"{why}\nfollow it with: stepdeploy watch {out}"


@pytest.fixture
def goods(engine: Served) -> list[str]:
    """Three good deployments of shop/web, newest first; the last one is what runs."""
    made = []
    for number, commit, failed in ((1, "a", 0), (2, "b", 1), (3, "c", 0)):
        one = put(number)
        counts = Counts(total=12, max_out_of_service=6, succeeded=12 - failed, failed=failed)
        one = replace(one, revision=revision(f"v{number}", version="v", etag="e"), metadata={"commit": commit * 40})
        made.append(record(replace(one, counts=counts, complete_time=NOW)))
    summaries = tuple(map(summary, reversed(made)))
    put_group(last_successful=summaries[0], last_attempted=summaries[0], good_deployments=summaries)
    return [each.deployment_id for each in summaries]


def test_a_dry_run_lists_the_good_ones_and_what_each_reached(
    goods: list[str], engine: Served, capsys: Captured
) -> None:
    assert main(["rollback", "shop/web", "--dry-run"]) == 0
    out, err = capsys.readouterr()
    rows = [line.split("  ") for line in out.splitlines()]
    cells = [[cell.strip() for cell in row if cell.strip()] for row in rows]
    assert [row[:4] for row in cells[1:]] == [
        ["-", "d-000000003", "ccccccc", "12 of 12"],
        ["1", "d-000000002", "bbbbbbb", "11 of 12"],
        ["2", "d-000000001", "aaaaaaa", "12 of 12"],
    ]
    assert [row[5:] for row in cells[1:]] == [["it has the revision that is rolled back"], [], ["<- this one"]]
    assert err.endswith("go there: stepdeploy rollback shop/web --to d-000000001\n")
    assert "RollBackDeploymentGroup" not in engine.asked


@pytest.mark.parametrize("to", ["1", "d-000000002", "bbbb", "b" * 40])
def test_a_person_names_another_good_one(to: str, goods: list[str], store: Store, capsys: Captured) -> None:
    assert main(["rollback", "shop/web", "--to", to]) == 0
    out, err = capsys.readouterr()
    assert info(out.strip())["revision"]["s3Location"]["key"] == "shop/web/v2.zip"
    assert err.startswith("d-000000002 (s3://revisions/shop/web/v2.zip) was requested.")


@pytest.mark.parametrize("to", ["3", "d-000000009", "ffff", "b", "x"])
def test_what_names_no_good_one_starts_nothing(to: str, goods: list[str], capsys: Captured) -> None:
    assert main(["rollback", "shop/web", "--to", to]) == 2
    assert "see them: stepdeploy rollback shop/web --dry-run" in capsys.readouterr().err


def test_with_nothing_to_go_back_to_a_dry_run_says_why(engine: Served, capsys: Captured) -> None:
    assert main(["rollback", "shop/web", "--dry-run"]) == 3
    assert capsys.readouterr() == ("", "nothing was deployed to shop/web yet\n")


@pytest.mark.parametrize("cancels", [False, True])
def test_scripts_are_cut_off_only_when_it_is_asked_for_and_what_is_queued_is_named(
    cancels: bool, failed: Deployment, store: Store, capsys: Captured
) -> None:
    running = begin(store)
    request = create.Request(application="shop", group="web", revision=revision("v4"), requested_by="ann")
    queued = create.create(replace(request, on_busy=OnBusy.QUEUE))
    assert main(["rollback", "shop/web", *(["--cancel"] if cancels else [])]) == 0
    stopped = deployments.get(running)
    assert stopped and stopped.stop and stopped.stop.cancel is cancels
    what = f"{queued} is queued and starts right after the rollback: stop it with stepdeploy stop {queued}"
    assert what in capsys.readouterr().err


def test_what_runs_is_stopped_and_goes_back_by_itself(failed: Deployment, store: Store, capsys: Captured) -> None:
    running = begin(store)
    assert main(["rollback", "shop/web", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"stoppedDeploymentId": running}
    assert info(running)["stopInfo"]["message"].endswith(": rollback")


def test_a_rollback_of_what_runs_is_watched_to_the_end_of_what_goes_back(
    failed: Deployment, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    running, seen = begin(store), list[str]()
    begun = deployments.get(running)
    assert begun
    fleet = pending(begun, "i-0", "i-1", "i-2")
    assert rollout.begin(replace(begun, counts=Counts(total=3, max_out_of_service=1)), fleet, NOW)

    def watch(engine: Engine, deployment_id: str, how: How, **_: Any) -> Exit:
        seen.append(deployment_id)
        if deployment_id != running:
            return Exit.DONE
        stopped, first = deployments.get(running), targets.get(running, "i-0")
        assert stopped and stopped.stop and first
        assert rollout.end_target(first, TargetStatus.FAILED, NOW)
        end.end(running)
        return Exit.FAILED

    first = targets.get(running, "i-0")
    assert first and rollout.begin_target(first, NOW)
    monkeypatch.setitem(sys.modules, "cli.view.watch_view", SimpleNamespace(watch=watch, How=How))
    assert main(["rollback", "shop/web", "--watch"]) == 0
    assert seen == [running, info(running)["rollbackInfo"]["rollbackDeploymentId"]]


def test_a_deployment_is_retried_by_another(failed: Deployment, capsys: Captured) -> None:
    assert main(["retry", failed.deployment_id, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["retried"] == failed.deployment_id
    assert info(told["deploymentId"])["description"] == f"Retry of {failed.deployment_id}"


@pytest.mark.parametrize("arguments", [["rollback", "shop/web"], ["retry", "d-000000002"]])
def test_the_outcome_of_what_is_watched_is_the_exit_status(
    arguments: list[str], failed: Deployment, watched: Watched, capsys: Captured
) -> None:
    assert main([*arguments, "--watch", "--timeout", "1h"]) == 1
    assert watched == [(capsys.readouterr().out.strip(), How(seconds=3600))]


@pytest.mark.parametrize("arguments", [["rollback", "shop/web"], ["rollback", "shop/w3b"], ["retry", "d-000000009"]])
def test_what_the_engine_refuses_is_exit_status_3(arguments: list[str], engine: Served, capsys: Captured) -> None:
    assert main(arguments) == 3
    assert "Exception: " in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["rollback", "shop/web"], ["retry", "d-000000001"]])
def test_a_timeout_without_watching_is_a_mistake(arguments: list[str], engine: Served) -> None:
    assert main([*arguments, "--timeout", "1h"]) == 2
    assert engine.asked == []
