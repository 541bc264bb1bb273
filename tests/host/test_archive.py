"""Archives that must be refused, by Prepare before a host is touched and by the host again, and what must survive."""

import bz2
import contextlib
import errno
import gzip
import io
import lzma
import os
import pwd
import stat
import struct
import tarfile
import tempfile
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from host.appspec import FileExistsBehavior
from host.bundle.archive import check, read_appspec
from host.bundle.entries import ArchiveError
from host.grammar import parse
from host.instructions import Bundle, Instructions
from host.posix.revision import read_appspec as revision_appspec
from host.posix.unpack import unpack
from host.report import Failed
from tests.host.conftest import Host, appspec, revision
from tests.soak import examples

SPEC = appspec()
TYPES = ["zip", "tar", "tgz"]


def refusal(body: bytes, type: str, tmp_path: Path) -> str:
    """What both say, having written nothing outside."""
    said = []
    for use in (lambda file: read_appspec(file, type), lambda file: unpack(file, type, str(tmp_path / "out" / "in"))):
        with pytest.raises(ArchiveError) as error:
            use(io.BytesIO(body))
        said.append(str(error.value))
    assert said[0] == said[1]
    assert [path.name for path in tmp_path.iterdir() if path.name != "out"] == []
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["in"]
    return said[0]


def tar(*members: tuple[tarfile.TarInfo, bytes], type: str = "tar") -> bytes:
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w:gz" if type == "tgz" else "w", format=tarfile.GNU_FORMAT) as archive:
        for member, content in members:
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return body.getvalue()


def member(name: str, **attributes: object) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    for key, value in attributes.items():
        setattr(info, key, value)
    return info


@pytest.mark.parametrize("type", TYPES)
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("../evil", "would leave"), ("a/../../evil", "would leave"), ("/evil", "absolute name"),
        ("n" * 300, "longer than 255 bytes"),
    ],
)  # fmt: skip
def test_names_that_leave_the_revision(tmp_path: Path, type: str, name: str, said: str) -> None:
    assert said in refusal(revision({"appspec.yml": SPEC, name: "x"}, type=type), type, tmp_path)


@pytest.mark.parametrize("type", TYPES)
@pytest.mark.parametrize(
    "links",
    [
        {"l": "/etc/passwd"}, {"l": "../x"}, {"d/l": "../../x"}, {"a": ".", "l": "a/a/.."},
        {"d/a": "..", "l": "d/a/.."}, {"a": "b", "b": "a"}, {"l": "x/../../y"},
    ],
)  # fmt: skip
def test_links_that_lead_out_also_through_other_links(tmp_path: Path, type: str, links: dict[str, str]) -> None:
    files = {"appspec.yml": SPEC, **{name: f"-> {target}" for name, target in links.items()}}
    assert "links to" in refusal(revision(files, type=type), type, tmp_path)


@pytest.mark.parametrize("target", [b"", b"a\0b", b"a" * 4096])
def test_links_that_no_kernel_makes(tmp_path: Path, target: bytes) -> None:
    link = zipfile.ZipInfo("l")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    assert "is a link" in refusal(zipped((link, target), packing=zipfile.ZIP_STORED), "zip", tmp_path)


@pytest.mark.parametrize("type", TYPES)
def test_a_link_above_the_folder_that_is_stripped_leads_out(tmp_path: Path, type: str) -> None:
    files = {"top/appspec.yml": SPEC, "top/l": "-> .."}
    assert "outside of the revision" in refusal(revision(files, type=type), type, tmp_path)


@pytest.mark.parametrize("type", TYPES)
def test_nothing_is_written_through_a_link(tmp_path: Path, type: str) -> None:
    files = {"appspec.yml": SPEC, "d": "-> e", "e/": "", "d/x": "x"}
    assert "lies below" in refusal(revision(files, type=type), type, tmp_path)


@pytest.mark.parametrize("type", ["tar", "tgz"])
@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_devices_and_pipes(tmp_path: Path, type: str, kind: bytes) -> None:
    body = tar((member("appspec.yml"), SPEC.encode()), (member("dev", type=kind), b""), type=type)
    assert "device, pipe or socket" in refusal(body, type, tmp_path)


