"""Install: the previous installation's files go, the new ones come, and both are on record at every moment.

Order and files are the reference agent's (installer.rb): the cleanup file names what is installed, each path before it
is made, and is read backwards by the next Install. Differences: everything that can be known to fail is found before
anything is removed (conflicts, missing sources, unknown owners, free space), every file is written beside its final
name and renamed, and the owner is set before the mode, so that a setuid bit stays. Interrupted, it is simply run again:
what it had made is in the cleanup file.
"""

import errno
import grp
import json
import os
import pwd
import stat
import subprocess
from typing import IO, Dict, FrozenSet, List, Optional, Sequence, Set, Tuple

from host.appspec import AclEntry, AppSpec, FileExistsBehavior, Permission
from host.plan import PARTIAL, Listed, Make, Plan, folder_of, plan
from host.posix.copy import copy
from host.posix.layout import Layout, write_atomically
from host.posix.shares import MOST, share_out, shares_of
from host.posix.times import later_times
from host.report import Failed
from host.scripts import which

_PARTIALS = [PARTIAL + ("-{}".format(share) if share else "") for share in range(MOST)]
MAX_ENTRIES = 200_000  # of one source: links to folders can make few into many
_DAMAGED = (
    "{}, the list of what the last deployment installed here, is damaged at line {}: nothing was changed. Take the line"
    " out (sed -i {}d {}) and deploy again; what it named stays on the host, or is in the way until you remove it"
)
_NO_LIST = (
    "{}. A deployment of this group was installed here, but {}, the list of its files, is {}: if they are its files,"
    " remove them, or deploy once with fileExistsBehavior OVERWRITE"
)
_SEMANAGE = "semanage"  # marks a cleanup entry that is a file context, not a path


def install(appspec: AppSpec, behavior: FileExistsBehavior, layout: Layout) -> None:
    """Replace the group's previous installation by the unpacked revision. Raises Failed and OSError."""
    try:
        previous, decided = decide(appspec, behavior, layout.cleanup, layout.archive)
    except Failed as error:
        raise _with_lost_list(error, layout) from error
    instructions = ", ".join(json.dumps(make._asdict()) for make in decided.makes)  # one by one: there may be many
    write_atomically(layout.install, '{{"instructions": [{}]}}'.format(instructions).encode())
    times = later_times(decided.makes, layout.archive)
    _remove(previous)
    write_atomically(layout.cleanup, b"")
    with open(layout.cleanup, "ab", buffering=0) as record:
        for make in decided.makes:
            if make.kind == "directory":
                _make_folder(make.destination, record)
        files = [make for make in decided.makes if make.kind != "directory"]
        shares = shares_of(len(files))

        def make_share(share: int) -> None:
            for make in files[share::shares]:
                _make_file(make, layout.archive, record, _PARTIALS[share], times.get(make.destination))

        share_out(make_share, shares)
        for make, permission in decided.permissions:
            _apply(make.destination, permission, record)
    layout.mark_successful()


def _with_lost_list(error: Failed, layout: Layout) -> Failed:
    """A conflict with what may be the group's own: its list is empty or gone, although something was installed."""
    size = os.path.getsize(layout.cleanup) if os.path.exists(layout.cleanup) else None
    if error.cause != "CONFLICT" or size or layout.last_successful is None:
        return error
    return Failed("CONFLICT", _NO_LIST.format(error, layout.cleanup, "gone" if size is None else "empty"))


def decide(appspec: AppSpec, behavior: FileExistsBehavior, cleanup: str, archive: str) -> Tuple[List[List[str]], Plan]:
    """What Install removes (as the cleanup file has it) and what it makes of an unpacked revision; changes nothing.

    Raises Failed for whatever can be known to fail.
    """
    previous = _read_cleanup(cleanup)
    after = _AfterCleanup(previous)
    chosen = appspec.file_exists_behavior or behavior
    decided = plan(appspec, lambda source: tree(archive, source), after.standing, chosen)
    _check_permissions(decided)
    _check_access(decided, previous)
    _check_space(decided, previous)
    return previous, decided


