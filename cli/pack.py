"""A folder as the archive that is pushed: the same content makes the same bytes, wherever and whenever it is packed.

Left out is what `.stepdeployignore` says, in gitignore's syntax (https://git-scm.com/docs/gitignore), and always `.git`
and that file itself.
"""

import os
import shutil
import stat
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from host.entries import ArchiveError

IGNORE = ".stepdeployignore"
_NEVER = {".git", IGNORE}
_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the first time that a zip knows
_UNIX = 3

Rule = Callable[[str], bool]


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
            raise ArchiveError(f"has a {IGNORE} whose line {number}, {line!r}, is no pattern of gitignore") from error
    spec = GitIgnoreSpec.from_lines(lines)
    return lambda name: bool(spec.match_file(name))


def pack(folder: Path, file: BinaryIO) -> None:
    """Write the zip archive of a folder. Raises ArchiveError for what a zip cannot hold, and OSError."""
    with zipfile.ZipFile(file, "w") as archive:
        for path, name in entries(folder):
            _add(archive, path, name)


def _add(archive: zipfile.ZipFile, path: Path, name: str) -> None:
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise ArchiveError(
            f"entry {name!r} has a name that is not UTF-8: rename it, or pack the folder by tar"
        ) from error
    found = path.lstat()
    is_folder = stat.S_ISDIR(found.st_mode)
    info = zipfile.ZipInfo(f"{name}/" if is_folder else name, _LONG_AGO)
    info.create_system = _UNIX
    info.external_attr = found.st_mode << 16
    if is_folder:
        archive.writestr(info, b"")
    elif stat.S_ISLNK(found.st_mode):
        archive.writestr(info, os.fsencode(path.readlink()))
    elif stat.S_ISREG(found.st_mode):
        info.compress_type, info.file_size = zipfile.ZIP_DEFLATED, found.st_size
        with path.open("rb") as content, archive.open(info, "w") as packed:
            shutil.copyfileobj(content, packed, 1024 * 1024)
    else:
        raise ArchiveError(f"entry {name!r} is a device, pipe or socket: leave it out by {IGNORE}")