def test_a_device_in_a_zip(tmp_path: Path) -> None:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        info = zipfile.ZipInfo("dev")
        info.external_attr, info.create_system = 0o020666 << 16, 3
        archive.writestr(info, b"")
    assert "device, pipe or socket" in refusal(body.getvalue(), "zip", tmp_path)


@pytest.mark.parametrize("target", ["../../etc/passwd", "/etc/passwd", "not-there"])
def test_hard_links_to_what_is_not_in_the_archive(tmp_path: Path, target: str) -> None:
    body = tar((member("appspec.yml"), SPEC.encode()), (member("l", type=tarfile.LNKTYPE, linkname=target), b""))
    refusal(body, "tar", tmp_path)


@pytest.mark.parametrize("type", ["zip", "tgz"])
def test_a_bomb(tmp_path: Path, type: str) -> None:
    body = revision({"appspec.yml": SPEC, "zeros": bytes(3 * 1024 * 1024)}, type=type)
    assert "100 times its size" in refusal(body, type, tmp_path)


@pytest.mark.parametrize("type", ["zip", "tgz"])
def test_a_text_that_packs_well_is_no_bomb(type: str) -> None:
    log = "".join(f"{number} some line of a log\n" for number in range(100_000))
    assert read_appspec(io.BytesIO(revision({"appspec.yml": SPEC, "log": log}, type=type)), type) == SPEC


def test_a_tar_header_that_would_fill_the_memory(tmp_path: Path) -> None:
    header = member("././@LongLink", type=tarfile.GNUTYPE_LONGNAME, size=8 * 1024**3).tobuf(tarfile.GNU_FORMAT)
    assert "extended header" in refusal(gzip.compress(header + bytes(1024)), "tgz", tmp_path)


def test_a_list_of_entries_that_would_fill_the_memory(tmp_path: Path) -> None:
    body = bytearray(revision({"appspec.yml": SPEC}))
    at = body.rfind(b"PK\5\6")
    struct.pack_into("<L", body, at + 12, 1024**3)
    refusal(bytes(body), "zip", tmp_path)


@pytest.mark.parametrize("type", TYPES)
@pytest.mark.parametrize("body", [b"", b"not an archive", bytes(range(256)) * 20, b"PK\5\6", b"\x1f\x8b\x08"])
def test_what_is_no_archive(tmp_path: Path, type: str, body: bytes) -> None:
    said = refusal(body, type, tmp_path)
    assert said


@pytest.mark.parametrize("type", ["zip", "tgz"])
def test_a_damaged_archive(tmp_path: Path, type: str) -> None:
    body = bytearray(revision({"appspec.yml": SPEC, "a": os.urandom(50_000)}, type=type))
    body[20_000] ^= 0xFF
    refusal(bytes(body), type, tmp_path)


@pytest.mark.parametrize("type", TYPES)
def test_a_cut_archive(tmp_path: Path, type: str) -> None:
    body = revision({"appspec.yml": SPEC, "a": os.urandom(50_000)}, type=type)
    refusal(body[:30_000], type, tmp_path)


def test_of_an_entry_that_comes_twice_the_last_counts(tmp_path: Path) -> None:
    """As with `tar -r`, and with tar and unzip when they unpack it."""
    link = {"type": tarfile.SYMTYPE}
    body = tar(
        (member("appspec.yml"), b"old"),
        (member("l", linkname="old", **link), b""),
        (member("./appspec.yml"), SPEC.encode()),
        (member("l", linkname="new", **link), b""),
    )
    assert read_appspec(io.BytesIO(body), "tar") == SPEC
    unpack(io.BytesIO(body), "tar", str(tmp_path))
    assert (tmp_path / "appspec.yml").read_text() == SPEC
    assert str((tmp_path / "l").readlink()) == "new"


