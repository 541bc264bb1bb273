"""Install's plan: what goes where, decided before anything on the host changes. Pure: a listing in, instructions out.

Source: AppSpec "files" and "permissions" sections; the agent's installer.rb and install_instruction.rb.
"""

import posixpath
import re
from dataclasses import dataclass
from typing import Dict, Iterable, List, Mapping, Tuple

from host.appspec import AppSpec, Permission
from host.report import Failed


@dataclass(frozen=True)
class Listed:
    """One entry of the unpacked revision."""

    kind: str  # file, directory or symlink
    size: int = 0


@dataclass(frozen=True)
class Copy:
    """One thing that Install puts on the host; `source` is relative to the revision."""

    source: str
    destination: str
    kind: str
    size: int = 0


def plan(appspec: AppSpec, listing: Mapping[str, Listed]) -> List[Copy]:
    """Everything that Install copies, folders before what is in them. Raises Failed for conflicts in the revision."""
    copies: Dict[str, Copy] = {}
    for entry in appspec.files:
        for copy in _copies(entry.source, entry.destination, listing):
            _add(copies, copy)
    for copy in copies.values():
        for parent in _parents(copy.destination):
            above = copies.get(parent)
            if above is not None and above.kind != "directory":
                message = "The deployment specified {} as a file and as the folder of {}".format(
                    parent, copy.destination
                )
                raise Failed("CONFLICT", message)
    return list(copies.values())


def _copies(source: str, destination: str, listing: Mapping[str, Listed]) -> Iterable[Copy]:
    """A folder's contents go into the destination; a file goes into it under its own name."""
    found = Listed("directory") if not source else listing.get(source)
    if found is None:
        raise Failed("APPSPEC", "files: the revision has no {!r}".format(source))
    if found.kind != "directory":
        yield Copy(source, posixpath.join(destination, posixpath.basename(source)), found.kind, found.size)
        return
    yield Copy(source, destination, "directory")
    prefix = source + "/" if source else ""
    for path in sorted(listing):
        if path.startswith(prefix):
            each = listing[path]
            yield Copy(path, posixpath.join(destination, path[len(prefix) :]), each.kind, each.size)


def _add(copies: Dict[str, Copy], copy: Copy) -> None:
    before = copies.get(copy.destination)
    if before is None or (before.kind == copy.kind == "directory"):
        copies[copy.destination] = copy
        return
    raise Failed(
        "CONFLICT",
        "The deployment specifies two source files named {} and {} for the same destination {}".format(
            before.source, copy.source, copy.destination
        ),
    )


def permissions_of(appspec: AppSpec, files: Iterable[str], directories: Iterable[str]) -> List[Tuple[str, Permission]]:
    """Which permissions apply to what this deployment created, in the order of the AppSpec. Raises Failed.

    Never to the object folder itself, to what was there before, or to what was retained.
    """
    created = [(path, "file") for path in files] + [(path, "directory") for path in directories]
    found: Dict[str, Permission] = {}
    ordered: List[Tuple[str, Permission]] = []
    for permission in appspec.permissions:
        for path, kind in created:
            if kind in permission.type and _applies(permission, path, kind):
                if path in found:
                    raise Failed("APPSPEC", "the permissions setting for ({}) is specified more than once".format(path))
                found[path] = permission
                ordered.append((path, permission))
    return ordered


def _applies(permission: Permission, path: str, kind: str) -> bool:
    if path == permission.object:
        if kind == "file" and (permission.pattern != "**" or permission.except_):
            message = "permissions: {} is a file: it takes neither pattern nor except".format(path)
            raise Failed("APPSPEC", message)
        return kind == "file"
    prefix = permission.object.rstrip("/") + "/"
    if not path.startswith(prefix):
        return False
    name = path[len(prefix) :]
    matches = permission.pattern == "**" or _glob(permission.pattern, name)
    return matches and not any(_glob(pattern, name) for pattern in permission.except_)


def _glob(pattern: str, name: str) -> bool:
    """The agent's simple glob: `*` is the only wildcard, and only direct children match."""
    parts = (re.escape(part) for part in pattern.split("*"))
    return "/" not in name and re.match("(?s)^" + ".*".join(parts) + "$", name) is not None


def _parents(path: str) -> Iterable[str]:
    parent = posixpath.dirname(path)
    while parent not in ("/", ""):
        yield parent
        parent = posixpath.dirname(parent)
