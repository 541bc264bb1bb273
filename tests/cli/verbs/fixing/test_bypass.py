"""`stepdeploy bypass`, against the engine's API."""

import json
import re
from dataclasses import replace

import pytest

from cli.__main__ import main
from functions.core.records import Bypass, Closed
from functions.core.statuses import DeploymentStatus
from functions.store.records import deployments
from tests.cli.deploying import Captured
from tests.served import ARN, Served
from tests.unit.api.test_deployments import put, record

ID = "d-000000001"
WHY = ("--reason", "an outage")
FROZEN = Closed(until=None, why="frozen by ann: a move")


def bypass() -> Bypass | None:
    found = deployments.get(ID)
    assert found
    return found.bypass


@pytest.mark.parametrize("which", [ID, "shop/web"])
def test_one_deployment_goes_past_and_its_record_says_who_let_it(which: str, engine: Served, capsys: Captured) -> None:
    record(replace(put(1, status=DeploymentStatus.QUEUED), closed=FROZEN))
    assert main(["show", ID]) == 0
    assert "until a freeze is lifted: frozen by ann: a move" in capsys.readouterr().out
    assert main(["bypass", which, *WHY]) == 0
    assert capsys.readouterr().out == f"{ID}: windows and freezes are bypassed\n"
    found = bypass()
    assert found and (found.by, found.why) == (ARN, "an outage")
    assert main(["show", ID]) == 0
    told = capsys.readouterr().out
    assert re.search(rf"bypass by    {ARN}, [-0-9]+ [:0-9]+, of windows and freezes: an outage\n", told)


def test_json_is_one_object(engine: Served, capsys: Captured) -> None:
    put(1, status=DeploymentStatus.QUEUED)
    assert main(["bypass", ID, *WHY, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"deploymentId": ID, "bypassed": True}


def test_it_says_why(engine: Served, capsys: Captured) -> None:
    put(1, status=DeploymentStatus.QUEUED)
    assert main(["bypass", ID]) == 2
    assert "Missing option '--reason'" in capsys.readouterr().err and engine.asked == []
    assert main(["bypass", ID, "--reason", " "]) == 3
    assert "reason: says nothing" in capsys.readouterr().err and bypass() is None


def test_one_that_is_over_goes_past_nothing(engine: Served, capsys: Captured) -> None:
    put(1)
    assert main(["bypass", ID, *WHY]) == 3
    assert "DeploymentAlreadyCompletedException" in capsys.readouterr().err
    assert main(["bypass", "shop/web", *WHY]) == 3
    says = "no deployment is queued or running in shop/web: see stepdeploy list shop/web"
    assert says in capsys.readouterr().err and bypass() is None