@pytest.mark.parametrize("kind", [tarfile.DIRTYPE, tarfile.SYMTYPE])
def test_a_name_that_comes_twice_as_different_things(tmp_path: Path, kind: bytes) -> None:
    body = tar((member("appspec.yml"), SPEC.encode()), (member("./appspec.yml", type=kind, linkname="x"), b""))
    assert "comes twice" in refusal(body, "tar", tmp_path)


@pytest.mark.parametrize("type", TYPES)
@pytest.mark.parametrize("names", [("x", "x/y"), ("x/y", "x"), ("x/y/z", "x/y")])
def test_a_file_that_is_also_a_folder(tmp_path: Path, type: str, names: tuple[str, str]) -> None:
    body = revision({"appspec.yml": SPEC, names[0]: "1", names[1]: "2"}, type=type)
    assert "below" in refusal(body, type, tmp_path)


@pytest.mark.parametrize("type", TYPES)
def test_without_an_appspec_the_message_says_what_is_there(type: str) -> None:
    with pytest.raises(
        ArchiveError, match=r"no appspec\.yml at its root; it holds a\.txt, deep; deep/dist/appspec\.yml"
    ):
        read_appspec(io.BytesIO(revision({"a.txt": "", "deep/dist/appspec.yml": ""}, type=type)), type)


@pytest.mark.parametrize("type", TYPES)
@pytest.mark.parametrize("name", ["appspec.yml", "./appspec.yml", "appspec.yaml", "top/appspec.yml"])
def test_the_appspec_is_found_at_the_root_or_in_the_only_folder(type: str, name: str) -> None:
    assert read_appspec(io.BytesIO(revision({name: SPEC}, type=type)), type) == SPEC


def test_another_name_may_be_asked_for() -> None:
    body = revision({"appspec.yml": "no", "deploy/blue.yml": SPEC})
    assert read_appspec(io.BytesIO(body), "zip", "deploy/blue.yml") == SPEC


@pytest.mark.parametrize("type", TYPES)
def test_what_must_survive_unpacking(tmp_path: Path, type: str) -> None:
    files = {
        "top/appspec.yml": SPEC, "top/bin/run.sh": "#!", "top/empty/": "", "top/grüße 🎉": "x", "top/ spaces ": "x",
        "top/new\nline": "x", "top/link": "-> bin/run.sh", "top/folder": "-> bin",
    }  # fmt: skip
    out = tmp_path / "out"
    unpack(io.BytesIO(revision(files, type=type)), type, str(out))
    found = {path.relative_to(out).as_posix() for path in out.rglob("*")}
    expected = {name[4:].rstrip("/") for name in files} | {"bin"}
    assert found == expected
    assert (out / "bin" / "run.sh").stat().st_mode & 0o777 == 0o755
    assert (out / "appspec.yml").stat().st_mode & 0o777 == 0o644
    assert str((out / "folder").readlink()) == "bin" and (out / "empty").is_dir()


def told() -> Instructions:
    bundle = Bundle("", "", 0, "zip", "", "", None, None)
    return Instructions("d-1", "g", "g", "a", bundle, "appspec.yml", FileExistsBehavior.DISALLOW, False, None)


def zipped(*entries: tuple[zipfile.ZipInfo, bytes], packing: int = zipfile.ZIP_DEFLATED) -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", packing) as archive:
        for info, content in entries:
            info.compress_type = packing
            archive.writestr(info, content)
    return body.getvalue()


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


