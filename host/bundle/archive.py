"""Revisions as archives: checked whole before a host is touched, and unpacked without leaving their folder.

Prepare checks with `read_appspec` before a host is touched; the runner unpacks with the same checks. Unlike the
reference agent, which calls tar and unzip, this refuses whatever could write or point outside the revision, devices and
pipes, and archives that unpack to absurd sizes. What those tools keep, this keeps: a tar's owners (for root) and setuid
bits, a zip's modes without setuid, and of an entry that comes twice the last.
"""

import os
import posixpath
import struct
from typing import IO, Any, BinaryIO, Callable, Dict, Iterator, List, NamedTuple, Optional, Set, Tuple

from host.appspec import names_of
from host.bundle.entries import CHUNK, MAX_ENTRIES, MAX_LINK_BYTES, ArchiveError, Budget, Entry, Read
from host.compact import Flags
from host.scripts import FIRST_LINE_BYTES, first_line_error

MAX_APPSPEC_BYTES = 1024**2
MAX_LINKS = 40  # followed for one path, as the kernel does
MAX_LINK_STEPS = 5_000_000  # folders passed while following all links
_MAX_PART_BYTES = 255  # of one part of a path, as file systems have it
_MAX_PATH_BYTES = 3072  # the kernel takes 4096, with the folder it is unpacked into
_MAX_DEPTH = 128
MAX_ID = 2**32 - 1  # of users and groups, and no id itself
_LISTED = 8  # entries that a message names

_KINDS = {"file": 1, "directory": 2, "symlink": 4, "hardlink": 8}  # as flags of a path
_ABOVE = 16  # something lies below it


class _Walked(NamedTuple):
    """What an archive holds."""

    links: Dict[str, str]  # symbolic ones: path to target
    prefix: str  # "top/" of the one folder that holds everything, an AppSpec included; else ""
    kinds: Dict[str, str]  # by path, where somebody wants to know: there may be many


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
            raise ArchiveError("{} is not a regular file".format(walked.prefix + name))
    raise ArchiveError(_without_appspec(filename, names, walked))


def _read(
    file: BinaryIO, bundle_type: str, wanted: Callable[[str], bool]
) -> Tuple[Dict[str, bytes], Dict[str, str], _Walked]:
    """The wanted files' content, of which none may be larger than an AppSpec; everything else is read and dropped.

    Also what is wrong with files' first lines, by path.
    """
    texts: Dict[str, bytes] = {}
    errors: Dict[str, str] = {}
    kinds: Dict[str, str] = {}

    def keep(entry: Entry, read: Optional[Read], budget: "Budget") -> None:
        kinds[entry.path] = entry.kind
        if entry.kind == "hardlink" and entry.target in errors:
            errors[entry.path] = errors[entry.target]
        if read is None:
            return
        is_wanted, kept, head = wanted(entry.path), bytearray(), b""
        with read() as body:
            for chunk in chunks(body, entry.path, budget):
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

    walked = walk(file, bundle_type, keep)
    return texts, errors, walked._replace(kinds=kinds)


def _without_appspec(filename: str, names: List[str], walked: _Walked) -> str:
    prefix = walked.prefix
    top = sorted({path[len(prefix) :].split("/")[0] for path in walked.kinds if path.startswith(prefix)} - {""})
    more = ", ..." if len(top) > _LISTED else ""
    held = ", ".join(top[:_LISTED]) + more if top else "nothing"
    deeper = next((path for path in walked.kinds if posixpath.basename(path) in names), "")
    hint = "; {} must lie at the root".format(deeper) if deeper else ""
    return "has no {} at its root; it holds {}{}".format(filename, held, hint)


def zip_reader() -> Any:
    from host.bundle import zips  # only what is needed: either takes long to import

    return zips


def tar_reader() -> Any:
    from host.bundle import tars

    return tars


def is_zip(file: BinaryIO, bundle_type: str) -> bool:
    """What it is counts, not what it is called; `bundle_type` decides where the first bytes say nothing."""
    if bundle_type == "zip":  # which may begin by anything: it is read from its end
        return bool(zip_reader().looks_like_one(file)) or not tar_reader().looks_like_one(file)
    file.seek(0)
    return file.read(4) in (b"PK\3\4", b"PK\5\6")


Visit = Callable[[Entry, Optional[Read], Budget], None]


