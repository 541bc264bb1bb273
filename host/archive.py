"""Revisions as archives: checked whole before anything is unpacked, and unpacked without leaving their folder.

Prepare checks with `read_appspec` before a host is touched; the runner unpacks with the same checks. Unlike the
reference agent, which calls tar and unzip, this refuses whatever could write or point outside the revision, devices and
pipes, and archives that unpack to absurd sizes.
"""

import errno
import gzip
import os
import posixpath
import stat
import struct
import tarfile
import time
import zipfile
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any, BinaryIO, Callable, Dict, Iterator, List, Optional, Set, Tuple, Union

from host.appspec import names_of

MAX_ENTRIES = 200_000
MAX_BYTES = 32 * 1024**3  # of all files, unpacked
MAX_RATIO = 100  # of unpacked to packed bytes, ...
RATIO_FREE_BYTES = 1024**2  # ... once more than this comes out: what is smaller harms nobody
MAX_APPSPEC_BYTES = 1024**2
FREE_STREAM_BYTES = 512 * 1024**2  # of a tgz's headers and padding, which pack better than any content
MAX_NAME_BYTES = 64 * 1024**2  # of all names and targets of links together
MAX_DIRECTORY_BYTES = 64 * 1024**2  # of a zip's central directory, which is read at once
MAX_HEADER_BYTES = 256 * 1024  # of a tar's extended header, likewise
MAX_TRAILING_BYTES = 16 * 1024**2  # after a tar's last entry, where a few blocks of zeros belong
MAX_LINKS = 40  # followed for one path, as the kernel does
MAX_LINK_BYTES = 4095
MAX_LINK_STEPS = 5_000_000  # folders passed while following all links
_CHUNK = 1024 * 1024
_MAX_PART_BYTES = 255  # of one part of a path, as file systems have it
_MAX_PATH_BYTES = 3072  # the kernel takes 4096, with the folder it is unpacked into
_MAX_DEPTH = 128
_MAX_MTIME = 2**33  # seconds: what os.utime takes everywhere
_MAX_MESSAGE = 1000  # characters
_END_BYTES = 22 + 65535 + 20 + 56  # of a zip: its end records and the longest comment
_LISTED = 8  # entries that a message names


