"""The entries of a zip."""

import os
import stat
import struct
import time
import zipfile
import zlib
from functools import lru_cache
from typing import BinaryIO, Iterator, Optional, Tuple

from host.entries import MAX_ENTRIES, MAX_LINK_BYTES, ArchiveError, Budget, Entry, Read, clean, sane_time

MAX_DIRECTORY_BYTES = 64 * 1024**2  # of a zip's central directory, which is read at once
_END_BYTES = 22 + 65535 + 20 + 56  # of a zip: its end records and the longest comment
_UT, _UX = 0x5455, 0x5855  # kinds of extra fields: Info-ZIP's appnote.iz
UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)


def looks_like_one(file: BinaryIO) -> bool:
    """By what its end says."""
    return zipfile.is_zipfile(file)


def walk(file: BinaryIO, bundle_type: str, budget: "Budget") -> Iterator[Tuple[Entry, Optional[Read]]]:
    if not looks_like_one(file):
        raise ArchiveError("is not a zip archive")
    _check_directory(file)
    file.seek(0)
    with zipfile.ZipFile(file) as archive:
        if len(archive.infolist()) > MAX_ENTRIES:
            raise ArchiveError("has more than {} entries".format(MAX_ENTRIES))
        for info in archive.infolist():
            name = _zip_name(info)
            path, mode = clean(name), info.external_attr >> 16
            if info.flag_bits & 0x1:
                raise ArchiveError("entry {!r} is encrypted".format(name))
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # not every Python has the others
                what = "entry {!r} is packed by method {}: only stored and deflated are supported"
                raise ArchiveError(what.format(name, info.compress_type))
            kind = stat.S_IFMT(mode)
            moment = _moment(info.date_time, info.extra)
            is_folder = name.endswith("/")
            permissions = mode & 0o777 or (0o755 if is_folder else 0o644)
            if is_folder or kind == stat.S_IFDIR:
                yield Entry(path, "directory", permissions, moment), None
            elif kind == stat.S_IFLNK:
                with archive.open(info) as body:
                    target = body.read(MAX_LINK_BYTES + 1)
                yield Entry(path, "symlink", target=os.fsdecode(target)), None
            elif kind in (0, stat.S_IFREG):
                yield Entry(path, "file", permissions, moment, size=info.file_size), _opener(archive, info)
            else:
                raise ArchiveError("entry {!r} is a device, pipe or socket".format(name))


@lru_cache(maxsize=1000)
def _moment(date_time: Tuple[int, ...], extra: bytes) -> float:
    """As unzip has it: by an extra field in UTC and to the second, else by the local time to two seconds."""
    moment = _extra_time(extra)
    if moment is not None:
        return sane_time(moment)
    try:
        return sane_time(time.mktime((*date_time, 0, 0, -1)))  # type: ignore[arg-type]
    except (ValueError, OverflowError):
        return 0


def _extra_time(extra: bytes) -> Optional[int]:
    """The time of Info-ZIP's extra fields: UT has flags before it, the older UX the time of the last access."""
    at = 0
    while at + 4 <= len(extra):
        kind, size = struct.unpack_from("<HH", extra, at)
        field = extra[at + 4 : at + 4 + size]
        at += 4 + size
        if kind == _UT and len(field) >= 5 and field[0] & 1:
            return int(struct.unpack_from("<l", field, 1)[0])
        if kind == _UX and len(field) >= 8:
            return int(struct.unpack_from("<l", field, 4)[0])
    return None


def _zip_name(info: zipfile.ZipInfo) -> str:
    """The name as it was meant: DOS separates by backslash, Unix writes UTF-8 without always saying so."""
    name = info.orig_filename
    if info.create_system == 0:
        return name.replace("\\", "/")
    if not info.flag_bits & 0x800:
        try:
            return name.encode("cp437").decode("utf-8")
        except UnicodeError:
            pass
    return name


def claimed(file: BinaryIO) -> int:
    """How many entries a zip says it has; 0 for one that is only in memory."""
    if not isinstance(getattr(file, "name", None), str):
        return 0
    file.seek(max(file.seek(0, os.SEEK_END) - _END_BYTES, 0))
    tail = file.read()
    at = tail.rfind(b"PK\5\6")
    return int.from_bytes(tail[at + 10 : at + 12], "little") if at >= 0 else 0


def _check_directory(file: BinaryIO) -> None:
    """Refuse a central directory that would not fit into memory, before zipfile makes objects of it."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(size - _END_BYTES, 0))
    tail = file.read()
    for marker, form in ((b"PK\6\6", "<40xQ"), (b"PK\5\6", "<12xL")):
        at = tail.rfind(marker)
        if at >= 0 and len(tail) - at >= struct.calcsize(form):
            claimed = struct.unpack_from(form, tail, at)[0]
            if MAX_DIRECTORY_BYTES < claimed != 0xFFFFFFFF:
                raise ArchiveError("has a list of entries of {} bytes".format(claimed))
            file.seek(max(size - len(tail) + at - claimed, 0))
            if file.read(min(claimed, MAX_DIRECTORY_BYTES)).count(b"PK\1\2") > MAX_ENTRIES:
                raise ArchiveError("has more than {} entries".format(MAX_ENTRIES))


def _opener(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Read:
    return lambda: archive.open(info)