def walk(file: BinaryIO, bundle_type: str, visit: Visit) -> _Walked:
    """Visit every entry after checking it. Whatever is wrong with the archive is an ArchiveError."""
    budget = Budget(file.seek(0, os.SEEK_END))
    file.seek(0)
    form: Any = zip_reader() if is_zip(file, bundle_type) else tar_reader()
    seen = _Seen()
    links: Dict[str, str] = {}
    try:
        for entry, read in form.walk(file, bundle_type, budget):
            _check(entry, seen)
            _check_parents(entry, seen)
            seen.add(entry)
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
    prefix = seen.prefix()
    steps = 0
    for path in links:
        steps += _followed(path, links, prefix.rstrip("/"))[1]
        if steps > MAX_LINK_STEPS:
            raise ArchiveError("has links that lead through more than {} folders".format(MAX_LINK_STEPS))
    return _Walked(links, prefix, {})


class _Seen:
    """What came of an archive, as far as it matters to what comes next."""

    def __init__(self) -> None:
        self.flags = Flags()  # by path: what it is, or that something lies below it
        self.entries = 0
        self._top = ""
        self._has_one_top, self._has_appspec = True, False

    def add(self, entry: Entry) -> None:
        self.entries += not self.flags.get(entry.path) & ~_ABOVE
        self.flags.add(entry.path, _KINDS[entry.kind])
        if self._has_one_top and entry.path:
            top, _, below = entry.path.partition("/")
            self._has_one_top = not self._top or self._top == top
            self._top = top
            self._has_appspec |= "/" not in below and "appspec" in below.lower()

    def kind(self, path: str) -> str:
        """What came as it; "" when nothing did."""
        flags = self.flags.get(path) & ~_ABOVE
        return next((kind for kind, flag in _KINDS.items() if flags == flag), "")

    def prefix(self) -> str:
        """Of the one folder that holds everything, when an AppSpec lies in it."""
        return self._top + "/" if self._has_one_top and self._has_appspec else ""


def _check(entry: Entry, seen: _Seen) -> None:
    """Refuse what leaves the root, comes twice as different things, or cannot be a name."""
    if seen.entries >= MAX_ENTRIES:
        raise ArchiveError("has more than {} entries".format(MAX_ENTRIES))
    if not entry.path and entry.kind != "directory":
        raise ArchiveError("has a {} without a name".format(entry.kind))
    path = entry.path
    size = len(path) if path.isascii() else len(os.fsencode(path))
    if size > _MAX_PART_BYTES and max(map(len, os.fsencode(path).split(b"/"))) > _MAX_PART_BYTES:
        raise ArchiveError("entry {!r} has a name longer than {} bytes".format(path, _MAX_PART_BYTES))
    if path.count("/") >= _MAX_DEPTH or size >= _MAX_PATH_BYTES:
        what = "entry {!r} has a path longer than {} bytes or {} folders"
        raise ArchiveError(what.format(path, _MAX_PATH_BYTES, _MAX_DEPTH))
    if entry.target and len(os.fsencode(entry.target)) > MAX_LINK_BYTES:
        raise ArchiveError("entry {!r} is a link with a target that is too long".format(path))
    if entry.kind == "symlink" and (not entry.target or "\0" in entry.target):
        raise ArchiveError("entry {!r} is a link to nothing that has a name".format(entry.path))
    before = seen.flags.get(path) & ~_ABOVE
    if before and before != _KINDS[entry.kind]:
        raise ArchiveError("entry {!r} comes twice, as {} and as {}".format(path, seen.kind(path), entry.kind))
    if entry.kind == "hardlink" and seen.kind(entry.target) != "file":
        raise ArchiveError("entry {!r} is a hard link to {!r}, no file before it".format(path, entry.target))


def _check_parents(entry: Entry, seen: _Seen) -> None:
    """Nothing may lie below a file or a link: it would be written somewhere else."""
    path, flags = entry.path, seen.flags
    if entry.kind != "directory" and flags.get(path) & _ABOVE:
        raise ArchiveError("entry {!r} is a {}, but there are entries below it".format(path, entry.kind))
    parent = path.rpartition("/")[0]
    while parent and not flags.get(parent) & _ABOVE:
        if seen.kind(parent) not in ("", "directory"):
            raise ArchiveError("entry {!r} lies below {!r}, which is a {}".format(path, parent, seen.kind(parent)))
        flags.add(parent, _ABOVE)
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


def chunks(body: IO[bytes], path: str, budget: Budget) -> Iterator[bytes]:
    """A file's content, never more than the budget allows, whatever its header says."""
    while True:
        chunk = body.read(CHUNK)
        if not chunk:
            return
        budget.spend(len(chunk), path)
        yield chunk
