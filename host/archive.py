"""Revisions as archives: checked whole before a host is touched, and unpacked without leaving their folder.

Prepare checks with `read_appspec` before a host is touched; the runner unpacks with the same checks. Unlike the
reference agent, which calls tar and unzip, this refuses whatever could write or point outside the revision, devices and
pipes, and archives that unpack to absurd sizes. What those tools keep, this keeps: a tar's owners (for root) and setuid
bits, a zip's modes without setuid, and of an entry that comes twice the last.
"""

import errno
import grp
import os
import posixpath
import pwd
import struct
from contextlib import nullcontext
from functools import lru_cache
from itertools import count
from typing import IO, Any, BinaryIO, Callable, Dict, Iterator, List, NamedTuple, Optional, Set, Tuple

from host.appspec import names_of
from host.copy import create, settle
from host.entries import CHUNK, MAX_ENTRIES, MAX_LINK_BYTES, ArchiveError, Budget, Entry, Read
from host.scripts import FIRST_LINE_BYTES, first_line_error
from host.shares import share_out, shares_of

MAX_APPSPEC_BYTES = 1024**2
MAX_LINKS = 40  # followed for one path, as the kernel does
MAX_LINK_STEPS = 5_000_000  # folders passed while following all links
_MAX_PART_BYTES = 255  # of one part of a path, as file systems have it
_MAX_PATH_BYTES = 3072  # the kernel takes 4096, with the folder it is unpacked into
_MAX_DEPTH = 128
_MAX_ID = 2**32 - 1  # of users and groups, and no id itself
_LISTED = 8  # entries that a message names


class _Walked(NamedTuple):
    """What an archive holds."""

    kinds: Dict[str, str]  # by path
    links: Dict[str, str]  # symbolic ones: path to target
    prefix: str  # "top/" of the one folder that holds everything, an AppSpec included; else ""


class Checked(NamedTuple):
    """An archive every entry of which has been checked and read."""

    appspec: str
    walked: _Walked
    first_line_errors: Dict[str, str]  # of scripts, by path in the archive

    def names(self) -> Set[str]:
        """The revision's files, links and folders, as paths below its root."""
        found: Set[str] = set()
        for path in self.walked.kinds:
            path = path[len(self.walked.prefix) :]
            while path and path not in found:
                found.add(path)
                path = path.rpartition("/")[0]
        return found

    def holds(self, path: str, names: Set[str]) -> bool:
        """Whether a path below the root is one of the `names`, links followed; "" is the root."""
        real = self._real(path)[len(self.walked.prefix) :]
        return not real or real in names

    def first_line_error(self, location: str) -> str:
        """What is wrong with the first line of the script at a path below the root, links followed."""
        return self.first_line_errors.get(self._real(location), "")

    def _real(self, path: str) -> str:
        links = self.walked.links
        whole = posixpath.normpath(self.walked.prefix + path.lstrip("/"))
        try:
            return _followed("", {**links, "": whole}, "")[0] if links else whole
        except ArchiveError:  # it leads out: the host says so
            return whole


def read_appspec(file: BinaryIO, bundle_type: str, filename: str = "appspec.yml") -> str:
    """The AppSpec's text, after every entry of the archive has been checked and read. Raises ArchiveError."""
    return check(file, bundle_type, filename).appspec


def check(file: BinaryIO, bundle_type: str, filename: str = "appspec.yml") -> Checked:
    """Check and read every entry of an archive. Raises ArchiveError."""
    names = names_of(filename)
    tops: List[str] = []

    def may_be_one(path: str) -> bool:
        top, _, below = path.partition("/")
        if top and not tops:
            tops.append(top)  # of a second one nothing is kept: then none is stripped
        return path in names or (top in tops and below in names)

    texts, errors, walked = _read(file, bundle_type, may_be_one)
    for name in names:
        path = walked.prefix + name
        if path in walked.links:
            path = _followed(path, walked.links, "")[0]
            texts, _, _ = _read(file, bundle_type, lambda each, wanted=path: each == wanted)  # type: ignore[misc]
        if path in texts:
            try:
                return Checked(texts[path].decode(), walked, errors)
            except UnicodeDecodeError as error:
                raise ArchiveError("{} is not UTF-8 text".format(path)) from error
        if walked.prefix + name in walked.kinds:
            raise ArchiveError("{} is no regular file".format(walked.prefix + name))
    raise ArchiveError(_without_appspec(filename, names, walked))


