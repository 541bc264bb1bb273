"""What all verbs have in common."""

import subprocess
import sys

import pytest

from cli.__main__ import VERBS, main, module_of

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
    assert f"stepdeploy {verb}" in capsys.readouterr().out
