"""Damaged records of a host, each by each: what is wrong is said with the way on, and nothing is lost silently."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.host.conftest import Host, Step, appspec, end_segment, pythons, revision
from tests.host.test_events import hooked
from tests.host.test_segment import deploy
from tests.host.test_step import step as run_step
from tests.host.trouble.conftest import contents, failed, install, release, succeeded
from tests.host.trouble.test_records import Records

DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "zeros": lambda body: bytes(len(body)),
    "empty": lambda body: b"",
    "cut after a line": lambda body: body[: body.index(b"\n") + 1],
    "cut within a line": lambda body: body[: len(body) - 3],
    "a line in it": lambda body: body.replace(b"\n", b"\ngarbage\n", 1),
    "a line behind it": lambda body: body + b'["of a newer version", 1, 2]\n',
    "binary": lambda body: b"\xff\xfe" + body,
}


@pytest.fixture
def srv(tmp_path: Path) -> Path:
    (tmp_path / "srv").mkdir()
    return tmp_path / "srv"


@pytest.fixture
def records(host: Host, srv: Path) -> Records:
    records = Records(host, srv)
    succeeded(records.install("d-1"))
    return records


# What is installed


@pytest.mark.parametrize("damage", [*DAMAGE, "gone"])
def test_a_damaged_list_is_made_anew_and_the_log_says_so(records: Records, damage: str) -> None:
    """Nothing of the old release is left, or in the way."""
    if damage == "gone":
        records.cleanup.unlink()
    else:
        records.cleanup.write_bytes(DAMAGE[damage](records.cleanup.read_bytes()))
    succeeded(install(records.host, "d-2", release(records.srv, new="2", d="2")))
    assert contents(records.srv) == {"new": b"2", "d": b"2"}
    log = records.host.script_log("d-2")
    assert f"{records.cleanup}, the list" in log and f"made anew from {records.plan}" in log
    succeeded(records.install("d-3"))
    assert records.is_installed("d-3") and "anew" not in records.host.script_log("d-3")


@pytest.mark.parametrize("damage", ["empty", "cut after a line", "zeros"])
def test_a_list_and_a_plan_that_are_both_damaged_stop_the_deployment(records: Records, damage: str) -> None:
    for path in (records.cleanup, records.plan):
        path.write_bytes(DAMAGE[damage](path.read_bytes() + b"\n"))
    step = records.install("d-2", file_exists_behavior="OVERWRITE")
    failed(step, "ENGINE", records.cleanup, records.plan, f"rm {records.seal} and deploy again")
    assert len(step.message) < 900, "whole in the report"
    assert records.is_installed("d-1")
    records.seal.unlink()
    if damage == "zeros":
        failed(records.install("d-3"), "ENGINE", f"sed -i 1d {records.cleanup}")
        records.cleanup.write_bytes(b"")
    failed(records.install("d-4"), "CONFLICT", "already exists")
    succeeded(records.install("d-5", file_exists_behavior="OVERWRITE"))
    succeeded(records.install("d-6"))
    assert records.is_installed("d-6")


@pytest.mark.parametrize("body", [b"", bytes(100), b"of a newer version\n"], ids=["empty", "zeros", "text"])
def test_a_damaged_seal_is_said_and_stops_nothing(records: Records, body: bytes) -> None:
    records.seal.write_bytes(body)
    succeeded(records.install("d-2"))
    assert records.is_installed("d-2")
    assert f"{records.seal} is damaged" in records.host.script_log("d-2")


def test_the_seal_is_what_sha256sum_checks(records: Records) -> None:
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}" for path in (records.cleanup, records.plan)]
    assert records.seal.read_text().splitlines() == sums


def test_an_install_that_was_interrupted_is_not_taken_for_damage(records: Records) -> None:
    """It has changed install.json, or begun a list; test_crash.py has every moment of it."""
    records.plan.write_text('{"instructions": []}')
    succeeded(records.install("d-2"))
    records.seal.unlink()
    with records.cleanup.open("ab") as cleanup:
        cleanup.write(b'"/srv/torn')
    succeeded(records.install("d-3"))
    assert records.is_installed("d-3")
    assert not [each for each in ("d-2", "d-3") if "damaged" in records.host.script_log(each)]


@pytest.mark.parametrize(
    "damage",
    [bytes(60), b"garbage", b"[1]\n", b'"relative"\n', b"\xff\n"],
    ids=["zeros", "text", "list", "relative", "binary"],
)
def test_without_a_seal_a_damaged_line_is_said_with_the_command(records: Records, damage: bytes) -> None:
    """As runners without seals have left it."""
    records.unseal()
    before = records.cleanup.read_bytes()
    records.cleanup.write_bytes(before + damage)
    step = records.install("d-2")
    line = before.count(b"\n") + 1
    failed(step, "ENGINE", f"damaged at line {line}", f"sed -i {line}d {records.cleanup}")
    assert records.is_installed("d-1")
    records.cleanup.write_bytes(before)  # as sed leaves it
    succeeded(records.install("d-3"))
    assert records.is_installed("d-3")


@pytest.mark.parametrize("lost", ["empty", "gone"])
def test_without_a_seal_a_lost_list_is_said_where_its_files_are_in_the_way(records: Records, lost: str) -> None:
    records.unseal()
    records.cleanup.write_bytes(b"") if lost == "empty" else records.cleanup.unlink()
    step = records.install("d-2")
    failed(step, "CONFLICT", "already exists at this location", f"{records.cleanup}, the list of its files, is {lost}")
    assert "OVERWRITE" in step.message
    succeeded(records.install("d-3", file_exists_behavior="OVERWRITE"))
    succeeded(records.install("d-4"))
    assert records.is_installed("d-4")


def test_a_conflict_of_the_first_deployment_speaks_of_no_list(host: Host, srv: Path) -> None:
    (srv / "x").write_text("theirs")
    step = install(host, "d-1", release(srv, x="1"))
    assert step.cause == "CONFLICT" and "list" not in step.message


# Which revision is installed


@pytest.mark.parametrize("python", pythons().values(), ids=pythons().keys())
def test_a_damaged_note_of_the_last_installation_is_said(records: Records, python: str) -> None:
    records.host.python = python
    for number, body in enumerate((b"", bytes(40), b"\xff\xfe", b"/srv/a\0b", b"d-1")):
        records.marker.write_bytes(body)
        told = records.host.told(f"d-{number}-after", revision({"appspec.yml": appspec()}))
        succeeded(records.host.run("ApplicationStop", told))
        assert f"{records.marker} is damaged" in records.host.script_log(f"d-{number}-after"), body


# What has run


def with_journal(host: Host, change: Callable[[dict[str, dict[str, object]]], object]) -> Step:
    """DownloadBundle asked for again, after its report was changed."""
    told = host.told("d-1", hooked("BeforeInstall", "exit 0"))
    succeeded(host.run("DownloadBundle", told))
    path = host.folder("d-1") / "journal.json"
    events = json.loads(path.read_text())
    change(events["DownloadBundle"]["report"])
    path.write_text(json.dumps(events))
    return host.run("DownloadBundle", told)


def test_a_report_of_a_newer_version_is_read_as_far_as_it_is_known(host: Host) -> None:
    succeeded(with_journal(host, lambda report: report.update(added={"by": "a newer version"})))
    assert len(host.web.gets) == 1, "it is not run again"


@pytest.mark.parametrize(
    "change", [lambda report: report.pop("event"), lambda report: report.clear() or report.update(a=1)]
)
def test_a_report_that_is_none_is_a_damaged_journal(
    host: Host, change: Callable[[dict[str, dict[str, object]]], object]
) -> None:
    failed(with_journal(host, change), "ENGINE", host.folder("d-1") / "journal.json", "create a new deployment")


# Who has the host


@pytest.mark.parametrize("body", [b"", bytes(512), b"\xff\xfe", b"garbage"], ids=["empty", "zeros", "binary", "text"])
def test_a_damaged_note_of_who_has_the_host_stops_nothing(host: Host, body: bytes) -> None:
    """It is for messages; a power failure within a deployment may leave anything there."""
    told = host.told("d-1", hooked("BeforeInstall", "exit 0"))
    assert run_step(host, "ApplicationStop", told).exit == 0
    end_segment(host.root)
    with (host.root / "lock").open("r+b") as lock:
        lock.truncate()
        lock.write(body)
    assert [each.exit for each in deploy(host, told)] == [0] * 7


# The runner


def test_a_runner_that_cannot_be_started_says_how_to_get_another(host: Host) -> None:
    told = host.told("d-1", revision({"appspec.yml": appspec()}), events=["ApplicationStop"])
    assert run_step(host, "ApplicationStop", told).exit == 0
    (host.root / "runner" / host.runner.stem / "host" / "posix" / "segment.py").write_text("damaged")
    again = host.told("d-2", revision({"appspec.yml": appspec()}), events=["ApplicationStop"])
    failed(run_step(host, "ApplicationStop", again), "ENGINE", f"rm -r {host.root}/runner")
