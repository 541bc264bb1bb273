"""Archives that must be refused, by Prepare before a host is touched and by the host again, and what must survive."""

import bz2
import gzip
import io
import lzma
import os
import struct
import tarfile
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from host.bundle.archive import read_appspec
from host.bundle.entries import ArchiveError
from host.posix.unpack import unpack
from tests.host.archive.archives import SPEC, TYPES, member, refusal, tar, zipped
from tests.host.conftest import revision


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


CONTENT = os.urandom(600_000)


@cache
def compressed(form: str) -> bytes:
    files: dict[str, str | bytes] = {"top/appspec.yml": SPEC, "top/a": CONTENT, "top/b/c": "x", "top/l": "-> b/c"}
    if form == "zip":
        return revision(files)
    plain = revision(files, type="tar")
    by: dict[str, Callable[[bytes], bytes]] = {
        "tar": bytes, "gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress,
    }  # fmt: skip
    return by[form](plain)


FORMS = ["tar", "gzip", "bzip2", "xz", "zip"]


@pytest.mark.parametrize("type", TYPES)
@pytest.mark.parametrize("form", FORMS)
def test_an_archive_is_taken_for_what_it_is_whatever_it_is_called(tmp_path: Path, type: str, form: str) -> None:
    body = compressed(form)
    assert read_appspec(io.BytesIO(body), type) == SPEC
    unpack(io.BytesIO(body), type, str(tmp_path))
    assert (tmp_path / "a").read_bytes() == CONTENT
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
        monkeypatch.setattr("host.bundle.tars.MAX_TRAILING_BYTES", 200_000)
        body = pack(revision({"appspec.yml": SPEC}, type="tar") + os.urandom(300_000))
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
