"""docs/json.md: what it shows is what the verbs print, field for field."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from cli.__main__ import main
from functions.core.declaration import load
from functions.core.records import Counts
from functions.core.statuses import DeploymentStatus, TargetStatus
from tests.cli.deploying import put_deployment, put_target, script_failed
from tests.cli.verbs.looking.test_status import hosts
from tests.conftest import put_group
from tests.documents import ROOT, blocks
from tests.unit.core.test_declaration import group

__all__ = ["hosts"]  # a fixture
PAGE = ROOT / "docs" / "json.md"
EXAMPLES = [
    (command, example)
    for command, example in pairwise(blocks(PAGE))
    if command.kind == "console" and example.kind == "json"
]


@pytest.fixture
def world(hosts: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The group with its hosts, a deployment that failed on one, a folder, and a file that changes the group."""
    put_deployment(DeploymentStatus.FAILED, Counts(total=1, failed=1, max_out_of_service=1))
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
        if words[1] == "diff":
            put_group(settings=load(group("")).groups[0].settings, declared=True)
        main(words[1:])
        told = json.loads(capsys.readouterr().out.splitlines()[-1])
        wrong += [f"{command.commands[0]}: {each}" for each in lacking(json.loads("\n".join(example.lines)), told)]
    assert wrong == []


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


def test_every_verb_with_json_output_that_is_looked_at_by_programs_is_there() -> None:
    shown = {command.commands[0].calls[0][1] for command, _ in EXAMPLES}
    assert shown >= {"deploy", "watch", "push", "list", "show", "status", "hosts", "logs", "groups", "validate", "diff"}
