"""`stepdeploy completion`, and what shells get: asked as their scripts ask."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from botocore.stub import Stubber

from cli.__main__ import VERBS, main
from cli.account import completions
from cli.account.connection import Engine
from functions.core.records import Counts
from functions.core.statuses import DeploymentStatus, TargetStatus
from tests.cli.conftest import launched
from tests.cli.deploying import ID, Captured, put_deployment, put_target
from tests.served import Served
from tests.unit.api.test_deployments import put

ROOT = Path(__file__).parents[4]


def completed(*words: str, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> list[str]:
    """The words that bash is offered after these, of which the last is not complete."""
    monkeypatch.setenv("_STEPDEPLOY_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", " ".join(["stepdeploy", *words]))
    monkeypatch.setenv("COMP_CWORD", str(len(words)))
    with pytest.raises(SystemExit):
        main([])
    out, err = capsys.readouterr()
    assert err == ""
    return [line.partition(",")[2] for line in out.splitlines() if line]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_for_each_shell(shell: str, capsys: Captured) -> None:
    assert main(["completion", shell]) == 0
    out = capsys.readouterr().out
    assert f"_STEPDEPLOY_COMPLETE={shell}_complete" in out


def test_bash_takes_the_script(tmp_path: Path) -> None:
    bash = shutil.which("bash")
    assert bash
    command = tmp_path / "stepdeploy"
    command.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m cli "$@"\n')
    command.chmod(0o755)
    script = """
    eval "$(stepdeploy completion bash)"
    COMP_WORDS=(stepdeploy wat) COMP_CWORD=1
    _stepdeploy_completion stepdeploy
    echo "${COMPREPLY[@]}"
    """
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    ran = subprocess.run([bash, "-c", script], capture_output=True, text=True, env=environment)
    assert (ran.stdout, ran.stderr) == ("watch\n", "")


def test_an_unknown_shell_is_a_mistake(capsys: Captured) -> None:
    assert main(["completion", "tcsh"]) == 2
    assert "'tcsh' is not one of 'bash', 'zsh', 'fish'" in capsys.readouterr().err


def test_verbs_and_options_are_completed(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    assert completed("", monkeypatch=monkeypatch, capsys=capsys) == list(VERBS)
    assert completed("--he", monkeypatch=monkeypatch, capsys=capsys) == ["--help"]
    assert completed("list", "--st", monkeypatch=monkeypatch, capsys=capsys) == ["--status"]
    assert completed("list", "--status", "St", monkeypatch=monkeypatch, capsys=capsys) == ["stopped"]


def test_deployments_are_completed_the_newest_first(
    served: Served, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    for number in range(30):
        put(number)
    found = completed("show", "d-00000002", monkeypatch=monkeypatch, capsys=capsys)
    assert found == [f"d-{number:09}" for number in range(29, 19, -1)]
    assert served.asked == ["ListDeployments", "BatchGetDeployments"]


def test_targets_are_completed(served: Served, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    put_deployment(DeploymentStatus.SUCCEEDED, Counts(total=2, succeeded=2))
    for name in ("i-1", "j-1"):
        put_target(name, TargetStatus.SUCCEEDED, done=7)
    assert completed("logs", ID, "i", monkeypatch=monkeypatch, capsys=capsys) == ["i-1"]


def test_applications_and_groups_are_completed(
    environment: None, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    """Held against the service model."""
    api = Engine().client("stepdeploy", endpoint_url="http://127.0.0.1:1")
    monkeypatch.setattr(completions, "_api", lambda: api)
    with Stubber(api) as answers:
        answers.add_response("list_applications", {"applications": ["mail", "shop"]}, {})
        assert completed("list", "--application", "s", monkeypatch=monkeypatch, capsys=capsys) == ["shop"]
        answers.add_response(
            "list_deployment_groups", {"deploymentGroups": ["api", "web"]}, {"applicationName": "shop"}
        )
        given = ["list", "--application", "shop", "--group", "w"]
        assert completed(*given, monkeypatch=monkeypatch, capsys=capsys) == ["web"]


def test_configurations_and_hosts_are_completed(
    engine: Served, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    def words(*given: str) -> list[str]:
        return completed(*given, monkeypatch=monkeypatch, capsys=capsys)

    assert words("deploy", "shop/web", "--config", "CodeDeployDefault.O") == ["CodeDeployDefault.OneAtATime"]
    ids = launched("web-7", "twin", "twin")
    assert words("deploy", "shop/web", "--hosts", "w") == ["web-7"]
    assert sorted(words("deploy", "shop/web", "--hosts", "web-7,")) == sorted(f"web-7,{each}" for each in ids[1:])
    assert words("logs", "shop/web", "web") == ["web-7"]


def test_an_engine_that_is_not_there_completes_nothing(
    environment: None, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setenv("STEPDEPLOY_ENDPOINT", "http://127.0.0.1:1")
    assert completed("show", "d-", monkeypatch=monkeypatch, capsys=capsys) == []
    assert completed("logs", ID, "i-", monkeypatch=monkeypatch, capsys=capsys) == []
    assert completed("groups", "", monkeypatch=monkeypatch, capsys=capsys) == []
