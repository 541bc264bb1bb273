"""The rules of what a script leaves: its log, its report, and where everything lies (F.4 to F.7)."""

import os
import re

import pytest

from tests.host.conftest import GROUP_ID, Host, appspec, revision
from tests.host.reference.rules import case, rule
from tests.host.reference.test_appspec import names
from tests.host.reference.test_execution import before, said
from tests.host.test_appspec import HEAD
from tests.host.test_events import hooked


@rule("F.3 lines: a partial last one, too")
def test_output_is_logged_by_lines(host: Host) -> None:
    assert said(host, "d-1", "BeforeInstall", "printf 'a\\n\\nb'")[2:] == ["[stdout]a", "[stdout]", "[stdout]b"]


@rule("F.4 Success: with and without scripts")
@pytest.mark.parametrize("event", ["BeforeInstall", "AfterInstall"])
def test_a_success_has_no_script_and_no_log(host: Host, event: str) -> None:
    step = host.deploy(host.told("d-1", hooked("BeforeInstall", "echo hello")), (*before(event), event))
    assert (step.status, step.error_code, step.message) == ("Succeeded", "Success", "Succeeded")
    assert (step.script_name, step.log_tail) == ("", "")


@rule("F.4 ScriptFailed at its start")
def test_a_script_that_cannot_be_started_has_failed(host: Host) -> None:
    files = {"appspec.yml": appspec(hooks={"BeforeInstall": [{"location": "hook.sh"}]}), "hook.sh": "#!/no/such\n"}
    step = host.deploy(host.told("d-1", revision(files)))
    assert (step.error_code, step.script_name) == ("ScriptFailed", "hook.sh")
    begin = "Script at specified location: hook.sh failed with error FileNotFoundError with message "
    assert step.message.startswith(begin) and len(step.message) > len(begin)


@rule("F.4 logTail", "F.4 lines of the tail: prefixes and no times")
def test_the_tail_is_the_newest_whole_lines(host: Host) -> None:
    """Differs: the line that SSM shows bounds it, too."""
    lines = 'for i in $(seq 1000 1200); do printf "%s %040d\\n" $i 0; done; echo last; exit 1'
    tail = host.deploy(host.told("d-1", hooked("BeforeInstall", lines))).log_tail
    *older, newest = tail.split("\n")
    assert newest == "[stdout]last" and 1000 < len(tail) < 2048
    assert older == [f"[stdout]{number} {0:040d}" for number in range(1201 - len(older), 1201)]


@rule("F.4 newest line too long")
def test_the_tail_is_empty_when_its_newest_line_is_too_long(host: Host) -> None:
    lines = "echo before; head -c 2040 /dev/zero | tr '\\0' x; exit 1"
    assert host.deploy(host.told("d-1", hooked("BeforeInstall", lines))).log_tail == ""


@rule("F.5 scripts.log", "F.5 log of all deployments: differs, an index of the others")
def test_each_line_is_in_one_log_and_the_other_says_where(host: Host) -> None:
    said(host, "d-1", "BeforeInstall", "echo a", "echo b >&2")
    said(host, "d-2", "BeforeInstall", "exit 0")
    log = host.script_log("d-1").splitlines()
    assert all(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d ", line) for line in log)
    event = ["LifecycleEvent - BeforeInstall", "Script - hook.sh"]
    assert [line[20:] for line in log[:2]] == event and sorted(line[20:] for line in log[2:]) == [
        "[stderr]b",
        "[stdout]a",
    ]
    index = (host.deployments / "deployment-logs" / "codedeploy-agent-deployments.log").read_text().splitlines()
    assert [re.sub(r"\d{4}-\S+ \S+ ", "", line) for line in index] == [
        f"[{each}]LifecycleEvent - BeforeInstall: {host.folder(each)}/logs/scripts.log" for each in ("d-1", "d-2")
    ]


@rule("F.5 rotation: eight files of 64 MB")
def test_the_log_of_all_deployments_is_rotated(host: Host) -> None:
    folder = host.deployments / "deployment-logs"
    folder.mkdir(parents=True)
    log = folder / "codedeploy-agent-deployments.log"
    for number in range(1, 8):
        (folder / f"{log.name}.{number}").write_text(str(number))
    log.touch()
    os.truncate(log, 64 * 1024 * 1024)
    said(host, "d-1", "BeforeInstall", "exit 0")
    kept = {path.name.replace(log.name, ""): path.stat().st_size for path in folder.iterdir()}
    assert 0 < kept.pop("") < 1000
    assert kept == {".1": 64 * 1024 * 1024, **{f".{number}": 1 for number in range(2, 8)}}
    assert (folder / f"{log.name}.7").read_text() == "6"


@pytest.mark.parametrize(
    "type",
    [case("F.7 tar", "tar"), case("F.7 tgz", "tgz"), case("F.7 zip", "zip")],
)
@rule(
    "F.6 bundle.tar", "F.6 deployment-archive", "F.6 logs", "F.6 cleanup",
    "F.6 install.json",
    "F.6 running command: differs, a journal of the deployment",
)  # fmt: skip
def test_where_everything_lies(host: Host, type: str) -> None:
    bundle = revision({"appspec.yml": HEAD, "a/x": "x", "a/current": "-> x"}, type=type)
    assert host.install("d-1", bundle, type=type).exit == 0
    assert names(host.folder("d-1")) == [
        "bundle.tar", "deployment-archive", "deployment-archive/a", "deployment-archive/a/current",
        "deployment-archive/a/x", "deployment-archive/appspec.yml", "journal.json", "logs", "logs/scripts.log",
        "manifest.jsonl",
    ]  # fmt: skip
    assert sorted(path.name for path in host.deployments.iterdir()) == sorted(
        [GROUP_ID, "deployment-instructions", "deployment-logs"]
    )
    assert names(host.deployments / "deployment-instructions") == [
        f"{GROUP_ID}{name}"
        for name in ("-cleanup", "-cleanup.sha256", "-install.json", "_last_successful_install", "_most_recent_install")
    ]


@pytest.mark.parametrize("type", [case(f"F.7 {each}: damaged", each) for each in ("tar", "tgz", "zip")])
def test_an_archive_that_cannot_be_unpacked(host: Host, type: str) -> None:
    step = host.deploy(host.told("d-1", revision({"appspec.yml": HEAD}, type=type)[:100], type=type))
    assert (step.event, step.error_code, step.cause) == ("DownloadBundle", "UnknownError", "DOWNLOAD")
    assert f"is not a {type} archive" in step.message or "damaged" in step.message or "cannot be read" in step.message
    assert not host.archive("d-1").exists()
