"""Records of the runner that are damaged or lost: told, and no lock-out."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.host.conftest import GROUP_ID, Host, Step
from tests.host.trouble.conftest import (
    TO_INSTALL,
    contents,
    failed,
    install,
    release,
    succeeded,
)

CUT = [b"", b'{"DownloadBundle": {"rep', b"[]"]


@dataclass
class Records:
    """What is on record of a release that is installed."""

    host: Host
    srv: Path

    @property
    def cleanup(self) -> Path:
        return self._of("-cleanup")

    @property
    def plan(self) -> Path:
        return self._of("-install.json")

    @property
    def marker(self) -> Path:
        return self._of("_last_successful_install")

    @property
    def seal(self) -> Path:
        return self._of("-cleanup.sha256")

    def unseal(self) -> None:
        """As a runner without seals leaves them."""
        self.seal.unlink()

    def _of(self, kind: str) -> Path:
        return self.host.deployments / "deployment-instructions" / (GROUP_ID + kind)

    def release(self, deployment: str) -> bytes:
        return release(self.srv, **{"a": deployment, "d/b": deployment})

    def deploy(self, deployment: str) -> Step:
        return self.host.deploy(self.host.told(deployment, self.release(deployment)), TO_INSTALL)

    def install(self, deployment: str, **changes: Any) -> Step:
        return install(self.host, deployment, self.release(deployment), **changes)

    def is_installed(self, deployment: str) -> bool:
        return contents(self.srv) == {"a": deployment.encode(), "d": b"", "d/b": deployment.encode()}


@pytest.fixture
def records(host: Host, srv: Path) -> Records:
    records = Records(host, srv)
    succeeded(records.install("d-1"))
    return records


@pytest.mark.parametrize("line", [b"garbage", b"\xff", b"null", b'{"a": 1}', b'"relative"', b""], ids=repr)
def test_a_damaged_line_of_the_cleanup_file_is_told_and_changes_nothing(records: Records, line: bytes) -> None:
    records.unseal()
    lines = records.cleanup.read_bytes().splitlines(keepends=True)
    records.cleanup.write_bytes(b"".join([lines[0], line + b"\n", *lines[1:]]))
    damaged = records.cleanup.read_bytes()
    step = records.install("d-2")
    failed(step, "ENGINE", f"{records.cleanup}, the list", "is damaged at line 2: nothing was changed")
    assert "Error:" not in step.message
    assert records.is_installed("d-1") and records.cleanup.read_bytes() == damaged
    records.cleanup.write_bytes(b"".join(lines))
    succeeded(records.install("d-3"))


@pytest.mark.parametrize("line", [b"garbage", b"null"], ids=repr)
def test_a_damaged_cleanup_file_is_never_taken_for_an_empty_one(records: Records, line: bytes) -> None:
    records.unseal()
    lines = records.cleanup.read_bytes().splitlines(keepends=True)
    damaged = b"".join([lines[0], line + b"\n", *lines[1:]])
    records.cleanup.write_bytes(damaged)
    failed(records.install("d-2"), "ENGINE")
    assert records.is_installed("d-1") and records.cleanup.read_bytes() == damaged
    records.cleanup.write_bytes(b"".join(lines))
    succeeded(records.install("d-3"))
    assert records.is_installed("d-3")


@pytest.mark.parametrize("lose", [Path.unlink, lambda path: path.write_bytes(b"")], ids=["gone", "empty"])
def test_a_lost_cleanup_file_makes_of_the_release_files_of_the_user_s(
    records: Records, lose: Callable[[Path], object]
) -> None:
    records.unseal()
    lose(records.cleanup)
    failed(records.install("d-2"), "CONFLICT", records.srv / "a")
    assert records.is_installed("d-1")
    succeeded(records.install("d-3", file_exists_behavior="OVERWRITE"))
    assert records.is_installed("d-3")


def test_a_label_s_record_outlives_the_tool_that_could_remove_it(records: Records) -> None:
    records.unseal()
    records.host.environment["PATH"] = str(records.srv)
    with records.cleanup.open("a") as file:
        file.write(json.dumps(["semanage", str(records.srv / "a")]) + "\n")
    assert records.install("d-2").status == "Succeeded"
    assert records.is_installed("d-2")


@pytest.mark.parametrize("body", [None, b"", b"{"], ids=["gone", "empty", "cut"])
def test_install_json_is_for_people_only(records: Records, body: bytes | None) -> None:
    if body is None:
        records.plan.unlink()
    else:
        records.plan.write_bytes(body)
    succeeded(records.install("d-2"))
    assert records.is_installed("d-2") and records.plan.read_bytes()


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(None, id="gone"),
        pytest.param(b"", id="empty"),
        pytest.param(b"/nowhere/at/all", id="of nothing"),
        pytest.param(bytes(40), id="zeros"),
        pytest.param(b"\xff\xfe", id="binary"),
    ],
)
def test_a_damaged_marker_is_no_lock_out(records: Records, body: bytes | None) -> None:
    if body is None:
        records.marker.unlink()
    else:
        records.marker.write_bytes(body)
    assert records.deploy("d-2").status == "Succeeded"
    assert records.is_installed("d-2")
    assert records.marker.read_text() == str(records.host.folder("d-2"))


def install_with_journal(records: Records, journal: bytes) -> Step:
    told = records.host.told("d-2", records.release("d-2"))
    succeeded(records.host.run("DownloadBundle", told))
    (records.host.folder("d-2") / "journal.json").write_bytes(journal)
    return records.host.run("Install", told)


@pytest.mark.parametrize("journal", CUT, ids=repr)
def test_a_damaged_journal_ends_its_deployment_and_no_other(records: Records, journal: bytes) -> None:
    failed(install_with_journal(records, journal), "ENGINE")
    assert records.is_installed("d-1")
    succeeded(records.install("d-3"))
    assert records.is_installed("d-3")


@pytest.mark.parametrize("journal", CUT, ids=repr)
def test_a_damaged_journal_is_told_with_its_place(records: Records, journal: bytes) -> None:
    step = install_with_journal(records, journal)
    failed(step, "ENGINE", records.host.folder("d-2") / "journal.json")
    assert "Error:" not in step.message
