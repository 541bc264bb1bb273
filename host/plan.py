"""Install's plan: what is made where, decided before anything on the host changes. Pure: views in, instructions out.

Source: AppSpec "files" and "permissions" sections; the agent's installer.rb and install_instruction.rb.
"""

import posixpath
import re
from typing import Callable, Dict, List, NamedTuple, Optional, Set, Tuple

from host.appspec import AppSpec, FileExistsBehavior, ObjectType, Permission
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
    """Everything that Install makes, folders before what is in them, and the permissions of it, in order."""

    makes: Tuple[Make, ...]
    permissions: Tuple[Tuple[Make, Permission], ...]


Tree = Callable[[str], Optional[List[Listed]]]  # a source and everything below it; None when there is none
Standing = Callable[[str], str]  # what stands at a path once the previous installation is gone: directory, file, ""


def plan(appspec: AppSpec, tree: Tree, standing: Standing, behavior: FileExistsBehavior) -> Plan:
    """Raises Failed for what cannot be: conflicts within the revision and with the host, permissions given twice."""
    wanted: Dict[str, Make] = {}
    for number, entry in enumerate(appspec.files):
        listed = tree(entry.source)
        if listed is None:
            message = "files[{}].source: the revision has no {!r}{}"
            meant = why_missing(entry.source, ())
            raise Failed("APPSPEC", message.format(number, entry.source, ": " + meant if meant else ""))
        for make in _contents(entry.source, entry.destination, listed):
            _add(wanted, make)
    makes: Dict[str, Make] = {}
    for make in wanted.values():
        _add_missing_folders(folder_of(make.destination), wanted, makes, standing)
        if make.kind == "directory":
            _add_missing_folders(make.destination, wanted, makes, standing)
        elif _goes_there(make, standing(make.destination), behavior):
            makes[make.destination] = make
    return Plan(tuple(makes.values()), tuple(_permissions(appspec, makes)))


def folder_of(path: str) -> str:
    """Of an absolute, normalized path, as posixpath.dirname has it, and several times as fast."""
    return path[: path.rindex("/")] or "/"


def _contents(source: str, destination: str, listed: List[Listed]) -> List[Make]:
    """A folder's contents go into the destination; a file goes into it under its own name."""
    top = listed[0]
    if top.kind != "directory":
        return [Make(posixpath.join(destination, posixpath.basename(source)), top.kind, top.path, top.size)]
    prefix = source + "/" if source else ""
    into, cut = destination.rstrip("/") + "/", len(prefix)
    makes = [Make(into + path[cut:], kind, path, size) for path, kind, size in listed[1:]]
    return [Make(destination, "directory", source), *makes]


def _add(wanted: Dict[str, Make], make: Make) -> None:
    path = make.destination
    if "/" + PARTIAL in path:
        raise Failed("CONFLICT", "files: no name may begin with {}, which is Install's own: {}".format(PARTIAL, path))
    if 4 * len(path) > _MAX_PATH_BYTES and len(path.encode("utf-8", "surrogateescape")) > _MAX_PATH_BYTES:
        raise Failed("APPSPEC", "files: a path has more than {} bytes: {}".format(_MAX_PATH_BYTES, path))
    before = wanted.setdefault(make.destination, make)
    if before is not make and not before.kind == make.kind == "directory":
        message = "The deployment specifies two source files named {} and {} for the same destination {}"
        raise Failed("CONFLICT", message.format(before.source, make.source, make.destination))


def _add_missing_folders(path: str, wanted: Dict[str, Make], makes: Dict[str, Make], standing: Standing) -> None:
    """The folder and those above it that are not there, from the top."""
    missing = []
    while path not in makes and standing(path) != "directory":
        if standing(path):
            raise Failed("CONFLICT", "{} is there and is no folder: a folder should go there".format(path))
        if path in wanted and wanted[path].kind != "directory":
            raise Failed("CONFLICT", "The deployment specifies {} both as a file and as a folder".format(path))
        missing.append(path)
        path = folder_of(path)
    if path in makes and makes[path].kind != "directory":
        raise Failed("CONFLICT", "The deployment specifies {} both as a file and as a folder".format(path))
    for folder in reversed(missing):
        makes[folder] = Make(folder, "directory")


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


def _permissions(appspec: AppSpec, makes: Dict[str, Make]) -> List[Tuple[Make, Permission]]:
    """Which permissions apply to what this deployment makes.

    Never to the object folder itself, to what was there before, or to what was retained.
    """
    matched: Set[str] = set()
    ordered: List[Tuple[Make, Permission]] = []
    for permission in appspec.permissions:
        for make in makes.values():
            kind = ObjectType.DIRECTORY if make.kind == "directory" else ObjectType.FILE
            if make.kind == "symlink" or kind not in permission.types or not _applies(permission, make):
                continue
            path = make.destination
            if path in matched:
                raise Failed("APPSPEC", "the permissions setting for ({}) is specified more than once".format(path))
            if kind is ObjectType.FILE and any(entry.default for entry in permission.acls):
                raise Failed("APPSPEC", "{}.acls: {} is a file: only folders take default entries".format(
                    permission.place, path))  # fmt: skip
            matched.add(path)
            ordered.append((make, permission))
    return ordered


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
