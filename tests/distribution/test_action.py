"""action.yml: its inputs and outputs, and what its step makes of what a host wrote. tests/e2e runs the step."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from distribution.action import _annotate, _error

ROOT = Path(__file__).resolve().parents[2]
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text())
PAGE = (ROOT / "docs" / "installing.md").read_text()


def test_no_input_stands_in_a_script() -> None:
    for step in ACTION["runs"]["steps"]:
        assert "${{" not in step.get("run", "")


def test_the_page_names_every_input_and_output() -> None:
    for name in (*ACTION["inputs"], *ACTION["outputs"]):
        assert f"`{name}`" in PAGE


def test_a_message_of_a_host_stays_one_annotation(capsys: pytest.CaptureFixture[str]) -> None:
    _annotate("Install, SCRIPT", "100% full\n::set-output name=status::Succeeded")
    assert capsys.readouterr().out == (
        "::error title=Install%2C SCRIPT::100%25 full%0A::set-output name=status::Succeeded\n"
    )


@pytest.mark.parametrize(
    ("said", "told"),
    [('{"error": {"message": "no such group"}}', "no such group"), ("", "the deployment was not begun")],
)
def test_an_error_is_told_as_the_command_told_it(said: str, told: str) -> None:
    assert _error(said).startswith(told)