class ArchiveError(Exception):
    """An archive that cannot be used; the text says what is wrong with it, without its name."""

    def __init__(self, message: str) -> None:
        if len(message) > _MAX_MESSAGE:  # a name in it may be endless; what is wrong stands at its end
            message = message[: _MAX_MESSAGE // 2] + "..." + message[-_MAX_MESSAGE // 2 :]
        super().__init__(message)


@dataclass(frozen=True)
class Entry:
    """One entry: where it lies below the root ("" is the root itself), and what it is."""

    path: str
    kind: str  # file, directory, symlink or hardlink
    mode: int = 0o644
    mtime: float = 0
    target: str = ""  # of a link


_EXTENDED = (
    tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK,
)  # fmt: skip
# Its other HeaderErrors are the ends of an archive. (Their types are not in mypy's stubs.)
_DAMAGED = tuple(getattr(tarfile, name) for name in ("InvalidHeaderError", "TruncatedHeaderError"))
Read = Callable[[], IO[bytes]]


def read_appspec(file: BinaryIO, bundle_type: str, filename: str = "appspec.yml") -> str:
    """The AppSpec's text, after every entry of the archive has been checked and read. Raises ArchiveError."""
    names = names_of(filename)
    texts: Dict[str, bytes] = {}
    tops: List[str] = []

    def keep(entry: Entry, read: Optional[Read], budget: "_Budget") -> None:
        top, _, below = entry.path.partition("/")
        if top and not tops:
            tops.append(top)  # of a second one nothing is kept: then none is stripped
        if read is None:
            return
        wanted = entry.path in names or (top in tops and below in names)
        kept = bytearray()
        with read() as body:
            for chunk in _chunks(body, entry.path, budget):
                if wanted and len(kept) <= MAX_APPSPEC_BYTES:
                    kept += chunk
        if wanted:
            if len(kept) > MAX_APPSPEC_BYTES:
                raise ArchiveError("{} is larger than {} bytes".format(entry.path, MAX_APPSPEC_BYTES))
            texts[entry.path] = bytes(kept)

    paths = _walk(file, bundle_type, keep)
    prefix = _stripped(paths)
    for name in names:
        if prefix + name in texts:
            try:
                return texts[prefix + name].decode()
            except UnicodeDecodeError as error:
                raise ArchiveError("{} is not UTF-8 text".format(prefix + name)) from error
        if prefix + name in paths:
            raise ArchiveError("{} is no regular file: it cannot be a link or a folder".format(prefix + name))
    top = sorted({path[len(prefix) :].split("/")[0] for path in paths if path.startswith(prefix)} - {""})
    more = ", ..." if len(top) > _LISTED else ""
    held = ", ".join(top[:_LISTED]) + more if top else "nothing"
    deeper = next((path for path in paths if posixpath.basename(path) in names), "")
    hint = "; {} must lie at the root".format(deeper) if deeper else ""
    raise ArchiveError("has no {} at its root; it holds {}{}".format(filename, held, hint))


def unpack(file: BinaryIO, bundle_type: str, destination: str) -> None:
    """Unpack a checked archive into the folder `destination`; FileExistsError unless it is new or empty.

    A single top-level folder that holds the AppSpec is stripped. Permission bits, times, links and empty folders are
    kept; owners are not, nor setuid bits. Raises ArchiveError, and OSError for what the disk refuses.
    """
    with _rewound(file):
        paths = _walk(file, bundle_type, _drain)
    prefix = _stripped(paths)
    os.makedirs(destination, exist_ok=True)
    if os.listdir(destination):  # a link in it would lead out
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), destination)
    made = {destination}
    folders: List[Tuple[str, Entry]] = []
    links: List[Tuple[str, Entry]] = []

    def write(entry: Entry, read: Optional[Read], budget: "_Budget") -> None:
        inside = entry.path[len(prefix) :] if entry.path.startswith(prefix) else ""
        if not inside:
            return
        path = os.path.join(destination, *inside.split("/"))
        if entry.kind == "directory":
            os.makedirs(path, exist_ok=True)
            folders.append((path, entry))
            return
        folder = os.path.dirname(path)
        if folder not in made:
            os.makedirs(folder, exist_ok=True)
            made.add(folder)
        if read is None:
            links.append((path, entry))
            return
        with read() as body, open(path, "xb", buffering=0) as copy:
            for chunk in _chunks(body, entry.path, budget):
                _write(copy, chunk)
            os.fchmod(copy.fileno(), entry.mode & 0o777)
            os.utime(copy.fileno(), (entry.mtime, entry.mtime))

    _walk(file, bundle_type, write)
    # Links last, so that nothing was written through one; folders' times after what is in them.
    for path, entry in links:
        if entry.kind == "symlink":
            os.symlink(entry.target, path)
        else:
            os.link(os.path.join(destination, *entry.target[len(prefix) :].split("/")), path)
    for path, entry in reversed(folders):
        os.chmod(path, (entry.mode & 0o777) | 0o700)
        os.utime(path, (entry.mtime, entry.mtime))


class _Budget:
    """What an archive may still unpack to."""

    def __init__(self, packed: int) -> None:
        self.packed = max(packed, 1)
        self.unpacked = 0
        self.names = 0

    def name(self, entry: Entry) -> None:
        self.names += len(entry.path) + len(entry.target)
        if self.names > MAX_NAME_BYTES:
            raise ArchiveError("has names of more than {} bytes together".format(MAX_NAME_BYTES))

    def reach(self, position: int) -> None:
        """What came out of a tgz so far, headers and all."""
        if position > FREE_STREAM_BYTES + MAX_RATIO * self.packed:
            raise ArchiveError("unpacks to more than {} times its size: it may be a bomb".format(MAX_RATIO))

    def spend(self, count: int, path: str) -> None:
        self.unpacked += count
        if self.unpacked > MAX_BYTES:
            raise ArchiveError("unpacks to more than {} bytes (at entry {!r})".format(MAX_BYTES, path))
        if self.unpacked > RATIO_FREE_BYTES and self.unpacked > MAX_RATIO * self.packed:
            message = "unpacks to more than {} times its size (at entry {!r}): it may be a bomb"
            raise ArchiveError(message.format(MAX_RATIO, path))


Visit = Callable[[Entry, Optional[Read], _Budget], None]