def compressed(form: str, files: dict[str, str | bytes]) -> bytes:
    if form == "zip":
        return revision(files)
    plain = revision(files, type="tar")
    return {"tar": bytes, "gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress}[form](plain)


FORMS = ["tar", "gzip", "bzip2", "xz", "zip"]


@pytest.mark.parametrize("type", TYPES)
@pytest.mark.parametrize("form", FORMS)
def test_an_archive_is_taken_for_what_it_is_whatever_it_is_called(tmp_path: Path, type: str, form: str) -> None:
    content = os.urandom(600_000)
    body = compressed(form, {"top/appspec.yml": SPEC, "top/a": content, "top/b/c": "x", "top/l": "-> b/c"})
    assert read_appspec(io.BytesIO(body), type) == SPEC
    unpack(io.BytesIO(body), type, str(tmp_path))
    assert (tmp_path / "a").read_bytes() == content
    assert (tmp_path / "l").read_text() == "x"


@pytest.mark.parametrize("pack", [bz2.compress, lzma.compress], ids=["bzip2", "xz"])
class TestStreams:
    Pack = Callable[[bytes], bytes]

    def test_a_bomb(self, pack: Pack, tmp_path: Path) -> None:
        body = pack(revision({"appspec.yml": SPEC, "zeros": bytes(30 * 1024**2)}, type="tar"))
        assert "it may be a bomb" in refusal(body, "tar", tmp_path)

    def test_a_cut_one(self, pack: Pack, tmp_path: Path) -> None:
        body = pack(revision({"appspec.yml": SPEC, "a": os.urandom(50_000)}, type="tar"))
        assert "is cut off" in refusal(body[:30_000], "tar", tmp_path)

    def test_a_damaged_one(self, pack: Pack, tmp_path: Path) -> None:
        body = bytearray(pack(revision({"appspec.yml": SPEC, "a": os.urandom(50_000)}, type="tar")))
        body[20_000] ^= 0xFF
        assert "is damaged" in refusal(bytes(body), "tar", tmp_path)

    def test_two_streams_one_behind_the_other(self, pack: Pack, tmp_path: Path) -> None:
        body = revision({"appspec.yml": SPEC, "a": "x" * 10_000}, type="tar")
        assert read_appspec(io.BytesIO(pack(body[:3000]) + pack(body[3000:])), "tar") == SPEC

    def test_much_behind_the_last_entry(self, pack: Pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("host.bundle.tars.MAX_TRAILING_BYTES", 2 * 1024**2)
        body = pack(revision({"appspec.yml": SPEC}, type="tar") + os.urandom(3 * 1024**2))
        assert "after its last entry" in refusal(body, "tar", tmp_path)


def test_an_xz_that_would_fill_the_memory(tmp_path: Path) -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 256 * 1024**2}]
    body = lzma.compress(revision({"appspec.yml": SPEC}, type="tar"), filters=filters)
    assert "bytes of memory to be unpacked: pack it by xz -9 or a lower level" in refusal(body, "tar", tmp_path)


@pytest.mark.parametrize(
    ("first", "name"), [(b"\x28\xb5\x2f\xfd", "zstd"), (b"\x1f\x9d", "compress"), (b"7z\xbc\xaf\x27\x1c", "7-Zip")]
)
@pytest.mark.parametrize("type", ["tar", "tgz"])
def test_what_another_program_packed_is_called_by_its_name(tmp_path: Path, type: str, first: bytes, name: str) -> None:
    assert f"is packed by {name}: supported are zip, and tar with gzip" in refusal(first + bytes(600), type, tmp_path)


PARTS = st.sampled_from(["..", ".", "a", "b", "", "a/b", "appspec.yml", "/", "é", "\n"])
PATHS = st.lists(PARTS, min_size=1, max_size=4).map("/".join)
KINDS = st.sampled_from([tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE])


@settings(max_examples=examples(100, 2000), deadline=None)
@given(st.lists(st.tuples(PATHS, KINDS, PATHS), max_size=6))
def test_whatever_the_entries_nothing_leaves_the_folder(entries: list[tuple[str, bytes, str]]) -> None:
    body = tar(*((member(name, type=kind, linkname=target), b"") for name, kind, target in entries))
    with tempfile.TemporaryDirectory() as folder:
        outside, inside = Path(folder), Path(folder, "one", "in")
        with contextlib.suppress(ArchiveError):
            unpack(io.BytesIO(body), "tar", str(inside))
        assert {path.name for path in outside.iterdir()} <= {"one"}
        assert {path.name for path in (outside / "one").glob("*")} <= {"in"}
        for path in inside.rglob("*"):
            assert inside in [path.resolve(), *path.resolve().parents], "a link leads out"