def _read(
    file: BinaryIO, bundle_type: str, wanted: Callable[[str], bool]
) -> Tuple[Dict[str, bytes], Dict[str, str], _Walked]:
    """The wanted files' content, of which none may be larger than an AppSpec; everything else is read and dropped.

    Also what is wrong with files' first lines, by path.
    """
    texts: Dict[str, bytes] = {}
    errors: Dict[str, str] = {}

    def keep(entry: Entry, read: Optional[Read], budget: "Budget") -> None:
        if entry.kind == "hardlink" and entry.target in errors:
            errors[entry.path] = errors[entry.target]
        if read is None:
            return
        is_wanted, kept, head = wanted(entry.path), bytearray(), b""
        with read() as body:
            for chunk in _chunks(body, entry.path, budget):
                head = head or chunk[:FIRST_LINE_BYTES]
                if is_wanted and len(kept) <= MAX_APPSPEC_BYTES:
                    kept += chunk
        errors.pop(entry.path, None)  # of an entry that comes twice the last counts
        error = first_line_error(head)
        if error:
            errors[entry.path] = error
        if is_wanted:
            if len(kept) > MAX_APPSPEC_BYTES:
                raise ArchiveError("{} is larger than {} bytes".format(entry.path, MAX_APPSPEC_BYTES))
            texts[entry.path] = bytes(kept)

    walked = _walk(file, bundle_type, keep)
    return texts, errors, walked


def _without_appspec(filename: str, names: List[str], walked: _Walked) -> str:
    prefix = walked.prefix
    top = sorted({path[len(prefix) :].split("/")[0] for path in walked.kinds if path.startswith(prefix)} - {""})
    more = ", ..." if len(top) > _LISTED else ""
    held = ", ".join(top[:_LISTED]) + more if top else "nothing"
    deeper = next((path for path in walked.kinds if posixpath.basename(path) in names), "")
    hint = "; {} must lie at the root".format(deeper) if deeper else ""
    return "has no {} at its root; it holds {}{}".format(filename, held, hint)


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
        shares_of(_zips().claimed(file)) if _is_zip(file, bundle_type) else 1
    )  # a tar is read from its begin to its end
    folders: Dict[str, Entry] = {}
    links: Dict[str, Entry] = {}
    prefixes: List[str] = []

    def unpack_share(share: int) -> None:
        made = {destination}

        def write(entry: Entry, read: Optional[Read], budget: "Budget") -> None:
            if not entry.path:
                return
            path = destination + "/" + entry.path
            folder = path if entry.kind == "directory" else path[: path.rindex("/")]
            if folder not in made:
                os.makedirs(folder, exist_ok=True)
                made.add(folder)
            if entry.kind == "directory":
                folders[path] = entry
            elif read is None:
                links[path] = entry
            elif hash(path) % shares == share:  # the same for an entry that comes twice
                with read() as body:
                    _write(path, entry, _chunks(body, entry.path, budget))
            else:
                budget.spend(entry.size, entry.path)  # another process's: what it claims, which is the most it may be

        with open(file.name, "rb") if share else nullcontext(file) as own:
            prefixes.append(_walk(own, bundle_type, write).prefix)

    share_out(unpack_share, shares)
    for path, entry in links.items():
        if entry.kind == "symlink":
            os.symlink(entry.target, path)
            _own(path, entry)
        else:
            os.link(destination + "/" + entry.target, path)
    for path, entry in reversed(list(folders.items())):  # their times after what is in them
        _own(path, entry)
        os.chmod(path, entry.mode | 0o700)
        os.utime(path, (entry.mtime, entry.mtime))
    if prefixes[0]:
        _strip(destination, prefixes[0])


