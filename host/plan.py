"""Install's plan: what is made where, decided before anything on the host changes. Pure: views in, instructions out.

Source: AppSpec "files" and "permissions" sections; the agent's installer.rb and install_instruction.rb.
"""

import posixpath
import re
from typing import Callable, Iterable, Iterator, NamedTuple, Optional, Tuple

from host.appspec import AppSpec, FileExistsBehavior, ObjectType, Permission
from host.compact import Flags, Packed
from host.forms import why_missing
from host.report import Failed

PARTIAL = ".stepdeploy-partial"  # begins the names that Install gives to what it has not yet written to its end
_MAX_PATH_BYTES = 4000  # the kernel takes 4,095, with such a name at its end


class Listed(NamedTuple):
    """One entry of the unpacked revision; links to folders are listed as folders."""

    path: str  # relative to the revision's root
    kind: str  # file, directory or symlink
    size: int = 0


class Make(NamedTuple):
    """One thing that Install makes on the host; `source` is relative to the revision, "" for a bare folder."""

    destination: str
    kind: str
    source: str = ""
    size: int = 0


class Plan(NamedTuple):
    """Everything that Install makes, folders before what is in them, and the permissions of paths in it, in order."""

    makes: "Packed[Make]"
    permissions: "Packed[Tuple[str, Permission]]"


Tree = Callable[[str], Optional[Iterable[Listed]]]  # a source and everything below it; None when there is none
Standing = Callable[[str], str]  # what stands at a path once the previous installation is gone: directory, file, ""
# What is known of a path: what the revision wants there, and what the plan has there already.
_FOLDER, _NO_FOLDER, _MADE, _HAS_PERMISSION = 1, 2, 4, 8


def plan(appspec: AppSpec, tree: Tree, standing: Standing, behavior: FileExistsBehavior) -> Plan:
    """Raises Failed for what cannot be: conflicts within the revision and with the host, permissions given twice."""
    wanted, makes, known = Packed(Make._make), Packed(Make._make), Flags()
    for number, entry in enumerate(appspec.files):
        listed = tree(entry.source)
        if listed is None:
            message = "files[{}].source: the revision has no {!r}{}"
            meant = why_missing(entry.source, ())
            raise Failed("APPSPEC", message.format(number, entry.source, ": " + meant if meant else ""))
        for make in _contents(entry.source, entry.destination, listed):
            _add(wanted, known, make)
    last = ""  # folder that is there or made: what comes next is mostly in it, too
    for make in wanted:
        folder = make.destination if make.kind == "directory" else folder_of(make.destination)
        if folder != last:
            _add_missing_folders(folder_of(make.destination), makes, known, standing)
            if make.kind == "directory":
                _add_missing_folders(folder, makes, known, standing)
            last = folder
        if make.kind != "directory" and _goes_there(make, standing(make.destination), behavior):
            makes.append(make)
            known.add(make.destination, _MADE)
    return Plan(makes, _permissions(appspec, makes, known))


def folder_of(path: str) -> str:
    """Of an absolute, normalized path, as posixpath.dirname has it, and several times as fast."""
    return path[: path.rindex("/")] or "/"


def _contents(source: str, destination: str, listed: Iterable[Listed]) -> Iterator[Make]:
    """A folder's contents go into the destination; a file goes into it under its own name."""
    entries = iter(listed)
    top = next(entries)
    if top.kind != "directory":
        yield Make(posixpath.join(destination, posixpath.basename(source)), top.kind, top.path, top.size)
        return
    yield Make(destination, "directory", source)
    into, cut = destination.rstrip("/") + "/", len(source + "/" if source else "")
    for path, kind, size in entries:
        yield Make(into + path[cut:], kind, path, size)


