"""`stepdeploy plan`, and `deploy --plan`, which asks before it starts."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cli.__main__ import main
from cli.exits import Exit
from cli.view import plan_view
from functions.core.records import Alarms, GroupSettings
from tests.cli.conftest import Api, launched
from tests.clients import client
from tests.conftest import BUCKET, WEB, put_group
from tests.served import Served

Captured = pytest.CaptureFixture[str]
APPSPEC = "version: 0.0\nos: linux\nfiles: [{source: /, destination: /srv/app}]\n"


@pytest.fixture
def managed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Instances of shop/web that SSM reaches."""
    from functions.aws.fleet import ssm
    from functions.core.selection import Contact

    def make(*names: str) -> list[str]:
        ids = launched(*names)
        found = {each: Contact(ping="Online", agent="3.3.2299.0") for each in ids}
        monkeypatch.setattr(ssm, "contacts", lambda asked: found)
        return ids

    return make


def test_a_plan_of_a_folder_pushes_nothing(
    engine: Served, site: Path, managed: Callable[..., list[str]], capsys: Captured
) -> None:
    (site / "appspec.yml").write_text(APPSPEC)
    ids = managed("web-1", "web-2")
    assert main(["plan", "shop/web", str(site)]) == Exit.DONE
    told = capsys.readouterr().out
    assert told.startswith("shop/web  could begin\n") and "copies         the whole revision to /srv/app" in told
    assert "promise        1 of 2 hosts (50 %) may fail" in told and "AT ONCE" in told
    assert all(f"{each}  web-{number}" in told for number, each in enumerate(ids, start=1))
    assert client("s3").list_objects_v2(Bucket=BUCKET).get("Contents", []) == []
    assert engine.asked == ["PlanDeployment"]


def test_errors_come_first_and_are_the_exit_status(engine: Served, site: Path, capsys: Captured) -> None:
    put_group(settings=GroupSettings(tag_groups=(WEB,), alarms=Alarms(names=("gone",))))
    assert main(["plan", "shop/web", str(site)]) == Exit.FAILED
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "shop/web  cannot begin: 2 errors"
    assert [line.split()[1] for line in lines[1:3]] == ["ALARM_ACTIVE:", "NO_INSTANCES:"]
    assert main(["plan", "shop/web", f"s3://{BUCKET}/none.zip", "--json"]) == Exit.FAILED
    told = json.loads(capsys.readouterr().out)
    assert told["canBegin"] is False and "REVISION_MISSING" in [each["code"] for each in told["errors"]]


def test_what_cannot_be_planned_is_refused_as_by_deploy(engine: Served, site: Path, capsys: Captured) -> None:
    assert main(["plan", "shop/none", str(site)]) == Exit.REFUSED
    assert "DeploymentGroupDoesNotExistException" in capsys.readouterr().err
    assert main(["plan", "shop/web", str(site / "none")]) == Exit.USAGE
    assert main(["plan", "shop/web", str(site), "--restart"]) == Exit.USAGE
    (site / "appspec.yml").write_text("version: 1\n")
    assert main(["plan", "shop/web", str(site)]) == Exit.FAILED
    assert "appspec.yml" in capsys.readouterr().err


def test_only_the_first_hosts_are_shown(
    engine: Served, site: Path, managed: Callable[..., list[str]], capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan_view, "SHOWN", 1)
    managed("web-1", "web-2")
    assert main(["plan", "shop/web", str(site)]) == Exit.DONE
    assert "and 1 more host: --all-hosts" in capsys.readouterr().out
    assert main(["plan", "shop/web", str(site), "--all-hosts"]) == Exit.DONE
    told = capsys.readouterr().out
    assert "web-2" in told and "--all-hosts" not in told


def test_deploy_takes_the_same_members_after_the_plan(
    api: Api, site: Path, managed: Callable[..., list[str]], capsys: Captured
) -> None:
    managed("web-1")
    words = ["shop/web", str(site), "--config", "CodeDeployDefault.AllAtOnce", "--no-git"]
    assert main(["deploy", *words, "--plan", "--yes"]) == Exit.DONE
    told = capsys.readouterr()
    assert told.out.startswith("d-") and "could begin" in told.err
    planned, asked = api.asked["PlanDeployment"], api.asked["CreateDeployment"]
    assert planned.keys() - {"localRevision"} == asked.keys() - {"revision"}
    assert planned["deploymentConfigName"] == asked["deploymentConfigName"]


@pytest.mark.parametrize(("answer", "is_deployed"), [("y\n", True), ("n\n", False)])
def test_deploy_asks_before_it_starts(
    api: Api,
    engine: Served,
    site: Path,
    managed: Callable[..., list[str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: Captured,
    answer: str,
    is_deployed: bool,
) -> None:
    managed("web-1")
    monkeypatch.setattr(sys, "stdin", _Person(answer))
    assert main(["deploy", "shop/web", str(site), "--plan"]) == (Exit.DONE if is_deployed else Exit.FAILED)
    assert ("CreateDeployment" in engine.asked) is is_deployed
    assert bool(client("s3").list_objects_v2(Bucket=BUCKET).get("Contents")) is is_deployed
    assert "Start this deployment?" in capsys.readouterr().err


class _Person:
    """Sits at a terminal."""

    def __init__(self, answer: str) -> None:
        self._answer = answer

    def isatty(self) -> bool:
        return True

    def readline(self, *size: int) -> str:
        return self._answer

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.__stdin__, name)


def test_deploy_starts_nothing_that_has_errors_or_that_nobody_can_answer(
    engine: Served, site: Path, capsys: Captured
) -> None:
    assert main(["deploy", "shop/web", str(site), "--plan", "--yes"]) == Exit.FAILED
    assert "NO_INSTANCES" in (said := capsys.readouterr().err) and "nothing was deployed" in said
    assert main(["deploy", "shop/web", str(site), "--plan"]) == Exit.USAGE
    assert "give --yes" in capsys.readouterr().err
    assert main(["deploy", "shop/web", str(site), "--yes"]) == Exit.USAGE
    assert "CreateDeployment" not in engine.asked