def _walk(file: BinaryIO, bundle_type: str, visit: Visit) -> List[str]:
    """Visit every entry after checking it; the paths of all. Whatever is wrong with the archive is an ArchiveError."""
    budget = _Budget(file.seek(0, os.SEEK_END))
    file.seek(0)
    walk = _walk_zip if bundle_type == "zip" else _walk_tar
    seen: Dict[str, str] = {}
    links: Dict[str, str] = {}
    try:
        for entry, read in walk(file, bundle_type, budget):
            _check(entry, seen)
            budget.name(entry)
            if entry.kind == "symlink":
                links[entry.path] = entry.target
            visit(entry, read, budget)
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise ArchiveError("cannot be read as a {} archive: {}".format(bundle_type, error)) from error
    except OSError as error:
        if error.errno is not None:
            raise
        raise ArchiveError("is damaged: {}".format(error)) from error  # gzip's checksum
    except (ValueError, OverflowError, IndexError, KeyError, struct.error) as error:  # what a broken header leads to
        raise ArchiveError("is damaged: {}".format(error)) from error
    _check_parents(seen)
    root = _stripped(list(seen)).rstrip("/")
    steps = 0
    for path, target in links.items():
        steps += _check_link(path, target, links, root)
        if steps > MAX_LINK_STEPS:
            raise ArchiveError("has links that lead through more than {} folders".format(MAX_LINK_STEPS))
    return list(seen)


def _check(entry: Entry, seen: Dict[str, str]) -> None:
    """Refuse what leaves the root, comes twice, or cannot be a name."""
    if len(seen) >= MAX_ENTRIES:
        raise ArchiveError("has more than {} entries".format(MAX_ENTRIES))
    if not entry.path and entry.kind != "directory":
        raise ArchiveError("has a {} without a name".format(entry.kind))
    parts = os.fsencode(entry.path).split(b"/")
    if max(map(len, parts)) > _MAX_PART_BYTES:
        raise ArchiveError("entry {!r} has a name longer than {} bytes".format(entry.path, _MAX_PART_BYTES))
    if len(parts) > _MAX_DEPTH or sum(map(len, parts)) + len(parts) > _MAX_PATH_BYTES:
        what = "entry {!r} has a path longer than {} bytes or {} folders"
        raise ArchiveError(what.format(entry.path, _MAX_PATH_BYTES, _MAX_DEPTH))
    if len(os.fsencode(entry.target)) > MAX_LINK_BYTES:
        raise ArchiveError("entry {!r} is a link with a target that is too long".format(entry.path))
    if entry.kind == "symlink" and (not entry.target or "\0" in entry.target):
        raise ArchiveError("entry {!r} is a link to nothing that has a name".format(entry.path))
    before = seen.get(entry.path)
    if before is not None and not before == entry.kind == "directory":
        raise ArchiveError("entry {!r} comes twice".format(entry.path))
    if entry.kind == "hardlink" and seen.get(entry.target) != "file":
        raise ArchiveError("entry {!r} is a hard link to {!r}, no file before it".format(entry.path, entry.target))
    seen[entry.path] = entry.kind


def _check_parents(seen: Dict[str, str]) -> None:
    """Nothing may lie below a file or a link: it would be written somewhere else."""
    for path in seen:
        parent = posixpath.dirname(path)
        while parent:
            if seen.get(parent, "directory") != "directory":
                raise ArchiveError("entry {!r} lies below {!r}, which is a {}".format(path, parent, seen[parent]))
            parent = posixpath.dirname(parent)


def _check_link(path: str, target: str, links: Dict[str, str], root: str) -> int:
    """Refuse a link that leaves the root, other links of the archive followed: `a -> .` and then `b -> a/a/..`.

    Returns the folders it leads through.
    """
    place = [part for part in posixpath.dirname(path).split("/") if part]
    depth = len(root.split("/")) if root else 0
    waiting, followed, steps = target.split("/")[::-1], 0, 0
    if target.startswith("/"):
        raise ArchiveError("entry {!r} links to {!r}, an absolute name".format(path, target))
    while waiting:
        part = waiting.pop()
        steps += 1
        if part in ("", "."):
            continue
        if part == "..":
            if len(place) <= depth:
                raise ArchiveError("entry {!r} links to {!r}, outside of the revision".format(path, target))
            place.pop()
            continue
        place.append(part)
        other = links.get("/".join(place))
        if other is not None:
            followed += 1
            if followed > MAX_LINKS or other.startswith("/"):
                raise ArchiveError("entry {!r} links to {!r}, which leads round or away".format(path, target))
            place.pop()
            waiting += other.split("/")[::-1]
    return steps


