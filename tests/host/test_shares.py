"""Bundles of many files are unpacked and installed by several processes: nothing may come from that but speed."""

import io
import os
import signal
import time
from pathlib import Path

import pytest

from host.appspec import FileExistsBehavior
from host.bundle.entries import ArchiveError
from host.grammar import parse
from host.posix import shares
from host.posix.install import install
from host.posix.layout import Layout
from host.posix.unpack import unpack
from tests.host.conftest import Host, appspec, revision

MANY = 600


@pytest.fixture(autouse=True)
def three_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("host.posix.shares.os.cpu_count", lambda: 3)


def many(place: Path, version: str = "1") -> dict[str, str | bytes]:
    files = {f"app/{number % 7}/{number}": f"{number} of {version}" for number in range(MANY)}
    return {"appspec.yml": appspec({"app": place}), "app/link": "-> 1/1", "app/none/": "", **files}


def content(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_many_files_get_where_few_files_get(tmp_path: Path) -> None:
    bundle = tmp_path / "bundle.zip"
    files = many(tmp_path / "place")
    bundle.write_bytes(revision(files))
    layout = Layout("group", "d-1", str(tmp_path / "root"))
    layout.make()
    with bundle.open("rb") as file:
        unpack(file, "zip", layout.archive)
    unpack(io.BytesIO(bundle.read_bytes()), "zip", str(tmp_path / "by one process"))
    assert content(Path(layout.archive)) == content(tmp_path / "by one process")
    install(parse(str(files["appspec.yml"])), FileExistsBehavior.DISALLOW, layout)
    assert content(tmp_path / "place") == content(tmp_path / "by one process" / "app")
    assert len(list((tmp_path / "place").rglob("*"))) == MANY + 7 + 2
    install(parse("version: 0.0\nos: linux\n"), FileExistsBehavior.DISALLOW, layout)
    assert not (tmp_path / "place").exists()


def test_a_damaged_file_of_any_share_is_told(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "appspec.yml": appspec(),
        **{str(number): os.urandom(99) for number in range(MANY)},
    }
    body = bytearray(revision(files))
    for number in range(8):
        damaged = bytearray(body)
        damaged[len(body) * (number + 1) // 16] ^= 0xFF
        bundle = tmp_path / f"{number}.zip"
        bundle.write_bytes(damaged)
        with bundle.open("rb") as file, pytest.raises(ArchiveError):
            unpack(file, "zip", str(tmp_path / str(number)))


def test_claimed_sizes_of_other_shares_count_as_a_bomb(tmp_path: Path) -> None:
    bundle = tmp_path / "bomb.zip"
    files: dict[str, str | bytes] = {str(number): b"0" * 50_000 for number in range(MANY)}
    bundle.write_bytes(revision({"appspec.yml": appspec(), **files}))
    with bundle.open("rb") as file, pytest.raises(ArchiveError, match="bomb"):
        unpack(file, "zip", str(tmp_path / "out"))


def test_what_a_process_could_not_do_is_done_by_the_first_which_sees_why(tmp_path: Path) -> None:
    def work(share: int) -> None:
        (tmp_path / f"{share} by {os.getpid() == parent}").touch()
        if share == 2:
            raise ValueError(f"share {share} cannot be done")

    parent = os.getpid()
    with pytest.raises(ValueError, match="share 2 cannot be done"):
        shares.run_in_processes(work, 3)
    assert {path.name for path in tmp_path.iterdir()} == {"0 by True", "1 by False", "2 by False", "2 by True"}


def test_few_files_are_done_by_one_process() -> None:
    assert shares.process_count(shares.WORTH - 1) == 1
    assert shares.process_count(shares.WORTH) == 3


def test_an_install_of_many_files_that_is_killed_is_finished_by_its_next_run(host: Host, tmp_path: Path) -> None:
    """At any moment; its other processes end by themselves, and the next run waits for them."""
    place = tmp_path / "place"
    old, new = many(place, "1"), many(place, "2")
    assert host.install("d-0", revision(old)).status == "Succeeded"
    for number in range(1, 7):
        told = host.told(f"d-{number}", revision(new if number % 2 else old))
        assert host.run("DownloadBundle", told).status == "Succeeded"
        process = host.start("Install", told)
        time.sleep(0.03 * number)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert host.run("Install", told).status == "Succeeded"
        assert content(place) == content(host.archive(f"d-{number}") / "app")
        assert not [path for path in place.rglob("*") if "partial" in path.name]
