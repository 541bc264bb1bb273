"""Install: the previous installation's files go, the new ones come, and both are on record at every moment.

Order and files are the reference agent's (installer.rb): the cleanup file names what is installed, each path before it
is made, and is read backwards by the next Install. Differences: conflicts and free space are checked before anything is
removed, and every file is written beside its final name and renamed. Interrupted, it is simply run again: what it had
made is in the cleanup file.
"""

import json
import os
import shutil
import subprocess
import tempfile
from typing import IO, Callable, Dict, List, Sequence, Set

from host.appspec import AppSpec, Permission
from host.layout import Layout, write_atomically
from host.plan import Copy, Listed, permissions_of, plan
from host.report import Failed


def install(appspec: AppSpec, behavior: str, layout: Layout) -> None:
    """Replace the group's previous installation by the unpacked revision. Raises Failed and OSError."""
    behavior = appspec.file_exists_behavior or behavior
    copies = plan(appspec, _listing(layout.archive))
    previous = _read_cleanup(layout.cleanup)
    _check_existing(copies, behavior, set(previous))
    _check_space(copies, previous)
    _remove(previous)
    write_atomically(layout.cleanup, b"")
    kept = [copy for copy in copies if not (behavior == "RETAIN" and _stands_in_the_way(copy))]
    write_atomically(layout.install, json.dumps({"instructions": [copy.__dict__ for copy in kept]}).encode())
    with open(layout.cleanup, "a") as record:
        made = _Maker(layout.archive, record)
        for copy in kept:
            made.make(copy)
        for path, permission in permissions_of(appspec, made.files, made.directories):
            _apply(path, permission)
    layout.mark_successful()


class _Maker:
    """Makes what the plan says, each path on record first."""

    def __init__(self, archive: str, record: IO[str]) -> None:
        self.archive = archive
        self.record = record
        self.files: List[str] = []
        self.directories: List[str] = []

    def make(self, copy: Copy) -> None:
        if copy.kind == "directory":
            self._directory(copy.destination)
            return
        self._directory(os.path.dirname(copy.destination))
        self._write_down(copy.destination)
        source = os.path.join(self.archive, copy.source)
        if copy.kind == "symlink":
            _replace_by(copy.destination, lambda partial: os.symlink(os.readlink(source), partial))
        else:
            _replace_by(copy.destination, lambda partial: shutil.copy2(source, partial))
            self.files.append(copy.destination)

    def _directory(self, path: str) -> None:
        """A folder and its parents; only those that are made here are on record."""
        if os.path.isdir(path):
            return
        if os.path.lexists(path):
            raise Failed("CONFLICT", "{} is there and is no folder".format(path))
        parent = os.path.dirname(path)
        if parent != path:
            self._directory(parent)
        os.mkdir(path)
        self._write_down(path)
        self.directories.append(path)

    def _write_down(self, path: str) -> None:
        self.record.write(json.dumps(path) + "\n")
        self.record.flush()


def _replace_by(path: str, make: Callable[[str], object]) -> None:
    """Make a file beside its final name and rename it: under its name it is whole, or as it was."""
    folder = os.path.dirname(path)
    handle, partial = tempfile.mkstemp(dir=folder, prefix=".stepdeploy-")
    os.close(handle)
    os.unlink(partial)
    try:
        make(partial)
        os.replace(partial, path)
    except BaseException:
        if os.path.lexists(partial):
            os.unlink(partial)
        raise


def _listing(archive: str) -> Dict[str, Listed]:
    """Everything in the unpacked revision, by its path in it."""
    found: Dict[str, Listed] = {}
    for folder, directories, files in os.walk(archive):
        for name in directories + files:
            path = os.path.join(folder, name)
            inside = os.path.relpath(path, archive)
            if os.path.islink(path):
                found[inside] = Listed("symlink")
            elif os.path.isdir(path):
                found[inside] = Listed("directory")
            else:
                found[inside] = Listed("file", os.path.getsize(path))
    return found


