"""What an AppSpec file of an EC2/on-premises revision says. host/grammar.py reads it."""

from __future__ import annotations

import posixpath
from enum import Enum
from typing import Iterable, List, Mapping, NamedTuple, Optional, Tuple

from host.lifecycle import LifecycleEvent

DEFAULT_NAME = "appspec.yml"
EVENT_SECONDS = 3600  # what the hooks of one lifecycle event may take together


class FileExistsBehavior(str, Enum):
    """What Install does with a file that it did not put there and that is in its way."""

    DISALLOW = "DISALLOW"  # fail
    OVERWRITE = "OVERWRITE"
    RETAIN = "RETAIN"  # keep the file that is there


class ObjectType(str, Enum):
    FILE = "file"
    DIRECTORY = "directory"


class FileMapping(NamedTuple):
    source: str  # relative to the archive's root, normalized; "" is the whole revision
    destination: str  # absolute, normalized; always a directory


class AclEntry(NamedTuple):
    kind: str  # user, group, mask, other
    name: str  # "" for mask, other and the base entries of a default ACL
    permissions: str  # three of "rwx-"
    default: bool = False

    def __str__(self) -> str:
        """As setfacl reads it."""
        return f"{'default:' if self.default else ''}{self.kind}:{self.name}:{self.permissions}"


class SecurityContext(NamedTuple):
    """SELinux labels."""

    type: str
    user: Optional[str] = None
    range: Optional[str] = None


class Permission(NamedTuple):
    object: str  # absolute, normalized
    pattern: str = "**"  # ** is everything below; otherwise a glob of direct children in which * is the only wildcard
    exceptions: Tuple[str, ...] = ()  # `except`: such globs
    types: Tuple[ObjectType, ...] = (ObjectType.FILE, ObjectType.DIRECTORY)
    owner: Optional[str] = None
    group: Optional[str] = None
    mode: Optional[int] = None
    acls: Tuple[AclEntry, ...] = ()
    context: Optional[SecurityContext] = None
    place: str = ""  # `permissions[2]`, for messages


class Hook(NamedTuple):
    location: str  # as the AppSpec says it, relative to the archive's root
    timeout: int = EVENT_SECONDS  # seconds
    runas: Optional[str] = None
    sudo: bool = False


class Problem(NamedTuple):
    line: int  # from 1
    column: int  # from 1
    field: str  # hooks.AfterInstall[0].timeout; "" for the whole file
    message: str  # what is wrong and what is allowed

    def __str__(self) -> str:
        return f"{self.line}:{self.column}: {self.field + ': ' if self.field else ''}{self.message}"


class AppSpec(NamedTuple):
    files: Tuple[FileMapping, ...]
    permissions: Tuple[Permission, ...]
    hooks: Mapping[LifecycleEvent, Tuple[Hook, ...]]
    file_exists_behavior: Optional[FileExistsBehavior]  # None: the deployment's
    warnings: Tuple[Problem, ...] = ()

    def below(self, prefix: str) -> "AppSpec":
        """The same with every destination and object below a folder."""
        if not prefix:
            return self
        return self._replace(
            files=tuple(entry._replace(destination=_below(prefix, entry.destination)) for entry in self.files),
            permissions=tuple(entry._replace(object=_below(prefix, entry.object)) for entry in self.permissions),
        )


class AppSpecError(Exception):
    """The file breaks the grammar: `problems`, in the order of the file; str() is one line for each."""

    def __init__(self, problems: Iterable[Problem], name: str = DEFAULT_NAME) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: (problem.line, problem.column)))
        super().__init__("\n".join(f"{name}:{problem}" for problem in self.problems))


def _below(folder: str, path: str) -> str:
    return posixpath.normpath(folder.rstrip("/") + path)


def names_of(filename: str) -> List[str]:
    """Where the AppSpec may be, in order. The agent looks so in Install only, and then fails at the hooks.

    >>> names_of("appspec.yml")
    ['appspec.yml', 'appspec.yaml']
    """
    return list(dict.fromkeys((filename, "appspec.yaml", "appspec.yml")))
