"""Archives that are odd, hostile or damaged in rarer ways."""

import errno
import gzip
import io
import os
import pwd
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from host.bundle.archive import check, read_appspec
from host.bundle.entries import ArchiveError
from host.grammar import parse
from host.posix.revision import read_appspec as revision_appspec
from host.posix.unpack import unpack
from host.report import Failed
from tests.host.archive.archives import SPEC, TYPES, member, refusal, tar, told, zipped
from tests.host.conftest import revision


@pytest.mark.parametrize("packing", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_packing_that_not_every_host_has(tmp_path: Path, packing: int) -> None:
    body = zipped((zipfile.ZipInfo("appspec.yml"), SPEC.encode()), packing=packing)
    assert "only stored and deflated are supported" in refusal(body, "zip", tmp_path)


def test_an_encrypted_zip(tmp_path: Path) -> None:
    body = bytearray(zipped((zipfile.ZipInfo("appspec.yml"), SPEC.encode())))
    for at in (body.find(b"PK\3\4") + 6, body.find(b"PK\1\2") + 8):
        body[at] |= 1
    assert "is encrypted" in refusal(bytes(body), "zip", tmp_path)


def test_a_damaged_header_in_the_middle_of_a_tar_is_not_its_end(tmp_path: Path) -> None:
    body = bytearray(tar((member("appspec.yml"), SPEC.encode()), (member("a"), b"a"), (member("b"), b"b")))
    body[1024] ^= 0xFF
    assert "is damaged at byte 1024" in refusal(bytes(body), "tar", tmp_path)


@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_negative_size_does_not_go_round_for_ever(tmp_path: Path, kind: bytes) -> None:
    header = member("x", type=kind, size=-1024).tobuf(tarfile.GNU_FORMAT)
    assert "negative size" in refusal(tar((member("appspec.yml"), SPEC.encode()))[:1024] + header, "tar", tmp_path)


def test_a_negative_size_in_an_extended_header(tmp_path: Path) -> None:
    extended = member("x", pax_headers={"size": "-1024"}).tobuf(tarfile.PAX_FORMAT)
    assert "negative size" in refusal(extended + bytes(1024), "tar", tmp_path)


@pytest.mark.parametrize("time", ["nan", "inf", "1e300", "-1e300"])
def test_an_absurd_time_is_the_epoch(tmp_path: Path, time: str) -> None:
    body = member("x", pax_headers={"mtime": time}).tobuf(tarfile.PAX_FORMAT) + bytes(1024)
    unpack(io.BytesIO(body), "tar", str(tmp_path))
    assert (tmp_path / "x").stat().st_mtime == 0


@pytest.mark.parametrize("name", ["a/" * 200 + "x", ("n" * 250 + "/") * 20 + "x"])
@pytest.mark.parametrize("type", TYPES)
def test_paths_that_no_kernel_takes(tmp_path: Path, type: str, name: str) -> None:
    assert "has a path longer than" in refusal(revision({"appspec.yml": SPEC, name: "x"}, type=type), type, tmp_path)


def test_links_that_would_be_followed_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("host.bundle.archive.MAX_LINK_STEPS", 1000)
    files = {"appspec.yml": SPEC, **{f"l{number}": "-> " + "./" * 100 for number in range(20)}}
    assert "lead through more than 1000 folders" in refusal(revision(files), "zip", tmp_path)


@pytest.mark.parametrize("type", TYPES)
def test_too_many_entries(tmp_path: Path, type: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("host.bundle.archive.MAX_ENTRIES", 10)
    files = {"appspec.yml": SPEC, **{f"f{number}": "x" for number in range(10)}}
    assert "more than 10 entries" in refusal(revision(files, type=type), type, tmp_path)


@pytest.mark.parametrize("type", TYPES)
def test_names_that_would_fill_the_memory(tmp_path: Path, type: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("host.bundle.entries.MAX_NAME_BYTES", 1000)
    files = {"appspec.yml": SPEC, **{f"{number}" + "n" * 200: "x" for number in range(5)}}
    assert "names of more than 1000 bytes" in refusal(revision(files, type=type), type, tmp_path)


def test_a_bomb_of_headers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("host.bundle.entries.FREE_STREAM_BYTES", 0)
    empty = [(member(f"f{number}", pax_headers={"comment": "x" * 200_000}), b"") for number in range(50)]
    body = gzip.compress(b"".join(info.tobuf(tarfile.PAX_FORMAT) for info, _ in empty) + bytes(1024))
    assert "it may be a bomb" in refusal(body, "tgz", tmp_path)


def test_a_zip_from_windows_with_folders_of_its_own(tmp_path: Path) -> None:
    entries = []
    for name, content in (("appspec.yml", SPEC.encode()), ("d\\", b""), ("d\\e\\f", b"x")):
        info = zipfile.ZipInfo(name)
        info.create_system = 0
        entries.append((info, content))
    unpack(io.BytesIO(zipped(*entries)), "zip", str(tmp_path))
    assert (tmp_path / "d" / "e" / "f").read_bytes() == b"x"


@pytest.mark.parametrize("type", TYPES)
def test_an_appspec_that_is_a_link_is_read_by_way_of_it(type: str, tmp_path: Path) -> None:
    files = {"top/deploy/appspec.yml": SPEC, "top/now": "-> deploy", "top/appspec.yml": "-> now/appspec.yml"}
    body = revision(files, type=type)
    assert read_appspec(io.BytesIO(body), type) == SPEC
    unpack(io.BytesIO(body), type, str(tmp_path))
    assert revision_appspec(told(), str(tmp_path)) == parse(SPEC)


@pytest.mark.parametrize("type", TYPES)
def test_an_appspec_that_is_a_link_to_nothing_is_told_although_another_name_holds_one(type: str) -> None:
    files = {"appspec.yml": "-> nothing.yml", "appspec.yaml": SPEC}
    with pytest.raises(ArchiveError, match=r"appspec\.yml is not a regular file"):
        read_appspec(io.BytesIO(revision(files, type=type)), type)


def test_an_appspec_in_a_folder_that_links_out_of_it_is_refused(tmp_path: Path) -> None:
    """By the host, too, where no archive was checked: `stepdeploy local` takes folders."""
    (tmp_path / "revision").mkdir()
    (tmp_path / "appspec.yml").write_text(SPEC)
    (tmp_path / "revision" / "appspec.yml").symlink_to("../appspec.yml")
    with pytest.raises(Failed, match=r"appspec\.yml leads out of the revision"):
        revision_appspec(told(), str(tmp_path / "revision"))


@pytest.mark.parametrize("top", ["0", "n" * 255])
def test_the_folder_that_is_stripped_may_have_any_name(tmp_path: Path, top: str) -> None:
    files = {f"{top}/appspec.yml": SPEC, f"{top}/0/{top}": "inner", f"{top}/1": "one"}
    unpack(io.BytesIO(revision(files)), "zip", str(tmp_path))
    found = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert found == {"appspec.yml", f"0/{top}", "1"}


def test_only_an_empty_folder_is_unpacked_into(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "in" / "d").symlink_to(tmp_path / "out")
    with pytest.raises(FileExistsError):
        unpack(io.BytesIO(revision({"appspec.yml": SPEC, "d/x": "x"})), "zip", str(tmp_path / "in"))
    assert not list((tmp_path / "out").iterdir())


def test_a_tar_keeps_setuid_and_a_zip_does_not(tmp_path: Path) -> None:
    """As tar -p and unzip do it."""
    unpack(io.BytesIO(tar((member("x", mode=0o6755), b"x"))), "tar", str(tmp_path / "tar"))
    assert stat.S_IMODE((tmp_path / "tar" / "x").stat().st_mode) == 0o6755
    info = zipfile.ZipInfo("x")
    info.external_attr, info.create_system = 0o106755 << 16, 3
    unpack(io.BytesIO(zipped((info, b"x"))), "zip", str(tmp_path / "zip"))
    assert stat.S_IMODE((tmp_path / "zip" / "x").stat().st_mode) == 0o755


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_a_tar_keeps_its_owners_by_name_and_else_by_number(tmp_path: Path) -> None:
    nobody = pwd.getpwnam("nobody").pw_uid
    entries = (
        member("named", uname="nobody", uid=7),
        member("numbered", uname="who is that", uid=4711, gid=4712),
        member("link", type=tarfile.SYMTYPE, linkname="named", uname="nobody"),
        member("d", type=tarfile.DIRTYPE, uid=5),
        member("no id", uid=-3, gid=2**40),
    )
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for entry in entries:
            archive.addfile(entry)
    unpack(body, "tar", str(tmp_path))
    owners = {path.name: path.lstat().st_uid for path in tmp_path.iterdir()}
    assert owners == {"named": nobody, "numbered": 4711, "link": nobody, "d": 5, "no id": 0}
    assert (tmp_path / "numbered").stat().st_gid == 4712


def test_a_full_disk_is_no_fault_of_the_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(file: int, times: tuple[int, int]) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("host.bundle.archive.os.utime", full)
    with pytest.raises(OSError, match="No space left"):
        unpack(io.BytesIO(revision({"appspec.yml": SPEC})), "zip", str(tmp_path))


@pytest.mark.parametrize("type", TYPES)
@pytest.mark.parametrize("location", ["bin/run.sh", "/bin/run.sh", "./bin/run.sh", "link.sh", "current/run.sh"])
@pytest.mark.parametrize("top", ["", "top/"])
def test_a_script_s_first_line_is_checked_in_the_archive_also_by_way_of_links(
    type: str, location: str, top: str
) -> None:
    files = {"appspec.yml": SPEC, "bin/run.sh": "#!/bin/sh\r\n", "link.sh": "-> bin/run.sh", "current": "-> bin"}
    checked = check(io.BytesIO(revision({top + name: text for name, text in files.items()}, type=type)), type)
    assert "carriage return" in checked.first_line_error(location)
    assert checked.first_line_error("appspec.yml") == ""
    assert checked.holds(location, checked.names()) and not checked.holds("gone", checked.names())


def test_a_script_that_is_a_hard_link_is_checked_too() -> None:
    body = tar(
        (member("appspec.yml"), SPEC.encode()),
        (member("a"), b"#!/bin/sh\r\n"),
        (member("b", type=tarfile.LNKTYPE, linkname="a"), b""),
    )
    assert "carriage return" in check(io.BytesIO(body), "tar").first_line_error("b")
