"""What all verbs have in common."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from cli.__main__ import VERBS, main, module_of
from cli.account.connection import Engine, Refusal

ROOT = Path(__file__).parents[2]
SLOW = ("boto3", "botocore", "rich", "pathspec", "aws_lambda_powertools")


def test_no_verb_imports_what_takes_long_before_it_needs_it() -> None:
    """In a process of its own, because the tests have imported everything."""
    modules = [module_of(name) for name in VERBS]
    code = f"import importlib, sys; [importlib.import_module(name) for name in {modules}];"
    code += f"print([name for name in {SLOW} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, "-h"]) == 0
    assert capsys.readouterr().out.startswith(f"Usage: stepdeploy {verb}")


@pytest.mark.parametrize("verb", VERBS)
def test_the_usage_is_said_once(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, "-h"]) == 0
    text = capsys.readouterr().out.split("\n\n")[1]
    assert not re.match(r"\s*`", text) and text.strip()[0].isupper(), text


def test_help_is_a_verb_too(capsys: pytest.CaptureFixture[str]) -> None:
    for asked, same in ((["help"], ["-h"]), (["help", "list"], ["list", "-h"])):
        assert main(asked) == main(same) == 0
        out = capsys.readouterr().out
        assert out[: len(out) // 2] == out[len(out) // 2 :]
    assert main(["help", "lits"]) == 2
    assert "Did you mean 'list'?" in capsys.readouterr().err


def test_the_help_has_the_verbs_in_four_parts(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-h"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("Usage: stepdeploy [OPTIONS] VERB [ARGS]...\n")
    assert [line for line in out.splitlines() if line in ("Deploy:", "Look:", "Fix:", "Set up:")] == [
        "Deploy:",
        "Look:",
        "Fix:",
        "Set up:",
    ]


def test_the_version_is_that_of_the_project(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert capsys.readouterr().out == f"stepdeploy {version}\n"


@pytest.mark.parametrize("is_behind", [False, True])
def test_profile_region_and_stack_stand_before_the_verb_or_behind_it(
    is_behind: bool, tmp_path: Path, environment: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = ["[prod]", "aws_access_key_id = AKIAOFTHEPROFILE", "aws_secret_access_key = x"]
    (tmp_path / "credentials").write_text("\n".join(keys))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "STEPDEPLOY_ENDPOINT"):
        monkeypatch.setenv(name, "another")
    monkeypatch.setenv("STEPDEPLOY_STACK", "another")
    seen = list[tuple[str, ...]]()

    def outputs(self: Engine) -> dict[str, str]:
        credentials = self.session.get_credentials()
        seen.append((credentials.access_key, self.session.region_name, os.environ["STEPDEPLOY_STACK"]))
        raise Refusal("seen")

    monkeypatch.setattr(Engine, "outputs", property(outputs))
    options = ["--profile", "prod", "--region", "eu-west-1", "--stack", "mine"]
    assert main(["list", *options] if is_behind else [*options, "list"]) == 3
    assert seen == [("AKIAOFTHEPROFILE", "eu-west-1", "mine")]