def _write(path: str, entry: Entry, chunks: Iterator[bytes]) -> None:
    copy = create(path, entry.mode)  # of two that have its name the last counts
    try:
        for chunk in chunks:
            left = memoryview(chunk)
            while left:
                left = left[os.write(copy, left) :]
        _own(copy, entry)
        settle(copy, entry.mode)
        os.utime(copy, (entry.mtime, entry.mtime))
    except OSError as error:
        if error.errno is None or error.filename is not None:
            raise
        raise OSError(error.errno, error.strerror, path) from error
    finally:
        os.close(copy)


def _own(place: "str | int", entry: Entry) -> None:
    """Give it to whom the archive says, as tar does when root runs it."""
    if entry.owner is None or os.geteuid():
        return
    user, group = _uid(entry.owner.user, entry.owner.uid), _gid(entry.owner.group, entry.owner.gid)
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
        return number if 0 <= number < _MAX_ID else -1


@lru_cache(maxsize=None)
def _gid(name: str, number: int) -> int:
    try:
        return grp.getgrnam(name).gr_gid
    except (KeyError, ValueError):
        return number if 0 <= number < _MAX_ID else -1


def _strip(destination: str, prefix: str) -> None:
    """Put what is in the single top-level folder into its place."""
    top = os.path.join(destination, prefix.rstrip("/"))
    taken = {prefix.rstrip("/"), *os.listdir(top)}
    aside = os.path.join(destination, next(name for name in map(str, count()) if name not in taken))
    os.rename(top, aside)
    for name in os.listdir(aside):
        os.rename(os.path.join(aside, name), os.path.join(destination, name))
    os.rmdir(aside)


def _zips() -> Any:
    from host import zips  # only what is needed: either takes long to import

    return zips


def _tars() -> Any:
    from host import tars

    return tars


def _is_zip(file: BinaryIO, bundle_type: str) -> bool:
    """What it is counts, not what it is called; `bundle_type` decides where the first bytes say nothing."""
    if bundle_type == "zip":  # which may begin by anything: it is read from its end
        return bool(_zips().looks_like_one(file)) or not _tars().looks_like_one(file)
    file.seek(0)
    return file.read(4) in (b"PK\3\4", b"PK\5\6")


Visit = Callable[[Entry, Optional[Read], Budget], None]


def _walk(file: BinaryIO, bundle_type: str, visit: Visit) -> _Walked:
    """Visit every entry after checking it. Whatever is wrong with the archive is an ArchiveError."""
    budget = Budget(file.seek(0, os.SEEK_END))
    file.seek(0)
    form: Any = _zips() if _is_zip(file, bundle_type) else _tars()
    seen: Dict[str, str] = {}
    above: Set[str] = set()
    links: Dict[str, str] = {}
    try:
        for entry, read in form.walk(file, bundle_type, budget):
            _check(entry, seen)
            _check_parents(entry, seen, above)
            budget.name(entry)
            if entry.kind == "symlink":
                links[entry.path] = entry.target
            visit(entry, read, budget)
    except form.UNREADABLE as error:
        raise ArchiveError("cannot be read as a {} archive: {}".format(bundle_type, error)) from error
    except OSError as error:
        if error.errno is not None:
            raise
        raise ArchiveError("is damaged: {}".format(error)) from error  # gzip's checksum
    except (ValueError, OverflowError, IndexError, KeyError, struct.error) as error:  # what a broken header leads to
        raise ArchiveError("is damaged: {}".format(error)) from error
    prefix = _stripped(seen)
    steps = 0
    for path in links:
        steps += _followed(path, links, prefix.rstrip("/"))[1]
        if steps > MAX_LINK_STEPS:
            raise ArchiveError("has links that lead through more than {} folders".format(MAX_LINK_STEPS))
    return _Walked(seen, links, prefix)


