"""How a host stands, for the engine that asks: what is installed, how far a deployment came, what has changed since.

host/step.py puts these lines into a document of its own, in single quotes, so that there are none here. Its arguments
are what the document lets through: the ids of the deployment group and of a deployment. It only reads: it needs
neither a runner nor a signature, and it holds up no deployment. What is told of it is decided by the engine
(functions/core/end_state.py). Exit status 3: this Python is too old, another one may do.
"""

import sys

if sys.version_info < (3, 7):
    sys.exit(3)

import hashlib
import json
import os
import re
import stat
from typing import Any, Dict, Iterator, List, Optional, Set, Tuple

LINE_BYTES = 2300  # SSM shows 2,500 characters of a step
SHOWN = 8  # paths
PATH_CHARACTERS = 120
_CHUNK = 1024 * 1024
_GENTLE = 10  # of nice: the application goes first


class Damaged(Exception):
    """A record that cannot be read."""


def look(root: str, group: str, deployment: str) -> Dict[str, Any]:
    """What is known of the group on this host, and of one deployment of it."""
    folder = os.path.join(root, "deployment-root")
    notes = os.path.join(folder, "deployment-instructions", group)
    told: Dict[str, Any] = {"stepdeploy": 1, "event": "Verify", "group": group, "deployment": deployment}
    is_busy = _is_busy(root)
    try:
        told["events"] = _events(os.path.join(folder, group, deployment, "journal.json"))
        last = _text(notes + "_last_successful_install")
        told["installed"] = last and os.path.basename(last)
        # Between the begin and the end of an Install there is no seal, and the list grows.
        told["isWhole"] = os.path.exists(notes + "-cleanup.sha256") or not _text(notes + "-cleanup")
        if last:
            told.update(_compared(last))
    except (Damaged, OSError) as error:
        told["trouble"] = str(error)[:300]
    told["isBusy"] = is_busy or _is_busy(root)
    return told


def _is_busy(root: str) -> bool:
    """Whether a deployment has the host. Its lock is not tried: whoever wants it must not find it taken."""
    holder = re.search(" process ([0-9]+)", _text(os.path.join(root, "lock")) or "")
    is_begun = os.path.exists(os.path.join(root, "segment", "mark"))
    return is_begun and holder is not None and os.path.exists("/proc/" + holder[1])


def _events(path: str) -> Dict[str, str]:
    """How the events of a deployment ended here; none where it did nothing."""
    found = {}
    try:
        for event, each in json.loads(_text(path) or "{}").items():
            report = each.get("report")
            found[event] = "Succeeded" if report and report["may_continue"] else "Failed" if report else "Interrupted"
    except (ValueError, AttributeError, TypeError, KeyError) as error:
        raise Damaged("{} is damaged".format(path)) from error
    return found


def _text(path: str) -> Optional[str]:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read().strip()
    except FileNotFoundError:
        return None


def _compared(deployment: str) -> Dict[str, Any]:
    """The files that an Install made, held against what it has on record; nothing where it has nothing."""
    path = os.path.join(deployment, "manifest.jsonl")
    if not os.path.exists(path):  # of a version that kept none
        return {}
    journal = os.path.join(deployment, "journal.json")
    host = Host(os.stat(journal if os.path.exists(journal) else path).st_mtime)
    _check_whole(path)
    for entry in _entries(path):
        host.compare(entry)
    host.find_added()
    return {"files": len(host.known), "counts": host.counts, "paths": host.paths}


def _check_whole(path: str) -> None:
    """The last line has the sha256 of all before it."""
    digest, last = hashlib.sha256(), b""
    with open(path, "rb") as file:
        for line in file:
            digest.update(last)
            last = line
    if last != json.dumps(["end", digest.hexdigest()]).encode() + b"\n":
        raise Damaged("{} is damaged".format(path))


def _entries(path: str) -> Iterator[List[Any]]:
    with open(path, encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


class Host:
    """What stands on the host. A change that is not newer than `since`, the end of the last event of the deployment, is
    of the deployment itself: scripts configure what was installed."""

    def __init__(self, since: float) -> None:
        self.since = since
        self.known: Set[int] = set()  # hashes of paths, of which there may be many
        self.folders: List[str] = []
        self.counts = dict.fromkeys(("changed", "missing", "added", "permissions", "byScripts"), 0)
        self.paths: List[Tuple[str, str]] = []

    def compare(self, entry: List[Any]) -> None:
        kind, path = entry[:2]
        if kind == "end":
            return
        if kind == "permission":
            self._compare_permission(path, *entry[2:])
        elif hash(path) not in self.known:  # what a process of Install did twice is there twice
            self.known.add(hash(path))
            if kind == "directory":
                self.folders.append(path)
            self._compare_content(kind, path, *entry[2:])

    def _compare_content(self, kind: str, path: str, value: str = "") -> None:
        try:
            status = os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            self._differs("missing", path, _changed_above(path))
            return
        if not _is_as_installed(kind, path, value, status.st_mode):
            self._differs("changed", path, status.st_ctime)

    def _compare_permission(self, path: str, mode: Optional[int], user: int, group: int) -> None:
        try:
            status = os.stat(path)
        except OSError:
            return  # it is missing, or another kind
        is_mode = mode is None or stat.S_IMODE(status.st_mode) == mode
        if not is_mode or user not in (-1, status.st_uid) or group not in (-1, status.st_gid):
            self._differs("permissions", path, status.st_ctime)

    def find_added(self) -> None:
        """In the folders that Install made."""
        for folder in self.folders:
            try:
                with os.scandir(folder) as entries:
                    for entry in entries:
                        if hash(entry.path) not in self.known:
                            self._differs("added", entry.path, entry.stat(follow_symlinks=False).st_ctime)
            except OSError:
                continue  # it is missing, or no folder any more

    def _differs(self, how: str, path: str, at: float) -> None:
        if at <= self.since:
            self.counts["byScripts"] += 1
            return
        self.counts[how] += 1
        if len(self.paths) < SHOWN:
            self.paths.append((how, path[:PATH_CHARACTERS]))


def _is_as_installed(kind: str, path: str, value: str, mode: int) -> bool:
    try:
        if kind == "symlink":
            return stat.S_ISLNK(mode) and os.readlink(path) == value
        if kind == "directory":
            return os.path.isdir(path)
        return stat.S_ISREG(mode) and _sum(path) == value
    except OSError:  # what cannot be read is not as it was
        return False


def _sum(path: str) -> str:
    digest = hashlib.sha256()
    with open(path, "rb", buffering=0) as file:
        for chunk in iter(lambda: file.read(_CHUNK), b""):
            digest.update(chunk)
    return digest.hexdigest()


def _changed_above(path: str) -> float:
    """When the nearest folder above it that is there was changed last."""
    while True:
        path = os.path.dirname(path)
        try:
            return os.stat(path).st_ctime
        except OSError:
            if path == "/":
                raise


def line(told: Dict[str, Any]) -> str:
    """At most as long as SSM shows."""
    while len(json.dumps(told)) > LINE_BYTES and told.get("paths"):
        told["paths"].pop()
    return json.dumps(told)


if __name__ == "__main__":
    os.nice(_GENTLE)
    _, group_id, deployment_id = sys.argv
    print(line(look(os.environ.get("STEPDEPLOY_ROOT") or "/opt/stepdeploy", group_id, deployment_id)))