def _read_cleanup(path: str) -> List[str]:
    """What the last Install put on the host, in its order. A last line that a crash cut off names nothing yet made."""
    try:
        with open(path) as file:
            lines = file.read().split("\n")[:-1]
    except FileNotFoundError:
        return []
    return [str(json.loads(line)) for line in lines]


def _remove(paths: Sequence[str]) -> None:
    """Backwards: files and links; folders only when nothing is left in them."""
    for path in reversed(paths):
        if os.path.isdir(path) and not os.path.islink(path):
            try:
                os.rmdir(path)
            except OSError:
                continue  # something of the user's is in it
        elif os.path.lexists(path):
            os.unlink(path)


def _stands_in_the_way(copy: Copy) -> bool:
    return copy.kind != "directory" and os.path.lexists(copy.destination)


def _check_existing(copies: Sequence[Copy], behavior: str, previous: Set[str]) -> None:
    for copy in copies:
        if not _stands_in_the_way(copy) or copy.destination in previous:
            continue
        if os.path.isdir(copy.destination) and not os.path.islink(copy.destination):
            raise Failed("CONFLICT", "{} is there and is a folder: a file should go there".format(copy.destination))
        if behavior == "DISALLOW":
            raise Failed(
                "CONFLICT",
                "The deployment failed because a specified file already exists at this location: {}".format(
                    copy.destination
                ),
            )


def _check_space(copies: Sequence[Copy], previous: Sequence[str]) -> None:
    """Every file system must hold what goes to it, counting what is removed first."""
    needed: Dict[int, int] = {}
    folders: Dict[int, str] = {}
    for copy in copies:
        folder = _existing_parent(copy.destination)
        device = os.stat(folder).st_dev
        folders[device] = folder
        needed[device] = needed.get(device, 0) + copy.size
    for path in previous:
        if os.path.isfile(path) and not os.path.islink(path):
            status = os.stat(path)
            needed[status.st_dev] = needed.get(status.st_dev, 0) - status.st_size
    for device, folder in folders.items():
        disk = os.statvfs(folder)
        free = disk.f_bavail * disk.f_frsize
        if needed[device] > free:
            message = "{} has {} bytes free, {} are needed: nothing was changed".format(folder, free, needed[device])
            raise Failed("DISK", message)


def _existing_parent(path: str) -> str:
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    return path


def _apply(path: str, permission: Permission) -> None:
    """Mode, ACL, SELinux context and owner, in the agent's order."""
    if permission.mode is not None:
        os.chmod(path, permission.mode)
    if permission.acls:
        _tool("setfacl", "--set", ",".join(_acl(path, permission.acls)), path)
    if permission.context:
        context = permission.context
        user = ["-s", context["user"]] if context.get("user") else []
        level = ["-r", context["range"]] if context.get("range") else []
        _tool("semanage", "fcontext", "-a", *user, "-t", context["type"], *level, os.path.realpath(path))
        _tool("restorecon", "-v", os.path.realpath(path))
    if permission.owner or permission.group:
        try:
            shutil.chown(path, permission.owner or None, permission.group or None)  # type: ignore[arg-type]
        except LookupError as error:
            raise Failed("APPSPEC", "permissions: {}".format(error)) from error


def _acl(path: str, entries: Sequence[str]) -> List[str]:
    """The whole ACL that setfacl wants: the file's own three entries come from its mode."""
    mode = os.stat(path).st_mode
    own = ["{}::{}".format(kind, (mode >> shift) & 7) for kind, shift in (("user", 6), ("group", 3), ("other", 0))]
    return [*own, *entries]


def _tool(*command: str) -> None:
    try:
        ran = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    except FileNotFoundError as error:
        raise Failed("APPSPEC", "permissions: the host has no {}".format(command[0])) from error
    if ran.returncode:
        raise Failed("APPSPEC", "permissions: {}: {}".format(" ".join(command), ran.stdout.decode(errors="replace")))