def _clean(name: str) -> str:
    """An entry's name as a path below the root. Raises ArchiveError when it would leave it."""
    if "\0" in name:
        raise ArchiveError("entry {!r} has a NUL in its name".format(name))
    if name.startswith("/"):
        raise ArchiveError("entry {!r} has an absolute name".format(name))
    if ".." in name.split("/"):
        raise ArchiveError("entry {!r} would leave the revision's folder".format(name))
    clean = posixpath.normpath(name)
    return "" if clean == "." else clean


def _moment(mtime: float) -> float:
    """A time that os.utime takes; the epoch for any other, and for what is no number."""
    return mtime if 0 <= mtime < _MAX_MTIME else 0


def _walk_zip(file: BinaryIO, bundle_type: str, budget: "_Budget") -> Iterator[Tuple[Entry, Optional[Read]]]:
    if not zipfile.is_zipfile(file):
        raise ArchiveError("is not a zip archive")
    _check_directory(file)
    file.seek(0)
    with zipfile.ZipFile(file) as archive:
        if len(archive.infolist()) > MAX_ENTRIES:
            raise ArchiveError("has more than {} entries".format(MAX_ENTRIES))
        for info in archive.infolist():
            name = _zip_name(info)
            path, mode = _clean(name), info.external_attr >> 16
            if info.flag_bits & 0x1:
                raise ArchiveError("entry {!r} is encrypted".format(name))
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # not every Python has the others
                what = "entry {!r} is packed by method {}: only stored and deflated are supported"
                raise ArchiveError(what.format(name, info.compress_type))
            kind = stat.S_IFMT(mode)
            try:
                moment = _moment(time.mktime((*info.date_time, 0, 0, -1)))
            except (ValueError, OverflowError):
                moment = 0
            is_folder = name.endswith("/")
            permissions = stat.S_IMODE(mode) or (0o755 if is_folder else 0o644)
            if is_folder or kind == stat.S_IFDIR:
                yield Entry(path, "directory", permissions, moment), None
            elif kind == stat.S_IFLNK:
                with archive.open(info) as body:
                    target = body.read(MAX_LINK_BYTES + 1)
                yield Entry(path, "symlink", target=os.fsdecode(target)), None
            elif kind in (0, stat.S_IFREG):
                yield Entry(path, "file", permissions, moment), _opener(archive, info)
            else:
                raise ArchiveError("entry {!r} is a device, pipe or socket".format(name))


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


def _walk_tar(file: BinaryIO, bundle_type: str, budget: "_Budget") -> Iterator[Tuple[Entry, Optional[Read]]]:
    stream: Any = gzip.GzipFile(fileobj=file, mode="rb") if bundle_type == "tgz" else file
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
            path = _clean(member.name)
            if member.isdir():
                yield Entry(path, "directory", member.mode, _moment(member.mtime)), None
            elif member.issym():
                yield Entry(path, "symlink", target=member.linkname), None
            elif member.islnk():
                yield Entry(path, "hardlink", target=_clean(member.linkname)), None
            elif member.isfile():
                yield Entry(path, "file", member.mode, _moment(member.mtime)), _extractor(archive, member)
            else:
                raise ArchiveError("entry {!r} is a device, pipe or socket".format(member.name))
    # To its end, because there are gzip's checksum and whatever else was put behind the last entry.
    left = MAX_TRAILING_BYTES
    while left > 0:
        read = len(stream.read(_CHUNK))
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


def _drain(entry: Entry, read: Optional[Read], budget: _Budget) -> None:
    if read is not None:
        with read() as body:
            for _ in _chunks(body, entry.path, budget):
                pass


def _chunks(body: IO[bytes], path: str, budget: _Budget) -> Iterator[bytes]:
    """A file's content, never more than the budget allows, whatever its header says."""
    while True:
        chunk = body.read(_CHUNK)
        if not chunk:
            return
        budget.spend(len(chunk), path)
        yield chunk


def _write(file: IO[bytes], chunk: bytes) -> None:
    """All of it: a file without a buffer may take less at a time."""
    left = memoryview(chunk)
    while left:
        left = left[file.write(left) :]


def _stripped(paths: List[str]) -> str:
    """The single top-level folder that holds an AppSpec, as a prefix; "" when there is none to strip."""
    tops: Set[str] = {path.split("/")[0] for path in paths if path}
    if len(tops) != 1:
        return ""
    prefix = tops.pop() + "/"
    held = (path[len(prefix) :] for path in paths if path.startswith(prefix))
    return prefix if any("/" not in name and "appspec" in name.lower() for name in held) else ""


@contextmanager
def _rewound(file: Union[BinaryIO, IO[bytes]]) -> Iterator[None]:
    yield
    file.seek(0)
