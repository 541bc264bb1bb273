"""Packed revisions stay on the host: a rollback takes its own from there, proven by its digest, not from S3."""

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from host.posix import download
from host.posix.layout import MAX_REVISIONS, Layout
from tests.host.conftest import GROUP_ID, Host, Step, appspec, revision

NO_S3 = {"bundle": {"url": "http://127.0.0.1:9/gone"}}  # nothing listens there


def release(srv: Path, text: str) -> bytes:
    return revision({"appspec.yml": appspec({"a": srv}), "a": text})


@pytest.fixture
def srv(tmp_path: Path) -> Path:
    return tmp_path / "srv"


@pytest.fixture(autouse=True)
def no_pauses(host: Host) -> None:
    host.limits["host.posix.download._PAUSES"] = ()  # type: ignore[assignment]


def rolled_back(host: Host, srv: Path, deployment: str, text: str, **changes: Any) -> Step:
    """Without S3, as it is when its answer is not there."""
    told = host.told(deployment, release(srv, text), **changes)
    told["bundle"].update(NO_S3["bundle"])
    return host.deploy(told, ("DownloadBundle", "Install"))


def copy(host: Host, deployment: str) -> Path:
    return host.folder(deployment) / "bundle.tar"


def test_a_rollback_needs_no_s3(host: Host, srv: Path) -> None:
    host.install("d-1", release(srv, "1"))
    host.install("d-2", release(srv, "2"))
    assert rolled_back(host, srv, "d-3", "1").exit == 0
    assert (srv / "a").read_text() == "1"
    assert f"nothing was downloaded: {copy(host, 'd-1')} is the revision" in host.script_log("d-3")
    assert copy(host, "d-3").samefile(copy(host, "d-1")), "it has its place on the disk once"


def test_another_group_needs_no_s3_either(host: Host, srv: Path) -> None:
    host.install("d-1", release(srv, "1"))
    assert rolled_back(host, srv / "other", "d-2", "1", deployment_group_id="other").cause == "DOWNLOAD"
    told = host.told("d-3", release(srv, "1"), deployment_group_id="other", file_exists_behavior="OVERWRITE")
    told["bundle"].update(NO_S3["bundle"])
    assert host.deploy(told, ("DownloadBundle", "Install")).exit == 0


@pytest.mark.parametrize("damage", ["other bytes", "cut off", "gone"])
def test_a_damaged_copy_is_not_used(host: Host, srv: Path, damage: str) -> None:
    host.install("d-1", release(srv, "1"))
    host.install("d-2", release(srv, "2"))
    path = copy(host, "d-1")
    whole = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(whole[:-1] + (b"" if damage == "cut off" else b"?"))
    assert rolled_back(host, srv, "d-3", "1").cause == "DOWNLOAD"
    assert (srv / "a").read_text() == "2"
    assert host.install("d-4", release(srv, "1")).exit == 0
    assert (srv / "a").read_text() == "1"
    assert copy(host, "d-4").read_bytes() == whole


def test_what_is_copied_is_root_s_alone(host: Host, srv: Path) -> None:
    host.install("d-1", release(srv, "1"))
    assert copy(host, "d-1").stat().st_mode & 0o777 == 0o600


def test_what_cannot_be_unpacked_is_not_kept(host: Host) -> None:
    assert host.install("d-1", b"no zip").cause == "DOWNLOAD"
    assert not copy(host, "d-1").exists()


def test_the_oldest_revision_that_goes_is_looked_at_before(host: Host, srv: Path) -> None:
    for number in range(MAX_REVISIONS):
        host.install(f"d-{number}", release(srv, str(number)))
    assert rolled_back(host, srv, "d-last", "0").exit == 0
    assert (srv / "a").read_text() == "0"
    assert not host.folder("d-0").exists()
    assert rolled_back(host, srv, "d-again", "0").exit == 0, "it is the new one's now"


def test_copies_go_until_a_tenth_of_the_disk_is_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layouts = [Layout(GROUP_ID, f"d-{number}", str(tmp_path)) for number in range(3)]
    for moment, layout in enumerate(layouts):
        layout.make()
        Path(layout.bundle).touch()
        Path(layout.journal).touch()
        os.utime(layout.journal, (moment, moment))
    free = iter((9, 9, 10))
    monkeypatch.setattr(os, "statvfs", lambda path: SimpleNamespace(f_bavail=next(free), f_blocks=100))
    layouts[1].limit_copies()
    assert [Path(each.bundle).exists() for each in layouts] == [False, True, False], "its own goes last"


def test_a_link_that_cannot_be_made_is_as_no_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = (Layout(GROUP_ID, name, str(tmp_path)) for name in ("d-1", "d-2"))
    for layout in (first, second):
        layout.make()
    Path(first.bundle).write_bytes(b"")
    bundle = SimpleNamespace(size=0, sha256=download._sum(first.bundle))

    def refuse(*paths: str) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "link", refuse)
    assert download._find_copy(bundle, second) == ""  # type: ignore[arg-type]
