"""`stepdeploy rollback` and `stepdeploy retry`: what they ask the API for, and what they tell of its answer."""

import json
from typing import Any

import pytest

from cli.__main__ import main
from tests.cli.conftest import Api
from tests.served import Served

Captured = pytest.CaptureFixture[str]
Watched = list[tuple[str, dict[str, Any]]]


def test_a_group_is_rolled_back_and_what_is_stopped_first_is_told(api: Api, capsys: Captured) -> None:
    api.answers["RollBackDeploymentGroup"] = {"deploymentId": "d-000000002", "stoppedDeploymentId": "d-000000001"}
    assert main(["rollback", "shop/web"]) == 0
    assert capsys.readouterr() == (
        "d-000000002\n",
        "d-000000001 is stopped first\nfollow it by: stepdeploy watch d-000000002\n",
    )
    assert api.asked["RollBackDeploymentGroup"] == {"applicationName": "shop", "deploymentGroupName": "web"}


def test_a_deployment_is_retried_by_another(api: Api, capsys: Captured) -> None:
    api.answers["RetryDeployment"] = {"deploymentId": "d-000000002"}
    assert main(["retry", "d-000000001", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"deploymentId": "d-000000002", "retried": "d-000000001"}
    assert api.asked["RetryDeployment"] == {"deploymentId": "d-000000001"}


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [("RollBackDeploymentGroup", ["rollback", "shop/web"]), ("RetryDeployment", ["retry", "d-000000001"])],
)
def test_the_outcome_of_what_is_watched_is_the_exit_status(
    operation: str, arguments: list[str], api: Api, watched: Watched
) -> None:
    api.answers[operation] = {"deploymentId": "d-000000002"}
    assert main([*arguments, "--watch", "--timeout", "1h"]) == 1
    assert watched == [("d-000000002", {"as_json": False, "seconds": 3600})]


@pytest.mark.parametrize("arguments", [["rollback", "shop/web"], ["rollback", "shop/w3b"], ["retry", "d-000000009"]])
def test_what_the_engine_refuses_is_exit_status_3(arguments: list[str], engine: Served, capsys: Captured) -> None:
    assert main(arguments) == 3
    assert "Exception: " in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["rollback", "shop/web"], ["retry", "d-000000001"]])
def test_a_timeout_without_watching_is_a_mistake(arguments: list[str], engine: Served) -> None:
    assert main([*arguments, "--timeout", "1h"]) == 2
    assert engine.asked == []
