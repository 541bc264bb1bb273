"""Archives that must be refused, by Prepare before a host is touched and by the host again, and what must survive."""

import gzip
import io
import os
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from host.archive import ArchiveError, read_appspec, unpack
from tests.host.conftest import Host, appspec, revision

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
    assert [path for path in tmp_path.rglob("*") if path.name not in ("out", "in")] == []
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


def test_names_that_come_twice(tmp_path: Path) -> None:
    body = tar((member("appspec.yml"), SPEC.encode()), (member("./appspec.yml"), b""))
    assert "comes twice" in refusal(body, "tar", tmp_path)


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


@pytest.mark.parametrize("attack", [lambda: revision({"../evil": "x"}), lambda: b"junk", lambda: revision({"a": "x"})])
def test_the_host_refuses_too(host: Host, attack: Callable[[], bytes]) -> None:
    step = host.run("DownloadBundle", host.told("d-1", attack()))
    assert step.exit == 1 and step.cause in ("DOWNLOAD", "APPSPEC")
    assert not host.archive("d-1").exists() and not (host.folder("d-1") / "evil").exists()