@settings(max_examples=examples(100, 2000), deadline=None)
@given(st.sampled_from(TYPES), st.lists(st.tuples(st.integers(0), st.integers(0, 255)), min_size=1, max_size=5))
def test_a_damaged_archive_is_read_or_refused(type: str, damage: list[tuple[int, int]]) -> None:
    body = bytearray(revision({"appspec.yml": SPEC, "a/b": "x" * 600, "l": "-> a/b"}, type=type))
    for at, byte in damage:
        body[at % len(body)] = byte
    with contextlib.suppress(ArchiveError):
        read_appspec(io.BytesIO(bytes(body)), type)


@pytest.mark.parametrize("attack", [lambda: revision({"../evil": "x"}), lambda: b"junk", lambda: revision({"a": "x"})])
def test_the_host_refuses_too(host: Host, attack: Callable[[], bytes]) -> None:
    step = host.run("DownloadBundle", host.told("d-1", attack()))
    assert step.exit == 1 and step.cause in ("DOWNLOAD", "APPSPEC")
    assert not host.archive("d-1").exists() and not (host.folder("d-1") / "evil").exists()


# Zips beside Python's own reader of them


def rewritten(body: bytes, form: str) -> bytes:
    """The same zip with something before it, with a comment, or with its numbers in ZIP64 records."""
    if form == "behind something":
        return b"#!/bin/sh\nexec unzip $0\n" + body
    end = body[-22:]
    if form == "with a comment":
        return body[:-2] + b"\3\0abc"
    if form == "ZIP64":
        entries, size, offset = struct.unpack("<HLL", end[10:20])
        whole = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, entries, entries, size, offset)
        locator = struct.pack("<4sLQL", b"PK\6\7", 0, len(body) - 22, 1)
        return body[:-22] + whole + locator + end[:8] + b"\xff\xff" * 2 + b"\xff" * 8 + b"\0\0"
    return body


@pytest.mark.parametrize("form", ["as it is", "behind something", "with a comment", "ZIP64"])
@pytest.mark.parametrize("streamed", [False, True])
def test_a_zip_in_any_form_is_read_as_python_reads_it(tmp_path: Path, form: str, streamed: bool) -> None:
    body = io.BytesIO()
    target = Streamed(body) if streamed else body
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("appspec.yml", SPEC)
        for number in range(300):
            name, content = f"{number % 7}/ä{number}.txt", os.urandom(number) * 3
            how = zipfile.ZIP_STORED if number % 2 and not streamed else zipfile.ZIP_DEFLATED
            made.writestr(zipfile.ZipInfo(name, (2026, 1, 2, 3, 4, 6)), content, how)
    packed = tmp_path / "bundle.zip"
    packed.write_bytes(rewritten(body.getvalue(), form))
    with packed.open("rb") as file:
        unpack(file, "zip", str(tmp_path / "ours"))
    with zipfile.ZipFile(packed) as theirs:
        expected = {name: theirs.read(name) for name in theirs.namelist()}
    found = {str(path.relative_to(tmp_path / "ours")): path for path in (tmp_path / "ours").rglob("*")}
    assert {name: path.read_bytes() for name, path in found.items() if path.is_file()} == expected


class Streamed(io.RawIOBase):
    """What a zip is written to that cannot go back: sizes and checksums come behind the contents."""

    def __init__(self, body: io.BytesIO) -> None:
        self.body = body

    def writable(self) -> bool:
        return True

    def write(self, content: Any) -> int:
        return self.body.write(content)


def test_a_link_that_unpacks_to_much_is_not_read_to_its_end(tmp_path: Path) -> None:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("appspec.yml", SPEC)
        info = zipfile.ZipInfo("link")
        info.external_attr = 0o120777 << 16
        made.writestr(info, b"x" * 50_000_000, zipfile.ZIP_DEFLATED)
    tracemalloc.start()
    with pytest.raises(ArchiveError, match="too long"):
        read_appspec(body, "zip")
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()
