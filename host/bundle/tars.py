"""The entries of a tar, compressed by gzip, bzip2, xz or nothing, which its first bytes say, as with tar itself."""

import gzip
import tarfile
import zlib
from typing import IO, Any, BinaryIO, Iterator, Optional, Tuple

from host.bundle.entries import CHUNK, ArchiveError, Budget, Entry, Owner, Read, clean, sane_time
from host.bundle.streams import open_bzip2, open_xz

MAX_HEADER_BYTES = 256 * 1024  # of a tar's extended header, likewise
MAX_TRAILING_BYTES = 16 * 1024**2  # after a tar's last entry, where a few blocks of zeros belong
_EXTENDED = (
    tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK,
)  # fmt: skip
# Its other HeaderErrors are the ends of an archive. (Their types are not in mypy's stubs.)
_DAMAGED = tuple(getattr(tarfile, name) for name in ("InvalidHeaderError", "TruncatedHeaderError"))
_GZIP, _BZIP2, _XZ = b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0"
_USTAR_AT = 257  # where a tar's first header says that it is one
_NOT_HERE = {  # what GNU tar hands to other programs, and what it does not take either
    b"\x28\xb5\x2f\xfd": "zstd", b"\x1f\x9d": "compress", b"LZIP": "lzip", b"\x89LZO": "lzop",
    b"7z\xbc\xaf\x27\x1c": "7-Zip", b"Rar!": "RAR",
}  # fmt: skip
UNREADABLE = (tarfile.TarError, zlib.error, EOFError, NotImplementedError, RuntimeError)


class _Header(tarfile.TarInfo):
    """A tar header; extended ones are read whole by tarfile, so their size is checked first."""

    @classmethod
    def fromtarfile(cls, archive: Any) -> "_Header":
        try:
            return super().fromtarfile(archive)
        except _DAMAGED as error:
            if not archive.offset:
                raise
            # tarfile would take it for the end, and leave out all that follows.
            raise ArchiveError("is damaged at byte {}: {}".format(archive.offset, error)) from error

    @classmethod
    def frombuf(cls, buf: "bytes | bytearray", encoding: str, errors: str) -> "_Header":
        header = super().frombuf(buf, encoding, errors)
        if header.type in _EXTENDED and header.size > MAX_HEADER_BYTES:
            raise ArchiveError("has an extended header of {} bytes".format(header.size))
        if header.size < 0:
            raise ArchiveError("is damaged: an entry has a negative size")
        return header


def looks_like_one(file: BinaryIO) -> bool:
    """By its first bytes."""
    file.seek(0)
    first = file.read(_USTAR_AT + 5)
    return first.startswith((_GZIP, _BZIP2, _XZ)) or first[_USTAR_AT:] == b"ustar"


def _unpacked(file: BinaryIO) -> Any:
    """The tar itself, as a file that is read forwards."""
    file.seek(0)
    first = file.read(6)
    file.seek(0)
    if first.startswith(_GZIP):
        return gzip.GzipFile(fileobj=file, mode="rb")
    if first.startswith(_BZIP2):
        return open_bzip2(file)
    if first.startswith(_XZ):
        return open_xz(file)
    other = next((name for magic, name in _NOT_HERE.items() if first.startswith(magic)), "")
    if other:
        what = "is packed by {}: supported are zip, and tar with gzip, bzip2, xz or without any"
        raise ArchiveError(what.format(other))
    return file


def walk(file: BinaryIO, bundle_type: str, budget: "Budget") -> Iterator[Tuple[Entry, Optional[Read]]]:
    stream = _unpacked(file)
    try:
        archive: Any = tarfile.open(fileobj=stream, mode="r:", tarinfo=_Header)
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise ArchiveError("is not a {} archive: {}".format(bundle_type, error)) from error
    with archive:
        for member in archive:
            archive.members = []  # it would remember every entry
            budget.reach(stream.tell())
            if member.size < 0:  # by an extended header: tarfile would go round for ever
                raise ArchiveError("is damaged: an entry has a negative size")
            path, mode, moment = clean(member.name), member.mode & 0o7777, sane_time(member.mtime)
            owner = Owner(member.uname, member.uid, member.gname, member.gid)
            if member.isdir():
                yield Entry(path, "directory", mode, moment, owner=owner), None
            elif member.issym():
                yield Entry(path, "symlink", target=member.linkname, owner=owner), None
            elif member.islnk():
                yield Entry(path, "hardlink", target=clean(member.linkname)), None
            elif member.isfile():
                yield Entry(path, "file", mode, moment, "", owner, member.size), _extractor(archive, member)
            else:
                raise ArchiveError("entry {!r} is a device, pipe or socket".format(member.name))
    # To its end, because there are gzip's checksum and whatever else was put behind the last entry.
    left = MAX_TRAILING_BYTES
    while left > 0:
        read = len(stream.read(CHUNK))
        if not read:
            return
        left -= read
    raise ArchiveError("goes on for more than {} bytes after its last entry".format(MAX_TRAILING_BYTES))


def _extractor(archive: Any, member: tarfile.TarInfo) -> Read:
    def read() -> IO[bytes]:
        body: Optional[IO[bytes]] = archive.extractfile(member)
        if body is None:
            raise ArchiveError("entry {!r} has no content".format(member.name))
        return body

    return read