def _make_folder(path: str, record: IO[bytes]) -> None:
    """On record first: a path that was never made costs the next Install nothing."""
    if not os.path.lexists(path):
        _write_down(record, path + "/")
    try:
        os.mkdir(path)
    except FileExistsError:  # the cleanup found something of the user's in it and left it
        if not os.path.isdir(path):
            raise


def _make_file(make: Make, archive: str, record: IO[bytes], partial_name: str, time: Optional[int]) -> None:
    """On record first, too, and never half-written under its name. `time` in nanoseconds, unless the archive's."""
    _write_down(record, make.destination)
    source = archive + "/" + make.source
    partial = folder_of(make.destination) + "/" + partial_name
    try:
        if make.kind == "symlink":
            _unlink(partial)
            os.symlink(os.readlink(source), partial)
        else:
            copy(source, partial, time)
        os.replace(partial, make.destination)
    except OSError as error:
        _discard(partial)
        place = source if error.filename == source else make.destination
        raise OSError(error.errno, error.strerror, place) from error
    except BaseException:
        _discard(partial)
        raise


def _write_down(record: IO[bytes], entry: object) -> None:
    """All of the line or an error: what is not wholly on record must not be made."""
    line = json.dumps(entry).encode() + b"\n"
    try:
        is_whole = record.write(line) == len(line)
    except OSError as error:
        raise OSError(error.errno, error.strerror, record.name) from error
    if not is_whole:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), record.name)


