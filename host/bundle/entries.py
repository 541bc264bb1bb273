"""One entry of an archive, and what an archive may hold and unpack to."""

import posixpath
from typing import IO, Callable, NamedTuple, Optional

MAX_ENTRIES = 200_000
MAX_BYTES = 32 * 1024**3  # of all files, unpacked
MAX_RATIO = 100  # of unpacked to packed bytes, ...
RATIO_FREE_BYTES = 1024**2  # ... once more than this comes out: what is smaller harms nobody
FREE_STREAM_BYTES = 512 * 1024**2  # of a tgz's headers and padding, which pack better than any content
MAX_NAME_BYTES = 64 * 1024**2  # of all names and targets of links together
MAX_LINK_BYTES = 4095
_MAX_MTIME = 2**33  # seconds: what os.utime takes everywhere
_MAX_MESSAGE = 1000  # characters
CHUNK = 1024 * 1024  # bytes read at a time
Read = Callable[[], IO[bytes]]  # opens the content of a file


class ArchiveError(Exception):
    """An archive that cannot be used; the text says what is wrong with it, without its name."""

    def __init__(self, message: str) -> None:
        if len(message) > _MAX_MESSAGE:  # a name in it may be endless; what is wrong stands at its end
            message = message[: _MAX_MESSAGE // 2] + "..." + message[-_MAX_MESSAGE // 2 :]
        super().__init__(message)


class Owner(NamedTuple):
    """Of a tar's entry: the names count where the host has them, else the ids, as with tar."""

    user: str
    uid: int
    group: str
    gid: int


class Entry(NamedTuple):
    """One entry: where it lies below the root ("" is the root itself), and what it is."""

    path: str
    kind: str  # file, directory, symlink or hardlink
    mode: int = 0o644
    mtime: float = 0
    target: str = ""  # of a link
    owner: Optional[Owner] = None
    size: int = 0  # bytes at most, of a file


class Budget:
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


def clean(name: str) -> str:
    """An entry's name as a path below the root. Raises ArchiveError when it would leave it."""
    if "\0" in name:
        raise ArchiveError("entry {!r} has a NUL in its name".format(name))
    if name.startswith("/"):
        raise ArchiveError("entry {!r} has an absolute name".format(name))
    if ".." in name and ".." in name.split("/"):
        raise ArchiveError("entry {!r} would leave the revision's folder".format(name))
    if name and name[0] != "." and name[-1] != "/" and "//" not in name and "/." not in name:
        return name
    clean = posixpath.normpath(name)
    return "" if clean == "." else clean


def sane_time(mtime: float) -> float:
    """A time that os.utime takes; the epoch for any other, and for what is not a number."""
    return mtime if 0 <= mtime < _MAX_MTIME else 0
