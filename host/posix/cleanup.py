"""The cleanup file: what the group's last Install put on the host, how the host is without it, and its removal."""

import json
import os
import stat
import subprocess
from functools import lru_cache
from typing import Dict, FrozenSet, List, Optional, Tuple

from host.compact import Flags, Packed
from host.plan import PARTIAL, folder_of
from host.posix.shares import MOST
from host.report import Failed
from host.scripts import which

Previous = Packed[List[str]]
PARTIALS = [PARTIAL + ("-{}".format(share) if share else "") for share in range(MOST)]
SEMANAGE = "semanage"  # marks an entry that is a file context, not a path
_REMEMBERED = 64  # folders: what is asked for is mostly in the same ones
_YES = 1
_DAMAGED = (
    "{}, the list of what the last deployment installed here, is damaged at line {}: nothing was changed. Take the line"
    " out (sed -i {}d {}) and deploy again; what it named stays on the host, or is in the way until you remove it"
)


def read_cleanup(path: str) -> "Previous":
    """What the last Install put on the host, in its order: [path] or [semanage, path].

    JSON, so that a name may hold anything; a folder's ends with a slash. A last line that a crash cut off names nothing
    that was made. Raises Failed for a damaged line: what is not read would stay for ever.
    """
    previous: "Previous" = Packed(list)
    try:
        file = open(path, "rb")
    except FileNotFoundError:
        return previous
    with file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n") and line.startswith((b'"/'[: len(line)], b'["semanage"'[: len(line)])):
                break  # the beginning of a line of ours
            entry = _entry(line)
            if entry is None:
                raise Failed("ENGINE", _DAMAGED.format(path, number, number, path))
            previous.append(entry)
    return previous


def _entry(line: bytes) -> Optional[List[str]]:
    """None for a damaged line."""
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    entry = [entry] if isinstance(entry, str) else entry
    is_path = isinstance(entry, list) and len(entry) == 1 and str(entry[0]).startswith("/") and "\0" not in entry[0]
    is_context = isinstance(entry, list) and len(entry) == 2 and entry[0] == SEMANAGE and isinstance(entry[1], str)
    return entry if is_path or is_context else None


class AfterCleanup:
    """The host's files as they will be once the previous installation is gone."""

    def __init__(self, previous: "Previous") -> None:
        self.freed: Dict[int, Tuple[int, int]] = {}  # by device: bytes, entries
        self._gone = Flags()
        self._standing_names = lru_cache(maxsize=_REMEMBERED)(self._names)
        for entry in reversed(previous):
            if len(entry) > 1:
                continue
            path = entry[0].rstrip("/")
            try:
                status = os.lstat(path)
            except OSError:
                is_folder = False
            else:
                is_folder = stat.S_ISDIR(status.st_mode)
                size, count = self.freed.get(status.st_dev, (0, 0))
                size += status.st_size if stat.S_ISREG(status.st_mode) else 0
                self.freed[status.st_dev] = size, count + 1
            if self._empties(path) if is_folder else entry[0] == path:
                self._gone.add(path, _YES)

    def _empties(self, folder: str) -> bool:
        with os.scandir(folder) as entries:
            return all(entry.name in PARTIALS or self._gone.get(folder + "/" + entry.name) for entry in entries)

    def standing(self, path: str) -> str:
        """directory, file, dangling (a link to nothing), or "" for nothing."""
        if not self._may_stand(path) or self._gone.get(path):
            return ""
        if os.path.isdir(path):
            return "directory"
        if os.path.exists(path):
            return "file"
        return "dangling" if os.path.islink(path) else ""

    def _may_stand(self, path: str) -> bool:
        """By its folder's list of names, which is read once."""
        folder, name = folder_of(path), path[path.rindex("/") + 1 :]
        names = self._standing_names(folder)
        return not name or names is None or name in names

    def _names(self, folder: str) -> Optional[FrozenSet[str]]:
        """Of what stays in it; None where that cannot be known."""
        prefix = folder.rstrip("/") + "/"
        try:
            with os.scandir(folder) as entries:
                return frozenset(entry.name for entry in entries if not self._gone.get(prefix + entry.name))
        except (FileNotFoundError, NotADirectoryError):
            return frozenset()
        except OSError:
            return None


def is_folder(path: str) -> bool:
    """Whether it is one itself, not by way of a link."""
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except OSError:
        return False


def remove(previous: "Previous") -> None:
    """Backwards: files and links; folders only when nothing is left in them."""
    searched, last = Flags(), ""

    def search(folder: str) -> None:
        """For files that were never done."""
        nonlocal last
        if folder != last and not searched.get(folder):
            for partial in PARTIALS:
                unlink(folder + "/" + partial)
            searched.add(folder, _YES)
        last = folder

    for entry in reversed(previous):
        path = entry[-1].rstrip("/")
        if len(entry) > 1:
            if which(SEMANAGE):
                subprocess.run([SEMANAGE, "fcontext", "-d", path], stdin=subprocess.DEVNULL, capture_output=True)
            continue
        if entry[0] == path:
            search(folder_of(path))
            try:
                unlink(path)
                continue
            except IsADirectoryError:
                pass
        if is_folder(path):  # else it is the user's, in a folder's place
            search(path)
            try:
                os.rmdir(path)
            except OSError:
                pass  # something of the user's is in it


def unlink(path: str) -> None:
    """Remove it, unless it is not there."""
    try:
        os.unlink(path)
    except (FileNotFoundError, NotADirectoryError):
        pass
