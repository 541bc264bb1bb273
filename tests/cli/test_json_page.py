"""docs/json.md: what it shows is what the verbs print, field for field."""

import json
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import click
import pytest

from cli.__main__ import VERBS, main, stepdeploy
from functions.core.declaration import load
from functions.core.declaration.windows import DECLARED
from functions.core.records import (
    Budget,
    BudgetShard,
    Calendar,
    Counts,
    Freeze,
    Hold,
    HoldKind,
    HostPlace,
    InLine,
    MaximumOutOfService,
    Stage,
    Window,
)
from functions.core.records.budgets import set_name
from functions.core.rollout.health import Approval, MinimumHealthyHostsType
from functions.core.statuses import DeploymentStatus, TargetStatus
from functions.core.text.shapes import to_plain
from functions.store.keys import shard_key
from functions.store.records import budgets, calendar
from tests.cli.deploying import put_deployment, put_target, script_failed
from tests.cli.verbs.looking.test_status import hosts
from tests.conftest import WEB, put_group, put_item, stand_in
from tests.documents import ROOT, blocks
from tests.fakes.sqs import FakeSqs
from tests.fakes.step_functions import FakeStepFunctions
from tests.unit.api.test_deployments import put, record
from tests.unit.core.test_declaration import group

__all__ = ["hosts"]  # a fixture
PAGE = ROOT / "docs" / "json.md"
EXAMPLES = [
    (command, example)
    for command, example in pairwise(blocks(PAGE))
    if command.kind == "console" and example.kind == "json"
]


@pytest.fixture
def world(hosts: list[str], executing: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The group with its hosts, a deployment that failed on one, a folder, and a file that changes the group."""
    put_deployment(DeploymentStatus.FAILED, Counts(total=1, failed=1, max_out_of_service=1), step_count=1)
    put_target(hosts[0], TargetStatus.FAILED, done=5, left=script_failed())
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist/appspec.yml").write_text("version: 0.0\nos: linux\nx: 1\n")
    (tmp_path / "deployments.yaml").write_text(group("bakeTime: 10s"))


def test_the_examples_have_the_fields_and_types_of_the_output(world: None, capsys: pytest.CaptureFixture[str]) -> None:
    """One after another, as the page has them."""
    wrong = []
    for command, example in EXAMPLES:
        ((words,),) = [each.calls for each in command.commands]
        BEFORE.get(words[1], lambda: None)()
        main(words[1:])
        told = json.loads(capsys.readouterr().out.splitlines()[-1])
        promised = json.loads("\n".join(example.lines))
        wrong += [f"{command.commands[0]}: {each}" for each in lacking(promised, told)]
        if words[1] not in OF_THE_API:
            wrong += [f"{command.commands[0]}: .{each} is not told" for each in told.keys() - promised.keys()]
    assert not wrong, "\n".join(wrong)


def declare() -> None:
    put_group(settings=load(group("")).groups[0].settings, declared=True)


def put_budget() -> None:
    """One that a host which failed holds, while a deployment waits."""
    most = MaximumOutOfService(MinimumHealthyHostsType.HOST_COUNT, 1)
    budgets.put(Budget(name="web-hosts", maximum=most, tag_groups=(WEB,), declared=True))
    budgets.use_shards("web-hosts", 1, 0)
    held = {"i-1": HostPlace(since=NOW, failed_in="d-ABCDEF123")}
    line = {"d-000000003": InLine(since=NOW, until="2036-11-23T10:00:00.000Z")}
    put_item({**shard_key(set_name("web-hosts"), 0).item, **to_plain(BudgetShard(held=held, line=line))})


def put_calendar() -> None:
    """A window and a freeze; the freeze counts for every group."""
    window = Window(scope="shop", cron="0 9 * * MON-FRI", duration_seconds=28_800, time_zone="UTC", who=DECLARED)
    calendar.change_declared(Calendar(windows=(window,)), DECLARED)
    assert calendar.add_freeze(
        Freeze(freeze_id="f-0123ABCDE", scope="*", start=NOW, end=None, reason="a move", who="ann")
    )


def put_running() -> None:
    """A deployment that waits for approval after its first stage."""
    stand_in("stepfunctions", FakeStepFunctions())
    stand_in("sqs", FakeSqs()).create_queue(QueueName="turns")
    stages = (Stage(name="canary", targets=1, approval=Approval()), Stage(name="rest", targets=9))
    hold = Hold(stage=0, kinds=(HoldKind.APPROVAL,), since=NOW, token="t-1")
    record(replace(put(9, status=DeploymentStatus.READY), stages=stages, hold=hold))


NOW = "2026-11-23T10:00:00.000Z"
OF_THE_API = {"watch", "plan"}  # what the API answers, of whose members only some are shown
BEFORE = {"diff": declare, "budgets": put_budget, "windows": put_calendar, "pause": put_running}


def lacking(promised: Any, told: Any, at: str = "") -> list[str]:
    """Where what is told lacks a field that is promised, or has another type there."""
    if promised is None or told is None:
        return []
    if isinstance(promised, dict) and isinstance(told, dict):
        missing = [f"{at}.{key} is missing" for key in promised if key not in told]
        return missing + [
            problem for key in promised if key in told for problem in lacking(promised[key], told[key], f"{at}.{key}")
        ]
    if isinstance(promised, list) and isinstance(told, list):
        if promised and not told:
            return [f"{at} is empty"]
        return [problem for each in told for problem in lacking(promised[0], each, f"{at}[]")] if promised else []
    return [] if type(promised) is type(told) else [f"{at} is a {type(told).__name__}"]


def test_every_verb_with_json_output_is_there() -> None:
    """Shown with a command, or named in the text: as one that another has the fields of, or of which nothing is
    promised."""
    context = click.Context(stepdeploy)
    verbs = {name: stepdeploy.get_command(context, name) for name in VERBS}
    with_json = {name for name, verb in verbs.items() if verb and any("--json" in each.opts for each in verb.params)}
    shown = {command.commands[0].calls[0][1] for command, _ in EXAMPLES}
    text = re.sub(r"(?s)^```.*?^```", "", PAGE.read_text(), flags=re.MULTILINE)
    named = set(re.findall(r"`([a-z-]+)(?: --[a-z]+)*`", text))
    assert shown <= with_json and with_json - shown - named == set()
    assert with_json - shown == {*NOTHING_PROMISED, "doctor", "retry", "rollback"}
    assert ", ".join(f"`{each}`" for each in NOTHING_PROMISED[:-1]) in " ".join(text.split())


NOTHING_PROMISED = ("console", "cost", "init", "install-model", "local", "proxy", "retire", "simulate")