def _check(entry: Entry, seen: Dict[str, str]) -> None:
    """Refuse what leaves the root, comes twice as different things, or cannot be a name."""
    if len(seen) >= MAX_ENTRIES:
        raise ArchiveError("has more than {} entries".format(MAX_ENTRIES))
    if not entry.path and entry.kind != "directory":
        raise ArchiveError("has a {} without a name".format(entry.kind))
    path = os.fsencode(entry.path)
    if len(path) > _MAX_PART_BYTES and max(map(len, path.split(b"/"))) > _MAX_PART_BYTES:
        raise ArchiveError("entry {!r} has a name longer than {} bytes".format(entry.path, _MAX_PART_BYTES))
    if path.count(b"/") >= _MAX_DEPTH or len(path) >= _MAX_PATH_BYTES:
        what = "entry {!r} has a path longer than {} bytes or {} folders"
        raise ArchiveError(what.format(entry.path, _MAX_PATH_BYTES, _MAX_DEPTH))
    if len(os.fsencode(entry.target)) > MAX_LINK_BYTES:
        raise ArchiveError("entry {!r} is a link with a target that is too long".format(entry.path))
    if entry.kind == "symlink" and (not entry.target or "\0" in entry.target):
        raise ArchiveError("entry {!r} is a link to nothing that has a name".format(entry.path))
    before = seen.get(entry.path)
    if before is not None and before != entry.kind:
        raise ArchiveError("entry {!r} comes twice, as {} and as {}".format(entry.path, before, entry.kind))
    if entry.kind == "hardlink" and seen.get(entry.target) != "file":
        raise ArchiveError("entry {!r} is a hard link to {!r}, no file before it".format(entry.path, entry.target))
    seen[entry.path] = entry.kind


def _check_parents(entry: Entry, seen: Dict[str, str], above: Set[str]) -> None:
    """Nothing may lie below a file or a link: it would be written somewhere else. `above` grows by its folders."""
    path = entry.path
    if entry.kind != "directory" and path in above:
        raise ArchiveError("entry {!r} is a {}, but there are entries below it".format(path, entry.kind))
    parent = path.rpartition("/")[0]
    while parent and parent not in above:
        if seen.get(parent, "directory") != "directory":
            raise ArchiveError("entry {!r} lies below {!r}, which is a {}".format(path, parent, seen[parent]))
        above.add(parent)
        parent = parent.rpartition("/")[0]


def _followed(link: str, links: Dict[str, str], root: str) -> Tuple[str, int]:
    """Where a link leads to, other links of the archive followed (`a -> .` and then `b -> a/a/..`), in how many steps.

    Raises ArchiveError for one that leaves the root.
    """
    target = links[link]
    place = [part for part in posixpath.dirname(link).split("/") if part]
    depth = len(root.split("/")) if root else 0
    waiting, followed, steps = target.split("/")[::-1], 0, 0
    if target.startswith("/"):
        raise ArchiveError("entry {!r} links to {!r}, an absolute name".format(link, target))
    while waiting:
        part = waiting.pop()
        steps += 1
        if part in ("", "."):
            continue
        if part == "..":
            if len(place) <= depth:
                raise ArchiveError("entry {!r} links to {!r}, outside of the revision".format(link, target))
            place.pop()
            continue
        place.append(part)
        other = links.get("/".join(place))
        if other is not None:
            followed += 1
            if followed > MAX_LINKS or other.startswith("/"):
                raise ArchiveError("entry {!r} links to {!r}, which leads round or away".format(link, target))
            place.pop()
            waiting += other.split("/")[::-1]
    return "/".join(place), steps


def _chunks(body: IO[bytes], path: str, budget: Budget) -> Iterator[bytes]:
    """A file's content, never more than the budget allows, whatever its header says."""
    while True:
        chunk = body.read(CHUNK)
        if not chunk:
            return
        budget.spend(len(chunk), path)
        yield chunk


def _stripped(kinds: Dict[str, str]) -> str:
    tops: Set[str] = {path.split("/")[0] for path in kinds if path}
    if len(tops) != 1:
        return ""
    prefix = tops.pop() + "/"
    held = (path[len(prefix) :] for path in kinds if path.startswith(prefix))
    return prefix if any("/" not in name and "appspec" in name.lower() for name in held) else ""
