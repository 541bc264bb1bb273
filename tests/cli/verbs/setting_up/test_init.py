"""`stepdeploy init`: what it makes is checked, packed and run as a deployment would."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from cli.__main__ import main
from cli.bundle.findings import findings
from cli.bundle.pack import IGNORE, entries
from functions.core.declaration import load

Captured = pytest.CaptureFixture[str]
STARTER = Path(__file__).parents[4] / "cli" / "starter"


def test_what_it_makes_has_no_findings_and_is_packed_without_the_group(tmp_path: Path) -> None:
    assert main(["init", str(tmp_path / "web"), "--group", "shop/web"]) == 0
    assert main(["validate", str(tmp_path / "web")]) == 0
    assert findings(tmp_path / "web") == []
    files = [name for path, name in entries(tmp_path / "web") if path.is_file()]
    assert files == ["app/hello.txt", "appspec.yml", "scripts/start.sh", "scripts/stop.sh", "scripts/validate.sh"]


def test_what_it_makes_runs_on_this_machine_again_and_again(tmp_path: Path) -> None:
    assert main(["init", str(tmp_path / "web")]) == 0
    asked = [
        "-l",
        str(tmp_path / "web"),
        "--prefix",
        str(tmp_path / "try"),
        "--deployment-root",
        str(tmp_path / "kept"),
    ]
    every = "ApplicationStop,DownloadBundle,Install,ApplicationStart,ValidateService"
    for _ in range(2):
        assert main(["local", *asked, "-e", every]) == 0
    assert (tmp_path / "try/srv/web/hello.txt").is_file()


def test_its_group_is_one_that_can_be_declared(tmp_path: Path, capsys: Captured) -> None:
    assert main(["init", str(tmp_path), "--group", "shop/web"]) == 0
    declared = load((tmp_path / "deployments.yaml").read_text())
    ((application, name),) = [(group.application, group.name) for group in declared.groups]
    assert (application, name) == ("shop", "web")
    assert "applications:" not in capsys.readouterr().out


def test_without_a_name_the_group_is_printed_and_is_called_as_the_folder(tmp_path: Path, capsys: Captured) -> None:
    assert main(["init", str(tmp_path / "shop")]) == 0
    assert not (tmp_path / "shop" / "deployments.yaml").exists()
    out = capsys.readouterr().out
    (group,) = load(out[out.index("applications:") :]).groups
    assert (group.application, group.name) == ("shop", "production")


def test_what_is_there_is_kept(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / IGNORE).write_text("mine")
    assert main(["init", str(tmp_path), "--group", "shop/web", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["kept"] == [IGNORE]
    assert (tmp_path / IGNORE).read_text() == "mine"


@pytest.mark.parametrize("name", ["appspec.yml", "appspec.yaml"])
def test_a_folder_with_an_appspec_is_left_alone(name: str, tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / name).write_text("mine")
    assert main(["init", str(tmp_path), "--group", "shop/web"]) == 2
    assert f"already has {name}" in capsys.readouterr().err
    assert [each.name for each in tmp_path.iterdir()] == [name]


def test_a_folder_whose_name_is_no_application_s_needs_a_name(tmp_path: Path, capsys: Captured) -> None:
    assert main(["init", str(tmp_path / "my shop")]) == 2
    said = capsys.readouterr().err
    assert "the name 'my shop': give 1 to 100 of A-Z a-z 0-9 + = , . @ _ -; name it with --group" in said
    assert not (tmp_path / "my shop").exists()


def test_a_folder_that_cannot_be_made_is_a_mistake(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "file").touch()
    assert main(["init", str(tmp_path / "file"), "--group", "shop/web"]) == 2
    assert "FOLDER" in capsys.readouterr().err


@pytest.mark.parametrize("script", sorted((STARTER / "scripts").iterdir()), ids=lambda path: path.name)
def test_its_scripts_are_executable_posix_shell(script: Path) -> None:
    assert script.stat().st_mode & 0o111 == 0o111
    subprocess.run(["sh", "-n", script], check=True)
    if shellcheck := shutil.which("shellcheck"):
        subprocess.run([shellcheck, script], check=True)
