"""What validate prints, for people and programs, and its exit status."""

import io
import json
import os
import socket
import tarfile
from pathlib import Path

import pytest

from cli.__main__ import main
from tests.cli.verbs.deploying.test_validate import HEAD, HOOK, MISSING, bundle, run, told


def test_errors_are_exit_status_1_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(bundle(tmp_path, MISSING + "x: 1\nhooks:\n  AfterInstall: [{location: b.sh}]\n"))
    assert run(".") == 1
    assert capsys.readouterr().out.splitlines() == [
        "appspec.yml:4:13: error: files[0].source: the revision has no 'app'",
        "appspec.yml:6:1: warning: x: is ignored",
        "appspec.yml:8:29: error: hooks.AfterInstall[0].location: the revision has no script 'b.sh'",
        "2 errors, 1 warning",
    ]


def test_warnings_alone_are_exit_status_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = bundle(tmp_path, HEAD + "x: 1\n")
    assert run(root) == 0
    assert capsys.readouterr().out == f"{root}/appspec.yml:3:1: warning: x: is ignored\n1 warning\n"


def test_no_findings_are_exit_status_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(bundle(tmp_path, HEAD)) == 0
    assert capsys.readouterr().out == "no problems\n"


@pytest.mark.parametrize("name", ["gone", "gone.zip", "appspec.yml"])
def test_a_path_that_does_not_exist_is_exit_status_2(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path / name) == 2
    out, err = capsys.readouterr()
    assert (out, err.endswith(f"Error: there is no {tmp_path / name}\n")) == ("", True)
    assert main(["validate", str(tmp_path / name), "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["message"] == f"there is no {tmp_path / name}"


def test_a_path_that_cannot_be_read_is_exit_status_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "appspec.yml"
    path.write_text(HEAD)
    assert run(path / "below") == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert f"Error: cannot check {path / 'below'}" in err


def test_an_unknown_format_is_exit_status_2(tmp_path: Path) -> None:
    assert run(tmp_path, "--format", "xml") == 2


def test_json_is_one_object(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = bundle(tmp_path, MISSING, {"start.sh": ""})
    assert run(root, "--format", "json") == 1
    assert json.loads(capsys.readouterr().out) == {
        "errors": 1,
        "warnings": 0,
        "findings": [
            {
                "severity": "error",
                "message": "files[0].source: the revision has no 'app'",
                "file": f"{root}/appspec.yml",
                "line": 4,
                "column": 13,
            }
        ],
    }


def test_json_without_findings_has_an_empty_list(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(bundle(tmp_path, HEAD), "--format", "json") == 0
    assert json.loads(capsys.readouterr().out) == {"errors": 0, "warnings": 0, "findings": []}


def test_github_is_workflow_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = bundle(tmp_path, MISSING + HOOK[len(HEAD) :], {"start.sh": "#!/bin/sh\n"})
    (root / "start.sh").chmod(0o644)
    monkeypatch.chdir(tmp_path)
    assert run("bundle", "--format", "github") == 1
    assert capsys.readouterr().out.splitlines() == [
        "::error file=bundle/appspec.yml,line=4,col=13::files[0].source: the revision has no 'app'",
        "::warning file=bundle/start.sh::is not executable: the host makes it so before it runs it",
    ]


def test_github_escapes_what_its_commands_are_made_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "50%: a,b").mkdir()
    name = "x\r\n%:,"
    files = json.dumps([{"source": f"{folder}/{name}", "destination": "/srv"} for folder in "ab"])
    root = bundle(tmp_path / "50%: a,b", f"{HEAD}files: {files}\n", {f"a/{name}": "", f"b/{name}": ""})
    assert run(root, "--format", "github") == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert line == (
        f"::error file={tmp_path}/50%25%3A a%2Cb/bundle/appspec.yml::The deployment specifies two source files named"
        " a/x%0D%0A%25:, and b/x%0D%0A%25:, for the same destination /srv/x%0D%0A%25:,"
    )


def test_names_that_a_terminal_would_obey_are_escaped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = 'files: [{source: a, destination: "/srv/\\e[2J\\n"}, {source: b/a, destination: "/srv/\\e[2J\\n"}]\n'
    assert run(bundle(tmp_path, HEAD + files, {"a": "", "b/a": ""})) == 1
    assert capsys.readouterr().out.splitlines()[0].endswith("for the same destination /srv/\\x1b[2J\\n/a")


@pytest.mark.parametrize("format", ["text", "json", "github"])
def test_names_that_are_no_text_can_be_told(format: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bundle.tar"
    files = "files: [{source: a, destination: /srv}, {source: b, destination: /srv}]\n"
    with tarfile.open(path, "w") as archive:
        for name, content in (("appspec.yml", HEAD + files), ("a/\udcff", ""), ("b/\udcff", "")):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content.encode()))
    assert run(path, "--format", format) == 1
    assert "/srv/" in capsys.readouterr().out


def test_all_that_push_would_refuse_of_a_folder_is_an_error(tmp_path: Path) -> None:
    root = bundle(tmp_path, HEAD, {"a/": ""})
    os.mkfifo(root / "a" / "fifo")
    Path(os.fsdecode(os.fsencode(root) + b"/\xff")).touch()
    with socket.socket(socket.AF_UNIX) as found:
        found.bind(str(root / "s"))
        assert told(root) == [
            "error  entry 'a/fifo' is a device, pipe or socket: exclude it with .stepdeployignore",
            "error  entry 's' is a device, pipe or socket: exclude it with .stepdeployignore",
            "error  entry '\\udcff' has a name that is not UTF-8: rename it, or pack the folder with tar",
        ]
    assert main(["push", "shop/web", str(root), "--dry-run"]) == 1


def test_a_link_that_leads_to_nothing_is_a_warning(tmp_path: Path) -> None:
    root = bundle(tmp_path, HEAD)
    (root / "current").symlink_to("releases/7")
    assert told(root) == ["warning current links to 'releases/7', which the revision does not hold"]
