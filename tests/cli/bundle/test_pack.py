"""What is packed of a folder, and that the same content is the same bytes."""

import io
import os
import socket
import time
import zipfile
from pathlib import Path

import pytest

from cli.bundle.findings import findings
from cli.bundle.pack import IGNORE, entries, pack
from host.bundle.entries import ArchiveError
from host.posix.unpack import unpack

APPSPEC = "version: 0.0\nos: linux\n"


def folder(root: Path, *names: str) -> Path:
    """A folder with files of these names, and an AppSpec."""
    for name in ("appspec.yml", *names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(APPSPEC if name == "appspec.yml" else name)
        path.chmod(0o755 if name.endswith(".sh") else 0o644)
    return root


def packed(root: Path) -> bytes:
    file = io.BytesIO()
    pack(root, file)
    return file.getvalue()


def names(root: Path) -> list[str]:
    return [name for _, name in entries(root)]


def identity(root: Path) -> str:
    return pack(root, io.BytesIO())


def test_equal_folders_have_the_same_identity_whatever_the_order_and_time_they_were_made_in(tmp_path: Path) -> None:
    one = folder(tmp_path / "one", "b", "a/x.sh", "a.txt")
    other = folder(tmp_path / "other", "a.txt", "a/x.sh", "b")
    os.utime(other / "b", (1, 1))
    assert identity(one) == identity(other)
    assert zipfile.ZipFile(io.BytesIO(packed(one))).namelist() == ["a/", "a/x.sh", "a.txt", "appspec.yml", "b"]


@pytest.mark.parametrize("mask", [0o002, 0o022, 0o027, 0o077])
def test_equal_folders_have_the_same_identity_and_modes_under_every_umask(mask: int, tmp_path: Path) -> None:
    root, usual = folder(tmp_path / "masked", "a/x.sh", "b"), folder(tmp_path / "usual", "a/x.sh", "b")
    for path in root.rglob("*"):
        path.chmod((0o777 if path.is_dir() or path.suffix == ".sh" else 0o666) & ~mask)
    assert identity(root) == identity(usual)
    modes = [each.external_attr >> 16 for each in zipfile.ZipFile(io.BytesIO(packed(root))).infolist()]
    assert list(map(oct, modes)) == ["0o40755", "0o100755", "0o100644", "0o100644"]


@pytest.mark.parametrize("change", ["content", "mode", "name", "kind", "private"])
def test_another_content_mode_or_name_is_another_identity(change: str, tmp_path: Path) -> None:
    root = folder(tmp_path, "x")
    before = identity(root)
    if change == "content":
        (root / "x").write_text("y")
    elif change == "mode":
        (root / "x").chmod(0o744)
    elif change == "private":
        (root / "x").chmod(0o600)
    elif change == "name":
        (root / "x").rename(root / "y")
    else:
        (root / "x").unlink()
        (root / "x").symlink_to("x")
    assert identity(root) != before


def test_a_file_that_is_closed_to_others_stays_so(tmp_path: Path) -> None:
    root = folder(tmp_path / "in", "key")
    (root / "key").chmod(0o600)
    unpack(io.BytesIO(packed(root)), "zip", str(tmp_path / "out"))
    assert (tmp_path / "out" / "key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/New_York"])
def test_a_host_in_any_time_zone_has_the_files_times(
    zone: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, moments = folder(tmp_path / "in", "odd", "summer", "old"), {"odd": 1_767_323_047, "summer": 1_782_000_001}
    for name, moment in moments.items():
        os.utime(root / name, (moment, moment))
    os.utime(root / "old", (1, 1))  # which a zip's own field cannot hold
    body = packed(root)
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        unpack(io.BytesIO(body), "zip", str(tmp_path / "out"))
    finally:
        monkeypatch.undo()
        time.tzset()
    assert {name: (tmp_path / "out" / name).stat().st_mtime for name in moments} == moments
    assert (tmp_path / "out" / "old").stat().st_mtime == 1


def test_a_host_unpacks_what_was_packed_with_modes_links_and_empty_folders(tmp_path: Path) -> None:
    root, out, archive = folder(tmp_path / "in", "bin/start.sh"), tmp_path / "out", tmp_path / "a.zip"
    (root / "empty").mkdir()
    (root / "current").symlink_to("bin")
    with archive.open("wb") as file:
        pack(root, file)
    with archive.open("rb") as file:
        unpack(file, "zip", str(out))
    assert (out / "bin" / "start.sh").stat().st_mode & 0o777 == 0o755
    assert (out / "appspec.yml").stat().st_mode & 0o777 == 0o644
    assert (out / "current").readlink() == Path("bin")
    assert (out / "empty").is_dir()


def test_what_gitignore_would_leave_out_is_left_out(tmp_path: Path) -> None:
    root = folder(tmp_path, "a.pyc", "keep.pyc", "build/x", "src/build/x", "top/x", "src/top/x", ".env")
    (root / IGNORE).write_text("# a comment\n\n*.pyc\n!keep.pyc\nbuild/\n/top\n.env\n")
    assert names(root) == ["appspec.yml", "keep.pyc", "src", "src/top", "src/top/x"]


def test_git_s_own_folder_is_always_left_out(tmp_path: Path) -> None:
    root = folder(tmp_path, ".git/config", "module/.git", "module/x", ".gitignore")
    (root / IGNORE).write_text("!.git\n")
    assert names(root) == [".gitignore", "appspec.yml", "module", "module/x"]


def test_a_line_that_is_no_pattern_is_told_with_its_number(tmp_path: Path) -> None:
    root = folder(tmp_path)
    (root / IGNORE).write_text("*.pyc\n!\n")
    with pytest.raises(ArchiveError, match=r"\.stepdeployignore whose line 2, '!', is not a gitignore pattern"):
        names(root)


def test_what_a_zip_cannot_hold_is_refused_by_name(tmp_path: Path) -> None:
    root = folder(tmp_path)
    with socket.socket(socket.AF_UNIX) as found:
        found.bind(str(root / "s"))
        with pytest.raises(ArchiveError, match="entry 's' is a device, pipe or socket: exclude it with"):
            packed(root)


def test_a_name_that_is_no_text_is_refused(tmp_path: Path) -> None:
    root = folder(tmp_path)
    Path(os.fsdecode(os.fsencode(root) + b"/\xff")).touch()
    with pytest.raises(ArchiveError, match=r"has a name that is not UTF-8: rename it"):
        packed(root)


def test_validate_looks_at_what_would_be_packed(tmp_path: Path) -> None:
    root = folder(tmp_path, "start.sh")
    (root / "appspec.yml").write_text(APPSPEC + "hooks: {AfterInstall: [{location: start.sh}]}\n")
    (root / "start.sh").write_text("#!/bin/sh\n")
    assert findings(root) == []
    (root / IGNORE).write_text("*.sh\n")
    (found,) = findings(root)
    assert found.message == "hooks.AfterInstall[0].location: the revision has no script 'start.sh'"