def _add(wanted: "Packed[Make]", known: Flags, make: Make) -> None:
    path = make.destination
    if "/" + PARTIAL in path:
        raise Failed("CONFLICT", "files: no name may begin with {}, which is Install's own: {}".format(PARTIAL, path))
    if 4 * len(path) > _MAX_PATH_BYTES and len(path.encode("utf-8", "surrogateescape")) > _MAX_PATH_BYTES:
        raise Failed("APPSPEC", "files: a path has more than {} bytes: {}".format(_MAX_PATH_BYTES, path))
    before, kind = known.get(path), _FOLDER if make.kind == "directory" else _NO_FOLDER
    if not before:
        wanted.append(make)
        known.add(path, kind)
    elif not before == kind == _FOLDER:
        source = next(each.source for each in wanted if each.destination == path)
        message = "The deployment specifies two source files named {} and {} for the same destination {}"
        raise Failed("CONFLICT", message.format(source, make.source, path))


def _add_missing_folders(path: str, makes: "Packed[Make]", known: Flags, standing: Standing) -> None:
    """The folder and those above it that are not there, from the top."""
    missing = []
    while not known.get(path) & _MADE and standing(path) != "directory":
        if standing(path):
            raise Failed("CONFLICT", "{} exists and is not a folder: a folder should go there".format(path))
        if known.get(path) & _NO_FOLDER:
            raise Failed("CONFLICT", "The deployment specifies {} both as a file and as a folder".format(path))
        missing.append(path)
        path = folder_of(path)
    if known.get(path) & (_MADE | _NO_FOLDER) == _MADE | _NO_FOLDER:
        raise Failed("CONFLICT", "The deployment specifies {} both as a file and as a folder".format(path))
    for folder in reversed(missing):
        makes.append(Make(folder, "directory"))
        known.add(folder, _MADE)


def _goes_there(make: Make, standing: str, behavior: FileExistsBehavior) -> bool:
    if not standing or standing == "dangling":
        return True
    if behavior is FileExistsBehavior.RETAIN:
        return False
    path = make.destination
    if behavior is FileExistsBehavior.DISALLOW:
        message = "The deployment failed because a specified file already exists at this location: {}"
        raise Failed("CONFLICT", message.format(path))
    if standing == "directory":
        raise Failed("CONFLICT", "{} is there and is a folder: a file should go there".format(path))
    return True


def _permissions(appspec: AppSpec, makes: "Packed[Make]", known: Flags) -> "Packed[Tuple[str, Permission]]":
    """Which permissions apply to what this deployment makes.

    Never to the object folder itself, to what was there before, or to what was retained.
    """
    ordered: "Packed[Tuple[str, Permission]]" = Packed(lambda item: _with_permission(appspec, *item))
    for number, permission in enumerate(appspec.permissions):
        for make in makes:
            kind = ObjectType.DIRECTORY if make.kind == "directory" else ObjectType.FILE
            if make.kind == "symlink" or kind not in permission.types or not _applies(permission, make):
                continue
            path = make.destination
            if known.get(path) & _HAS_PERMISSION:
                raise Failed("APPSPEC", "the permissions setting for ({}) is specified more than once".format(path))
            if kind is ObjectType.FILE and any(entry.default for entry in permission.acls):
                raise Failed("APPSPEC", "{}.acls: {} is a file: only folders take default entries".format(
                    permission.place, path))  # fmt: skip
            known.add(path, _HAS_PERMISSION)
            ordered.append((path, number))
    return ordered


def _with_permission(appspec: AppSpec, path: str, number: int) -> Tuple[str, Permission]:
    return path, appspec.permissions[number]


def _applies(permission: Permission, make: Make) -> bool:
    path = make.destination
    if path == permission.object:
        if make.kind != "directory" and (permission.pattern != "**" or permission.exceptions):
            message = "{}: {} is a file: it takes neither pattern nor except".format(permission.place, path)
            raise Failed("APPSPEC", message)
        return make.kind != "directory"
    prefix = permission.object.rstrip("/") + "/"
    if not path.startswith(prefix):
        return False
    name = path[len(prefix) :]
    matches = permission.pattern == "**" or _glob(permission.pattern, name)
    return matches and not any(_glob(pattern, name) for pattern in permission.exceptions)


def _glob(pattern: str, name: str) -> bool:
    """The agent's simple glob: `*` is the only wildcard, and only direct children match."""
    parts = (re.escape(part) for part in pattern.split("*"))
    return "/" not in name and re.match("(?s)^" + ".*".join(parts) + r"\Z", name) is not None
