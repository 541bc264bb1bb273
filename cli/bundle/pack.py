"""A folder as the archive that is pushed, and the folder's identity, by which it is known however often it is packed.

The archive keeps the files' times, because web servers and Python's cache tell a changed file by its time. The identity
is made of names, kinds, modes and contents alone: it is the same on another machine, at another time, under another
umask. For that modes are normalized, in the archive too.

Left out is what `.stepdeployignore` says, in gitignore's syntax (https://git-scm.com/docs/gitignore), and always `.git`
and that file itself.
"""

import hashlib
import os
import stat
import struct
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from host.bundle.entries import ArchiveError

IGNORE = ".stepdeployignore"
_NEVER = {".git", IGNORE}
_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the first and the last time that a zip's own field knows
_LATE = (2107, 12, 31, 23, 59, 58)
_UNIX = 3
_TIMESTAMP = 0x5455  # Info-ZIP's extra field "UT": the time in UTC, to the second
_IDENTITY = b"stepdeploy folder 1"  # another way to make it gets another number
_CHUNK = 1024 * 1024

Rule = Callable[[str], bool]


class Found(NamedTuple):
    """One entry of a folder that is packed."""

    path: Path
    name: str  # below the folder
    status: os.stat_result  # of itself, where it is a link


def entries(folder: Path) -> Iterator[tuple[Path, str]]:
    """What is packed of a folder: paths, and their names below it, in order. Raises ArchiveError and OSError."""
    return _below(folder, "", _rule(folder / IGNORE))


def _below(folder: Path, prefix: str, is_ignored: Rule) -> Iterator[tuple[Path, str]]:
    for path in sorted(folder.iterdir(), key=lambda each: os.fsencode(each.name)):
        name, is_folder = f"{prefix}{path.name}", path.is_dir() and not path.is_symlink()
        if path.name in _NEVER or is_ignored(f"{name}/" if is_folder else name):
            continue
        yield path, name
        if is_folder:
            yield from _below(path, f"{name}/", is_ignored)


def _rule(file: Path) -> Rule:
    """Whether a name is left out; a folder's ends in a slash."""
    try:
        lines = file.read_text().splitlines()
    except FileNotFoundError:
        return lambda name: False
    except UnicodeDecodeError as error:
        raise ArchiveError(f"has a {IGNORE} that is not UTF-8 text: save it as UTF-8") from error
    from pathspec import GitIgnoreSpec

    for number, line in enumerate(lines, 1):
        try:
            GitIgnoreSpec.from_lines([line])
        except ValueError as error:
            raise ArchiveError(f"has a {IGNORE} whose line {number}, {line!r}, is not a gitignore pattern") from error
    spec = GitIgnoreSpec.from_lines(lines)
    return lambda name: bool(spec.match_file(name))


def look(folder: Path) -> list[Found]:
    """What is packed of a folder, in order. Raises ArchiveError and OSError."""
    return [Found(path, name, path.lstat()) for path, name in entries(folder)]


def refusal(found: Found) -> str:
    """Why the archive cannot hold an entry; "" when it can."""
    try:
        found.name.encode()
    except UnicodeEncodeError:
        return f"entry {found.name!r} has a name that is not UTF-8: rename it, or pack the folder with tar"
    mode = found.status.st_mode
    if stat.S_ISDIR(mode) or stat.S_ISLNK(mode) or stat.S_ISREG(mode):
        return ""
    return f"entry {found.name!r} is a device, pipe or socket: exclude it with {IGNORE}"


def pack(folder: Path, file: BinaryIO) -> str:
    """Write the zip archive of a folder; its identity. Raises ArchiveError for what a zip cannot hold, and OSError."""
    listed = look(folder)
    if refused := next(filter(None, map(refusal, listed)), ""):
        raise ArchiveError(refused)
    normalized = normal_modes(each.status.st_mode for each in listed)
    identity = hashlib.sha256(_IDENTITY)
    with zipfile.ZipFile(file, "w") as archive:
        for found in listed:
            mode = normalized(found.status.st_mode)
            content = _add(archive, found, mode)
            name = found.name.encode()
            identity.update(struct.pack("<LL", len(name), mode) + name + content)
    return identity.hexdigest()


def normal_modes(modes: Iterable[int]) -> Callable[[int], int]:
    """The rule that makes an entry's mode what it is on every machine.

    Of a mode counts whether its owner may execute it, as in git, and whether it is closed to group or others while
    something else in the folder is open to them: that is meant. What is closed in all of the folder is the umask's.

    >>> rule = normal_modes([0o100664, 0o100600, 0o100775])
    >>> [oct(rule(mode)) for mode in (0o100664, 0o100600, 0o100775)]
    ['0o100644', '0o100600', '0o100755']
    >>> oct(normal_modes([0o100600])(0o100600))
    '0o100644'
    """
    open_to = 0
    for mode in modes:
        open_to |= 0 if stat.S_ISLNK(mode) else mode

    def normal(mode: int) -> int:
        if stat.S_ISLNK(mode):
            return stat.S_IFLNK | 0o777
        is_closed_to = open_to & ~mode
        kept = 0o700 if is_closed_to & stat.S_IRGRP else 0o750 if is_closed_to & stat.S_IROTH else 0o755
        may_execute = stat.S_ISDIR(mode) or mode & stat.S_IXUSR
        return stat.S_IFMT(mode) | (kept if may_execute else kept & 0o644)

    return normal


def _add(archive: zipfile.ZipFile, found: Found, mode: int) -> bytes:
    """Pack one entry; the sha256 of its content, which is a link's target and nothing of a folder."""
    is_folder = stat.S_ISDIR(mode)
    info = zipfile.ZipInfo(f"{found.name}/" if is_folder else found.name, _local_time(found.status.st_mtime))
    info.create_system, info.external_attr, info.extra = _UNIX, mode << 16, _extra(found.status.st_mtime)
    digest = hashlib.sha256()
    if stat.S_ISREG(mode):
        info.compress_type, info.file_size = zipfile.ZIP_DEFLATED, found.status.st_size
        with found.path.open("rb") as content, archive.open(info, "w") as packed:
            while chunk := content.read(_CHUNK):
                digest.update(chunk)
                packed.write(chunk)
    else:
        target = b"" if is_folder else os.fsencode(found.path.readlink())
        digest.update(target)
        archive.writestr(info, target)
    return digest.digest()


def _local_time(moment: float) -> Any:
    """The time for what does not know the extra field: a zip's own field has local time, in steps of two seconds."""
    try:
        local = time.localtime(moment)[:6]
    except (ValueError, OverflowError):
        return _LONG_AGO
    return min(max(local, _LONG_AGO), _LATE)


def _extra(moment: float) -> bytes:
    """The extra field with the time; without it where 32 bits do not hold it."""
    if not -(2**31) <= moment < 2**31:
        return b""
    return struct.pack("<HHBl", _TIMESTAMP, 5, 1, int(moment // 1))
