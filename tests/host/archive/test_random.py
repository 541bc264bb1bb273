"""Archives by chance: whatever the entries, nothing leaves the folder."""

import contextlib
import io
import os
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

from host.bundle.archive import read_appspec
from host.bundle.entries import ArchiveError
from host.posix.unpack import unpack
from tests.host.archive.archives import SPEC, TYPES, member, tar
from tests.host.conftest import Host, revision
from tests.soak import examples

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
