"""A revision's archive unpacked below a folder, with what tar -p and unzip keep."""

import errno
import grp
import os
import pwd
from contextlib import nullcontext
from functools import lru_cache
from itertools import count
from typing import BinaryIO, Dict, Iterator, List, NamedTuple, Optional, Tuple

from host.bundle.archive import MAX_ID, chunks, is_zip, walk, zip_reader
from host.bundle.entries import Budget, Entry, Owner, Read
from host.compact import Flags, Packed
from host.posix.copy import create, set_owner_and_mode
from host.posix.shares import process_count, run_in_processes


class _Folder(NamedTuple):
    """A folder that was unpacked, and how it is to be in the end."""

    path: str
    mode: int
    mtime: float
    owner: Optional[Tuple[str, int, str, int]]


def unpack(file: BinaryIO, bundle_type: str, destination: str) -> None:
    """Unpack an archive into the folder `destination`; FileExistsError unless it is new or empty.

    A single top-level folder that holds the AppSpec is stripped. Raises ArchiveError, and OSError for what the disk
    refuses: then what is in the folder is of no use. Nothing is ever written outside of it: each entry is checked
    before it is written, and links are made last, so that nothing goes through one.
    """
    os.makedirs(destination, exist_ok=True)
    if os.listdir(destination):  # a link in it would lead out
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), destination)
    shares = (
        process_count(zip_reader().claimed(file)) if is_zip(file, bundle_type) else 1
    )  # a tar is read from start to end
    folders: "Packed[_Folder]" = Packed(_Folder._make)
    links: Dict[str, Entry] = {}
    prefixes: List[str] = []

    def unpack_share(share: int) -> None:
        made, last = Flags(), destination

        def write(entry: Entry, read: Optional[Read], budget: "Budget") -> None:
            nonlocal last
            if not entry.path:
                return
            path = destination + "/" + entry.path
            folder = path if entry.kind == "directory" else path[: path.rindex("/")]
            if folder != last and not made.get(folder):
                os.makedirs(folder, exist_ok=True)
                made.add(folder, 1)
            last = folder
            if entry.kind == "directory":
                folders.append((path, entry.mode, entry.mtime, entry.owner and tuple(entry.owner)))
            elif read is None:
                links[path] = entry
            elif hash(path) % shares == share:  # the same for an entry that comes twice
                with read() as body:
                    _write(path, entry, chunks(body, entry.path, budget))
            else:
                budget.spend(entry.size, entry.path)  # another process's: what it claims, which is the most it may be

        with open(file.name, "rb") if share else nullcontext(file) as own:
            prefixes.append(walk(own, bundle_type, write).prefix)

    run_in_processes(unpack_share, shares)
    for path, entry in links.items():
        if entry.kind == "symlink":
            os.symlink(entry.target, path)
            _own(path, entry.owner)
        else:
            os.link(destination + "/" + entry.target, path)
    for made in folders:  # their times after what is in them; of one that comes twice the last counts
        _own(made.path, Owner._make(made.owner) if made.owner else None)
        os.chmod(made.path, made.mode | 0o700)
        os.utime(made.path, (made.mtime, made.mtime))
    if prefixes[0]:
        _strip(destination, prefixes[0])


def _write(path: str, entry: Entry, chunks: Iterator[bytes]) -> None:
    copy = create(path, entry.mode)  # of two that have its name the last counts
    try:
        for chunk in chunks:
            left = memoryview(chunk)
            while left:
                left = left[os.write(copy, left) :]
        _own(copy, entry.owner)
        set_owner_and_mode(copy, entry.mode)
        os.utime(copy, (entry.mtime, entry.mtime))
    except OSError as error:
        if error.errno is None or error.filename is not None:
            raise
        raise OSError(error.errno, error.strerror, path) from error
    finally:
        os.close(copy)


def _own(place: "str | int", owner: Optional[Owner]) -> None:
    """Give it to whom the archive says, as tar does when root runs it."""
    if owner is None or os.geteuid():
        return
    user, group = _uid(owner.user, owner.uid), _gid(owner.group, owner.gid)
    try:
        if isinstance(place, int):
            os.fchown(place, user, group)
        else:
            os.lchown(place, user, group)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EPERM):  # root of a container, where not every id is
            raise


@lru_cache(maxsize=None)
def _uid(name: str, number: int) -> int:
    try:
        return pwd.getpwnam(name).pw_uid
    except (KeyError, ValueError):
        return number if 0 <= number < MAX_ID else -1


@lru_cache(maxsize=None)
def _gid(name: str, number: int) -> int:
    try:
        return grp.getgrnam(name).gr_gid
    except (KeyError, ValueError):
        return number if 0 <= number < MAX_ID else -1


def _strip(destination: str, prefix: str) -> None:
    """Put what is in the single top-level folder into its place."""
    top = os.path.join(destination, prefix.rstrip("/"))
    taken = {prefix.rstrip("/"), *os.listdir(top)}
    aside = os.path.join(destination, next(name for name in map(str, count()) if name not in taken))
    os.rename(top, aside)
    for name in os.listdir(aside):
        os.rename(os.path.join(aside, name), os.path.join(destination, name))
    os.rmdir(aside)
