"""Archives that tests make."""

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from host.appspec import FileExistsBehavior
from host.bundle.archive import read_appspec
from host.bundle.entries import ArchiveError
from host.instructions import Bundle, Instructions
from host.posix.unpack import unpack
from tests.host.conftest import appspec

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
