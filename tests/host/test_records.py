"""Damaged records of what is installed: what is wrong is said with the way on, and nothing is lost silently."""

from pathlib import Path

import pytest

from tests.host.conftest import Host, appspec, revision


def installed(host: Host, srv: Path) -> Path:
    """A first deployment, and the list of what it installed."""
    bundle = revision({"appspec.yml": appspec({"app": srv}), "app/x": "1"})
    assert host.install("d-1", bundle).exit == 0
    (record,) = (host.root / "deployment-root" / "deployment-instructions").glob("*-cleanup")
    return record


@pytest.mark.parametrize("damage", [b"\0" * 60, b"garbage", b"[1]\n", b'"relative"\n', b"\xff\xfe\n"])
def test_a_damaged_list_is_said_with_the_way_on(host: Host, tmp_path: Path, damage: bytes) -> None:
    srv = tmp_path / "srv"
    record = installed(host, srv)
    before = record.read_bytes()
    record.write_bytes(before + damage)
    bundle = revision({"appspec.yml": appspec({"app": srv}), "app/x": "2"})
    step = host.install("d-2", bundle)
    line = before.count(b"\n") + 1
    assert (step.cause, (srv / "x").read_text()) == ("ENGINE", "1")
    assert f"damaged at line {line}" in step.message and f"sed -i {line}d {record}" in step.message
    record.write_bytes(before)  # as sed leaves it
    assert host.install("d-3", bundle).exit == 0
    assert (srv / "x").read_text() == "2"


@pytest.mark.parametrize("lost", ["empty", "gone"])
def test_a_lost_list_is_said_where_its_files_are_in_the_way(host: Host, tmp_path: Path, lost: str) -> None:
    srv = tmp_path / "srv"
    record = installed(host, srv)
    record.write_bytes(b"") if lost == "empty" else record.unlink()
    bundle = revision({"appspec.yml": appspec({"app": srv}), "app/x": "2"})
    step = host.install("d-2", bundle)
    assert step.cause == "CONFLICT"
    assert "already exists at this location" in step.message
    assert f"{record}, the list of its files, is {lost}" in step.message and "OVERWRITE" in step.message
    assert host.install("d-3", bundle, file_exists_behavior="OVERWRITE").exit == 0
    assert host.install("d-4", bundle).exit == 0, "from then on it is on the list again"


def test_a_conflict_of_the_first_deployment_speaks_of_no_list(host: Host, tmp_path: Path) -> None:
    (tmp_path / "srv").mkdir()
    (tmp_path / "srv" / "x").write_text("theirs")
    step = host.install("d-1", revision({"appspec.yml": appspec({"app": tmp_path / "srv"}), "app/x": "1"}))
    assert step.cause == "CONFLICT" and "list" not in step.message


@pytest.mark.parametrize("damage", ["", "\0\0\0\0"])
def test_a_damaged_note_of_the_last_installation_is_said(host: Host, tmp_path: Path, damage: str) -> None:
    installed(host, tmp_path / "srv")
    (note,) = (host.root / "deployment-root" / "deployment-instructions").glob("*_last_successful_install")
    note.write_text(damage)
    assert host.run("ApplicationStop", host.told("d-2", revision({"appspec.yml": appspec()}))).exit == 0
    assert f"{note} is damaged" in host.script_log("d-2")