def _discard(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except (FileNotFoundError, NotADirectoryError):
        pass


def tree(archive: str, source: str) -> Optional[List[Listed]]:
    """What a source names and everything below it, folders before what is in them; None when there is no such path.

    A link to a folder is followed, a link to a file stays a link. Raises Failed for what leads out of the revision.
    """
    top = os.path.join(archive, source) if source else archive
    if not os.path.lexists(top):
        return None
    root = os.path.realpath(archive)
    if not os.path.isdir(top):
        _inside(os.path.dirname(top), root, source)
        return [_listed(source, os.lstat(top))]
    found: List[Listed] = []
    waiting: List[Tuple[str, str, FrozenSet[str]]] = [(source, _inside(top, root, source), frozenset())]
    while waiting:
        inside, real, above = waiting.pop()
        if real in above:
            raise Failed("APPSPEC", "files: {!r} links to a folder that it lies in".format(inside))
        found.append(Listed(inside, "directory"))
        below, prefix = above | {real}, inside + "/" if inside else ""
        with os.scandir(real) as entries:
            for entry in sorted(entries, key=_name, reverse=True):
                path = prefix + entry.name
                if entry.is_dir(follow_symlinks=False):
                    waiting.append((path, entry.path, below))
                elif entry.is_symlink() and os.path.isdir(entry.path):
                    waiting.append((path, _inside(entry.path, root, path), below))
                else:
                    found.append(_listed(path, entry.stat(follow_symlinks=False)))
        if len(found) > MAX_ENTRIES:
            raise Failed("APPSPEC", "files: {!r} has more than {} entries".format(source, MAX_ENTRIES))
    return found


def _name(entry: "os.DirEntry[str]") -> str:
    return entry.name


def _listed(inside: str, status: os.stat_result) -> Listed:
    if stat.S_ISLNK(status.st_mode):
        return Listed(inside, "symlink")
    if not stat.S_ISREG(status.st_mode):
        raise Failed("APPSPEC", "files: {!r} is a device, pipe or socket".format(inside))
    return Listed(inside, "file", status.st_size)


def _inside(path: str, root: str, inside: str) -> str:
    real = os.path.realpath(path)
    if real != root and not real.startswith(root + os.sep):
        raise Failed("APPSPEC", "files: {!r} leads out of the revision, to {}".format(inside, real))
    return real


def _read_cleanup(path: str) -> List[List[str]]:
    """What the last Install put on the host, in its order: [path] or [semanage, path].

    JSON, so that a name may hold anything; a folder's ends with a slash. A last line that a crash cut off names nothing
    that was made. Raises Failed for a damaged line: what is not read would stay for ever.
    """
    try:
        with open(path, "rb") as file:
            *lines, cut = file.read().split(b"\n")
    except FileNotFoundError:
        return []
    if cut and not cut.startswith((b'"/'[: len(cut)], b'["semanage"'[: len(cut)])):  # no beginning of a line of ours
        lines.append(cut)
    previous: List[List[str]] = []
    for number, line in enumerate(lines, 1):
        try:
            entry = json.loads(line)
        except ValueError:
            entry = None
        entry = [entry] if isinstance(entry, str) else entry
        is_path = isinstance(entry, list) and len(entry) == 1 and str(entry[0]).startswith("/") and "\0" not in entry[0]
        is_context = isinstance(entry, list) and len(entry) == 2 and entry[0] == _SEMANAGE and isinstance(entry[1], str)
        if not is_path and not is_context:
            raise Failed("ENGINE", _DAMAGED.format(path, number, number, path))
        previous.append(entry)
    return previous


class _AfterCleanup:
    """The host's files as they will be once the previous installation is gone."""

    def __init__(self, previous: Sequence[Sequence[str]]) -> None:
        self._gone: Set[str] = set()
        self._names: Dict[str, Optional[FrozenSet[str]]] = {}
        for entry in reversed(previous):
            path = entry[-1].rstrip("/")
            if len(entry) == 1 and (self._empties(path) if _is_folder(path) else entry[0] == path):
                self._gone.add(path)

    def _empties(self, folder: str) -> bool:
        return all(name in _PARTIALS or os.path.join(folder, name) in self._gone for name in os.listdir(folder))

    def standing(self, path: str) -> str:
        """directory, file, dangling (a link to nothing), or "" for nothing."""
        if path in self._gone or not self._may_stand(path):
            return ""
        if os.path.isdir(path):
            return "directory"
        if os.path.exists(path):
            return "file"
        return "dangling" if os.path.islink(path) else ""

    def _may_stand(self, path: str) -> bool:
        """By its folder's list of names, which is read once."""
        folder, name = folder_of(path), path[path.rindex("/") + 1 :]
        if folder not in self._names:
            try:
                self._names[folder] = frozenset(os.listdir(folder))
            except (FileNotFoundError, NotADirectoryError):
                self._names[folder] = frozenset()
            except OSError:
                self._names[folder] = None
        names = self._names[folder]
        return not name or names is None or name in names


def _is_folder(path: str) -> bool:
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except OSError:
        return False


def _remove(previous: Sequence[Sequence[str]]) -> None:
    """Backwards: files and links; folders only when nothing is left in them."""
    seen: Set[str] = set()
    for entry in reversed(previous):
        path = entry[-1].rstrip("/")
        if len(entry) > 1:
            if which(_SEMANAGE):
                subprocess.run([_SEMANAGE, "fcontext", "-d", path], stdin=subprocess.DEVNULL, capture_output=True)
            continue
        is_folder = _is_folder(path)
        folder = path if is_folder else folder_of(path)
        if folder not in seen:
            for partial in _PARTIALS:  # of files that were never done
                _unlink(folder + "/" + partial)
            seen.add(folder)
        if not is_folder:
            if entry[0] == path:  # what stands in a folder's place is the user's
                _unlink(path)
            continue
        try:
            os.rmdir(path)
        except OSError:
            pass  # something of the user's is in it


def _check_access(decided: Plan, previous: Sequence[Sequence[str]]) -> None:
    """Every folder that something comes into or goes from must be one that may be changed."""
    folders = set(map(_existing_parent, {folder_of(make.destination) for make in decided.makes}))
    folders.update(folder_of(entry[0]) for entry in previous if len(entry) == 1 and not entry[0].endswith("/"))
    for folder in sorted(folders):
        if os.path.isdir(folder) and not os.access(folder, os.W_OK | os.X_OK):
            number = errno.EROFS if os.statvfs(folder).f_flag & os.ST_RDONLY else errno.EACCES
            raise OSError(number, os.strerror(number), folder)


def _check_space(decided: Plan, previous: Sequence[Sequence[str]]) -> None:
    """Every file system must hold what goes to it, counting what is removed first."""
    into: Dict[str, Tuple[int, int]] = {}  # by folder: bytes, entries
    for make in decided.makes:
        folder = folder_of(make.destination)
        size, count = into.get(folder, (0, 0))
        into[folder] = (size + make.size, count + 1)
    needed: Dict[int, int] = {}
    entries: Dict[int, int] = {}
    folders: Dict[int, str] = {}
    for place, (size, count) in into.items():
        folder = _existing_parent(place)
        device = os.stat(folder).st_dev
        folders[device] = folder
        needed[device] = needed.get(device, 0) + size
        entries[device] = entries.get(device, 0) + count
    for entry in previous:
        try:
            status = os.lstat(entry[0].rstrip("/")) if len(entry) == 1 else None
        except OSError:
            continue
        if status:
            size = status.st_size if stat.S_ISREG(status.st_mode) else 0
            needed[status.st_dev] = needed.get(status.st_dev, 0) - size
            entries[status.st_dev] = entries.get(status.st_dev, 0) - 1
    for device, folder in folders.items():
        disk = os.statvfs(folder)
        free = disk.f_bavail * disk.f_frsize
        if needed[device] > free:
            message = "{} has {} bytes free, {} are needed: nothing was changed".format(folder, free, needed[device])
            raise Failed("DISK", message)
        if disk.f_files and entries[device] > disk.f_favail:
            message = "{} has room for {} more files, {} are needed: nothing was changed"
            raise Failed("DISK", message.format(folder, disk.f_favail, entries[device]))


def _existing_parent(path: str) -> str:
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    return path


def _check_permissions(decided: Plan) -> None:
    """Names and tools that the host lacks, before anything is removed."""
    for permission in {permission.place: permission for _, permission in decided.permissions}.values():
        _ids(permission)
        for entry in permission.acls:
            if entry.name and not entry.name.isdigit():
                _known(permission, entry.kind, entry.name)
        for tool, is_needed in (("setfacl", permission.acls), (_SEMANAGE, permission.context)):
            if is_needed and which(tool) is None:
                raise Failed("APPSPEC", "{}: the host has no {}".format(permission.place, tool))


def _ids(permission: Permission) -> List[int]:
    """User id and group id; -1 is unchanged."""
    owner, group = permission.owner, permission.group
    return [_known(permission, "user", owner) if owner else -1, _known(permission, "group", group) if group else -1]


def _known(permission: Permission, kind: str, name: str) -> int:
    try:
        return pwd.getpwnam(name).pw_uid if kind == "user" else grp.getgrnam(name).gr_gid
    except KeyError as error:
        raise Failed("APPSPEC", "{}: the host has no {} {!r}".format(permission.place, kind, name)) from error


def _apply(path: str, permission: Permission, record: IO[bytes]) -> None:
    if permission.owner or permission.group:
        mode = stat.S_IMODE(os.stat(path).st_mode)
        os.chown(path, *_ids(permission))
        os.chmod(path, mode)  # chown took setuid and setgid away
    if permission.mode is not None:
        os.chmod(path, permission.mode)
    if permission.acls:
        _tool("setfacl", "--set", ",".join(_acl(os.stat(path).st_mode, permission.acls)), "--", path)
    if permission.context:
        context, real = permission.context, os.path.realpath(path)
        user = ["-s", context.user] if context.user else []
        level = ["-r", context.range] if context.range else []
        _tool(_SEMANAGE, "fcontext", "-a", *user, "-t", context.type, *level, real)
        _write_down(record, [_SEMANAGE, real])
        _tool("restorecon", "-v", real)


def _acl(mode: int, entries: Sequence[AclEntry]) -> List[str]:
    """The whole ACL that setfacl wants: base entries come from the mode, and so does a mask where names need one."""
    whole = []
    for default in (False, True):
        given = [entry for entry in entries if entry.default is default]
        if default and not given:
            continue
        has = {entry.kind: entry.permissions for entry in given if not entry.name}
        named = any(entry.name for entry in given)
        prefix = "default:" if default else ""
        for kind, shift in (("user", 6), ("group", 3), ("other", 0), ("mask", 3)):
            if kind not in has and (kind != "mask" or named):
                bits = has["group"] if kind == "mask" and "group" in has else (mode >> shift) & 7
                whole.append("{}{}::{}".format(prefix, kind, bits))
        whole.extend(str(entry) for entry in given)
    return whole


def _tool(*command: str) -> None:
    ran = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if ran.returncode:
        raise Failed("APPSPEC", "permissions: {}: {}".format(" ".join(command), ran.stdout.decode(errors="replace")))
