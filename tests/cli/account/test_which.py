"""Which deployment a verb is about where no id is given."""

from dataclasses import replace

import pytest

from cli.__main__ import main
from functions.core.records import Counts, RollbackInfo
from functions.core.statuses import DeploymentStatus
from functions.store.records import deployments
from tests.conftest import put_group
from tests.served import Served
from tests.store import Store
from tests.unit.api.test_deployments import put, record

Captured = pytest.CaptureFixture[str]
FAILED, RUNS = DeploymentStatus.FAILED, DeploymentStatus.IN_PROGRESS


@pytest.fixture
def two_groups(engine: Served, store: Store) -> None:
    """Two deployments of shop/web, the newer one failed; then one of shop/api."""
    put_group("api")
    put(1)
    one = put(2, status=FAILED)
    record(replace(one, counts=Counts(total=2, succeeded=1, failed=1), complete_time="2026-11-23T01:00:00.000Z"))
    put(3, group="api")


@pytest.mark.parametrize(
    ("which", "found", "said"),
    [
        ([], "d-000000003", "shop/api: newest is d-000000003\n"),
        (["shop/web"], "d-000000002", "shop/web: newest is d-000000002\n"),
        (["d-000000001"], "d-000000001", ""),
    ],
)
def test_a_verb_that_looks_takes_the_newest_and_says_which(
    which: list[str], found: str, said: str, two_groups: None, capsys: Captured
) -> None:
    assert main(["show", *which]) == 0
    out, err = capsys.readouterr()
    assert out.startswith(f"{found}  ") and err == said


@pytest.mark.parametrize(("verb", "status"), [("watch", 1), ("logs", 0), ("retry", 0)])
def test_other_verbs_take_a_group_too(verb: str, status: int, two_groups: None, capsys: Captured, store: Store) -> None:
    assert main([verb, "shop/web"]) == status
    assert capsys.readouterr().err.startswith("shop/web: newest is d-000000002\n")


def test_of_a_rollback_the_deployment_that_it_undoes_is_named(engine: Served, capsys: Captured) -> None:
    put(1, status=FAILED)
    record(replace(put(2), rollback=RollbackInfo(rollback_triggering_deployment_id="d-000000001")))
    assert main(["show", "shop/web"]) == 0
    assert capsys.readouterr().err.endswith("it rolls back d-000000001: stepdeploy show d-000000001\n")


def test_stop_means_what_runs(two_groups: None, capsys: Captured) -> None:
    assert main(["stop", "shop/web"]) == 3
    assert capsys.readouterr().err == "Error: no deployment is running in shop/web: see stepdeploy list shop/web\n"
    put(1, status=RUNS)
    assert main(["stop"]) == 0
    stopped = deployments.get("d-000000001")
    assert stopped and stopped.stop


@pytest.mark.parametrize("verb", ["stop", "retry"])
def test_a_verb_that_changes_something_does_not_choose_among_groups(
    verb: str, two_groups: None, capsys: Captured
) -> None:
    put(1, status=RUNS)
    put(3, group="api", status=RUNS)
    assert main([verb]) == 2
    assert "several groups have deployments: name one of shop/api, shop/web" in capsys.readouterr().err


def test_what_is_neither_an_id_nor_a_group_is_a_mistake(engine: Served, capsys: Captured) -> None:
    assert main(["show", "web"]) == 2
    assert "'web': must be a deployment's id, for example d-0123ABCDE, or APPLICATION/GROUP" in capsys.readouterr().err


def test_where_nothing_was_deployed_that_is_said(engine: Served, capsys: Captured) -> None:
    assert main(["show", "shop/web"]) == 3
    assert capsys.readouterr().err == "Error: there is no deployment of shop/web yet\n"


def test_list_takes_a_group(two_groups: None, capsys: Captured) -> None:
    assert main(["list", "shop/web"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]] == ["d-000000002", "d-000000001"]
    assert main(["list", "shop", "--group", "web"]) == 2
