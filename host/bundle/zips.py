"""The entries of a zip, read one by one from its list of them, so that a long list needs no memory.

Source: PKWARE's APPNOTE.TXT, 4.3 (records) and 4.5.3 (ZIP64). Python's own zipfile keeps an object of every entry, and
imports more than all that is needed here.
"""

import os
import stat
import struct
import time
import zlib
from functools import lru_cache
from typing import IO, Any, BinaryIO, Iterator, NamedTuple, Optional, Tuple, cast

from host.bundle.entries import CHUNK, MAX_ENTRIES, MAX_LINK_BYTES, ArchiveError, Budget, Entry, Read, clean, sane_time

_RECORD = struct.Struct("<4s4xHHHHLLLHHHHHLL")  # of the list: from the flags on; the versions are skipped
_LOCAL = struct.Struct("<4s2xH18xHH")  # before an entry's content: flags, lengths of name and extra fields
_END = struct.Struct("<4s4xHHLLH")
_END64, _LOCATOR = struct.Struct("<4sQ2H2L4Q"), struct.Struct("<4sLQL")
_MAX_COMMENT = 65535
_FULL = 0xFFFFFFFF  # stands for a number that is in the ZIP64 field
_ENCRYPTED, _PATCHED, _STRONG, _UTF8 = 0x1, 0x20, 0x40, 0x800  # flags
_STORED, _DEFLATED = 0, 8
_DOS = 0  # the system that an entry's attributes are of
_ZIP64, _UT, _UX = 0x0001, 0x5455, 0x5855  # kinds of extra fields: Info-ZIP's appnote.iz
_LIST_CHUNK = 64 * 1024


class Unreadable(Exception):
    """What makes a zip none; the text says it."""


UNREADABLE = (Unreadable, zlib.error, EOFError)


class _List(NamedTuple):
    """Where the list of entries is."""

    start: int
    size: int
    entries: int  # as it claims
    before: int  # bytes before the zip's first, which its offsets do not count


class _Info(NamedTuple):
    """One record of the list."""

    name: bytes
    system: int
    flags: int
    method: int
    date_time: Tuple[int, ...]
    crc: int
    packed: int
    size: int
    mode: int
    offset: int  # of its local header
    extra: bytes


def looks_like_one(file: BinaryIO) -> bool:
    """By what its end says."""
    return _end(file)[0] >= 0


def _end(file: BinaryIO) -> Tuple[int, bytes]:
    """Where the end record is, -1 for nowhere, and everything from there on."""
    size = file.seek(0, os.SEEK_END)
    for length in (_END.size, _END.size + _MAX_COMMENT):  # most zips have no comment
        start = max(size - length, 0)
        file.seek(start)
        tail = file.read()
        at = tail.rfind(b"PK\5\6")
        if at >= 0 and len(tail) - at >= _END.size and (length > _END.size or tail[-2:] == b"\0\0"):
            return start + at, tail[at:]
    return -1, b""


def _list(file: BinaryIO) -> _List:
    at, tail = _end(file)
    if at < 0:
        raise ArchiveError("is not a zip archive")
    _, _, entries, size, offset, _ = _END.unpack_from(tail)
    end = at
    file.seek(max(at - _LOCATOR.size - _END64.size, 0))
    zip64 = file.read(_END64.size)
    if file.read(4) == b"PK\6\7" and zip64[:4] == b"PK\6\6":
        entries, size, offset = _END64.unpack(zip64)[7:]
        end = at - _LOCATOR.size - _END64.size
    if entries > MAX_ENTRIES:
        raise ArchiveError("has more than {} entries".format(MAX_ENTRIES))
    before = end - size - offset
    if before < 0:
        raise Unreadable("its list of entries begins before it")
    return _List(offset + before, size, entries, before)


def _infos(file: BinaryIO, where: _List) -> Iterator[_Info]:
    """The list's records; others may move the file meanwhile."""
    buffer, at, position, end = b"", 0, where.start, where.start + where.size

    def have(count: int) -> None:
        nonlocal buffer, at, position
        if len(buffer) - at < count:
            file.seek(position)
            more = file.read(min(max(_LIST_CHUNK, count), end - position))
            position += len(more)
            buffer, at = buffer[at:] + more, 0
            if len(buffer) < count:
                raise Unreadable("its list of entries is cut off")

    while position < end or at < len(buffer):
        have(_RECORD.size)
        record = _RECORD.unpack_from(buffer, at)
        (
            magic,
            flags,
            method,
            clock,
            date,
            crc,
            packed,
            size,
            name_bytes,
            extra_bytes,
            comment,
            _,
            _,
            external,
            offset,
        ) = record
        if magic != b"PK\1\2":
            raise Unreadable("its list of entries is damaged")
        system = buffer[at + 5]
        have(_RECORD.size + name_bytes + extra_bytes + comment)
        at += _RECORD.size
        name, extra = buffer[at : at + name_bytes], buffer[at + name_bytes : at + name_bytes + extra_bytes]
        at += name_bytes + extra_bytes + comment
        size, packed, offset = _whole_numbers(extra, size, packed, offset)
        moment = ((date >> 9) + 1980, date >> 5 & 15, date & 31, clock >> 11, clock >> 5 & 63, (clock & 31) * 2)
        offset += where.before
        yield _Info(name, system, flags, method, moment, crc, packed, size, external >> 16, offset, extra)


