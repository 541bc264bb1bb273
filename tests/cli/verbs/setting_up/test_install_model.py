"""`aws stepdeploy ...`: the AWS CLI itself with the model that is installed, in front of the API that is served."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cli.__main__ import main
from tests.conftest import put_group
from tests.served import Served
from tests.unit.api.test_deployments import put

AWS = Path(sys.executable).with_name("aws")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def aws(served: Served, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "AWS_ENDPOINT_URL_STEPDEPLOY": served.endpoint, "AWS_PAGER": ""}
    command = [str(AWS), "stepdeploy", *words, "--output", "json"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)


def test_the_aws_cli_has_every_operation_at_its_own_address(served: Served, home: Path) -> None:
    put_group()
    put(1)
    assert main(["install-model"]) == 0
    listed = aws(served, "list-deployments")
    assert json.loads(listed.stdout) == {"deployments": ["d-000000001"]}, listed.stderr
    waited = aws(served, "wait", "deployment-successful", "--deployment-id", "d-000000001")
    assert waited.returncode == 0, waited.stderr
    assert "DeploymentDoesNotExistException" in aws(served, "get-deployment", "--deployment-id", "d-000000009").stderr
    hosts = aws(served, "list-hosts", "--application-name", "shop")
    assert "--deployment-group-name" in hosts.stderr  # our own operations, with what they need
    assert set(served.asked) == {"ListDeployments", "GetDeployment"}


def test_it_is_written_as_a_whole_and_taken_away_without_a_trace(home: Path) -> None:
    assert main(["install-model"]) == 0
    before = sorted(home.rglob("*"))
    assert main(["install-model"]) == 0
    assert sorted(home.rglob("*")) == before
    assert sorted(path.name for path in before if path.is_file()) == [
        "paginators-1.json",
        "service-2.json",
        "waiters-2.json",
    ]
    assert main(["install-model", "--remove"]) == 0
    assert main(["install-model", "--remove"]) == 0
    assert [path.name for path in home.rglob("*")] == [".aws", "models"]


def test_what_is_not_ours_stays(home: Path) -> None:
    other = home / ".aws" / "models" / "stepdeploy" / "2030-01-01" / "service-2.json"
    other.parent.mkdir(parents=True)
    other.write_text("{}")
    assert main(["install-model"]) == 0
    assert main(["install-model", "--remove"]) == 0
    assert [path for path in home.rglob("*") if path.is_file()] == [other]


def test_a_directory_of_its_own_is_told_how_to_be_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["install-model", "--directory", str(tmp_path / "models")]) == 0
    assert f"export AWS_DATA_PATH={tmp_path / 'models'}" in capsys.readouterr().err


def test_where_nothing_can_be_written_is_a_mistake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main(["install-model", "--directory", str(tmp_path / "file")]) == 2
    assert "Not a directory" in capsys.readouterr().err


def test_json_names_what_was_written(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["install-model", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["written"]) == 3