def _whole_numbers(extra: bytes, *numbers: int) -> Tuple[int, ...]:
    """Those of 32 bits that are full are in the ZIP64 field, in their order."""
    if _FULL not in numbers:
        return numbers
    field = dict(_fields(extra)).get(_ZIP64, b"")
    longer = iter(struct.unpack("<{}Q".format(len(field) // 8), field[: len(field) // 8 * 8]))
    return tuple(next(longer, number) if number == _FULL else number for number in numbers)


def _fields(extra: bytes) -> Iterator[Tuple[int, bytes]]:
    at = 0
    while at + 4 <= len(extra):
        kind, size = struct.unpack_from("<HH", extra, at)
        yield kind, extra[at + 4 : at + 4 + size]
        at += 4 + size


def walk(file: BinaryIO, bundle_type: str, budget: "Budget") -> Iterator[Tuple[Entry, Optional[Read]]]:
    for count, info in enumerate(_infos(file, _list(file))):
        if count >= MAX_ENTRIES:
            raise ArchiveError("has more than {} entries".format(MAX_ENTRIES))
        name = _name(info)
        path, mode = clean(name), info.mode
        if info.flags & _ENCRYPTED:
            raise ArchiveError("entry {!r} is encrypted".format(name))
        if info.method not in (_STORED, _DEFLATED):  # not every Python has the others
            what = "entry {!r} is packed by method {}: only stored and deflated are supported"
            raise ArchiveError(what.format(name, info.method))
        kind = stat.S_IFMT(mode)
        moment = _moment(info.date_time, info.extra)
        is_folder = name.endswith("/")
        permissions = mode & 0o777 or (0o755 if is_folder else 0o644)
        if is_folder or kind == stat.S_IFDIR:
            yield Entry(path, "directory", permissions, moment), None
        elif kind == stat.S_IFLNK:
            yield Entry(path, "symlink", target=os.fsdecode(_target(file, info))), None
        elif kind in (0, stat.S_IFREG):
            yield Entry(path, "file", permissions, moment, size=info.size), _opener(file, info)
        else:
            raise ArchiveError("entry {!r} is a device, pipe or socket".format(name))


class _Content:
    """An entry's content, read forwards, while others may move the file."""

    def __init__(self, file: BinaryIO, info: _Info) -> None:
        file.seek(info.offset)
        header = file.read(_LOCAL.size)
        if len(header) < _LOCAL.size:
            raise EOFError("an entry is cut off")
        magic, flags, name_bytes, extra_bytes = _LOCAL.unpack(header)
        if magic != b"PK\3\4":
            raise Unreadable("an entry does not begin where the list says")
        if info.flags & (_PATCHED | _STRONG) or flags & _ENCRYPTED:
            raise Unreadable("an entry is encrypted or a patch")
        if file.read(name_bytes) != info.name:
            raise Unreadable("an entry has another name than in the list: {!r}".format(info.name))
        self._file, self._info = file, info
        self._at = info.offset + _LOCAL.size + name_bytes + extra_bytes
        self._packed, self._size, self._crc, self._is_checked = info.packed, info.size, 0, False
        self._unpacker: Any = zlib.decompressobj(-zlib.MAX_WBITS) if info.method == _DEFLATED else None

    def __enter__(self) -> "_Content":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def read(self, size: int) -> bytes:
        if not self._size and self._is_checked:
            return b""
        chunk = self._unpacked(min(size, self._size))
        self._crc = zlib.crc32(chunk, self._crc)
        self._size -= len(chunk)
        self._is_checked = not self._size
        if self._is_checked and self._crc != self._info.crc:
            raise Unreadable("Bad CRC-32 for file {!r}".format(os.fsdecode(self._info.name)))
        if not chunk and self._size:
            raise EOFError("an entry is shorter than it says")
        return chunk

    def _unpacked(self, size: int) -> bytes:
        if not size or self._unpacker is None:
            return self._take(size)
        while not self._unpacker.eof:
            packed = self._unpacker.unconsumed_tail or self._take(CHUNK // 4)
            chunk: bytes = self._unpacker.decompress(packed, size)
            if chunk or not packed:
                return chunk
        return b""

    def _take(self, size: int) -> bytes:
        self._file.seek(self._at)
        chunk = self._file.read(min(size, self._packed))
        self._at += len(chunk)
        self._packed -= len(chunk)
        return chunk


def _target(file: BinaryIO, info: _Info) -> bytes:
    """Of a link: no more of it than shows that it is too long."""
    content, target = _Content(file, info), b""
    while len(target) <= MAX_LINK_BYTES:
        chunk = content.read(MAX_LINK_BYTES + 1 - len(target))
        if not chunk:
            break
        target += chunk
    return target


def _opener(file: BinaryIO, info: _Info) -> Read:
    return lambda: cast("IO[bytes]", _Content(file, info))


def _name(info: _Info) -> str:
    """The name as it was meant: DOS separates by backslash, Unix writes UTF-8 without always saying so."""
    if info.flags & _UTF8:
        name = info.name.decode("utf-8")
    elif info.system == _DOS:
        name = info.name.decode("cp437")
    else:
        try:
            return info.name.decode("utf-8")
        except UnicodeError:
            return info.name.decode("cp437")
    return name.replace("\\", "/") if info.system == _DOS else name


def claimed(file: BinaryIO) -> int:
    """How many entries a zip says it has; 0 for one that is only in memory."""
    if not isinstance(getattr(file, "name", None), str):
        return 0
    at, tail = _end(file)
    return int(_END.unpack_from(tail)[2]) if at >= 0 else 0


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
    for kind, field in _fields(extra):
        if kind == _UT and len(field) >= 5 and field[0] & 1:
            return int(struct.unpack_from("<l", field, 1)[0])
        if kind == _UX and len(field) >= 8:
            return int(struct.unpack_from("<l", field, 4)[0])
    return None
