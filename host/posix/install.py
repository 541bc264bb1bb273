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
from itertools import chain, islice
from json.encoder import encode_basestring_ascii
from typing import IO, Callable, Dict, FrozenSet, Iterable, Iterator, List, Optional, Sequence, Tuple

from host.appspec import AclEntry, AppSpec, FileExistsBehavior, Permission
from host.compact import Packed
from host.plan import Listed, Make, Plan, folder_of, plan
from host.posix.cleanup import PARTIALS, SEMANAGE, AfterCleanup, Previous, read_cleanup, remove, unlink
from host.posix.copy import copy
from host.posix.layout import Layout, write_atomically
from host.posix.records.manifest import Manifest
from host.posix.records.seal import break_seal, repair, seal
from host.posix.shares import process_count, run_in_processes
from host.posix.times import later_times
from host.report import Failed
from host.scripts import which

MAX_ENTRIES = 200_000  # of one source: links to folders can make few into many
_NO_LIST = (
    "{}. A deployment of this group was installed here, but {}, the list of its files, is {}: if they are its files,"
    " remove them, or deploy once with fileExistsBehavior OVERWRITE"
)
_WRITTEN_DOWN = 64  # files, at once: a name on record that is not made costs the next Install nothing
_INSTRUCTION = '{"destination": %s, "kind": %s, "source": %s, "size": %d}'


def install(
    appspec: AppSpec, behavior: FileExistsBehavior, layout: Layout, warn: Callable[[str], None] = lambda text: None
) -> None:
    """Replace the group's previous installation by the unpacked revision. Raises Failed and OSError."""
    trouble = repair(layout)
    if trouble:
        warn(trouble)
    try:
        previous, decided = _decide_with_room(appspec, behavior, layout)
    except Failed as error:
        raise _with_lost_list(error, layout) from error
    write_atomically(layout.install, _instructions(decided.makes))
    times = later_times(decided.makes, layout.archive)
    remove(previous)
    break_seal(layout)
    write_atomically(layout.cleanup, b"")
    manifest = Manifest(layout)
    with open(layout.cleanup, "ab", buffering=0) as record:
        folders = 0
        for make in decided.makes:
            if make.kind == "directory":
                _make_folder(make.destination, record)
                manifest.add([(make.kind, make.destination)])
                folders += 1
        shares = process_count(len(decided.makes) - folders)

        def make_share(share: int) -> None:
            files = ((number, make) for number, make in enumerate(decided.makes) if make.kind != "directory")
            own = islice(files, share, None, shares)
            while True:
                some = list(islice(own, _WRITTEN_DOWN))
                if not some:
                    return
                _write_down(record, *(make.destination for _, make in some))
                manifest.add(
                    [
                        (each.kind, each.destination, _make_file(each, layout.archive, PARTIALS[share], times[number]))
                        for number, each in some
                    ]
                )

        run_in_processes(make_share, shares)
        for path, permission in decided.permissions:
            _apply(path, permission, record)
            manifest.add([("permission", path, permission.mode, *_ids(permission))])
    manifest.end()
    seal(layout)
    layout.mark_successful()


def _decide_with_room(appspec: AppSpec, behavior: FileExistsBehavior, layout: Layout) -> "Tuple[Previous, Plan]":
    """Where the disk is short, packed revisions go first."""
    try:
        return decide(appspec, behavior, layout.cleanup, layout.archive)
    except Failed as error:
        if error.cause != "DISK" or not layout.forget_copies():
            raise
    return decide(appspec, behavior, layout.cleanup, layout.archive)


def _instructions(makes: "Packed[Make]") -> Iterator[bytes]:
    """Part by part: there may be many."""
    before = '{"instructions": ['
    for make in makes:
        names = tuple(map(encode_basestring_ascii, make[:3]))
        yield (before + _INSTRUCTION % (*names, make.size)).encode()
        before = ", "
    yield b"]}" if before == ", " else (before + "]}").encode()


def _with_lost_list(error: Failed, layout: Layout) -> Failed:
    """A conflict with what may be the group's own: its list is empty or gone, although something was installed."""
    size = os.path.getsize(layout.cleanup) if os.path.exists(layout.cleanup) else None
    if error.cause != "CONFLICT" or size or layout.last_successful is None:
        return error
    return Failed("CONFLICT", _NO_LIST.format(error, layout.cleanup, "gone" if size is None else "empty"))


def decide(appspec: AppSpec, behavior: FileExistsBehavior, cleanup: str, archive: str) -> "Tuple[Previous, Plan]":
    """What Install removes (as the cleanup file has it) and what it makes of an unpacked revision; changes nothing.

    Raises Failed for whatever can be known to fail.
    """
    previous = read_cleanup(cleanup)
    after = AfterCleanup(previous)
    chosen = appspec.file_exists_behavior or behavior
    decided = plan(appspec, lambda source: tree(archive, source), after.standing, chosen)
    _check_permissions(decided)
    _check_access(decided, previous)
    _check_space(decided, after.freed)
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


def _make_file(make: Make, archive: str, partial_name: str, time: int) -> str:
    """Never half-written under its name. `time` as later_times has it. Gives the sha256, or where a link leads."""
    source = archive + "/" + make.source
    partial = folder_of(make.destination) + "/" + partial_name
    try:
        if make.kind == "symlink":
            unlink(partial)
            value = os.readlink(source)
            os.symlink(value, partial)
        else:
            value = copy(source, partial, time)
        os.replace(partial, make.destination)
    except OSError as error:
        _discard(partial)
        place = source if error.filename == source else make.destination
        raise OSError(error.errno, error.strerror, place) from error
    except BaseException:
        _discard(partial)
        raise
    return value


def _write_down(record: IO[bytes], *entries: object) -> None:
    """All of the lines or an error: what is not wholly on record must not be made."""
    lines = "".join(map("{}\n".format, map(json.dumps, entries))).encode()
    try:
        is_whole = record.write(lines) == len(lines)
    except OSError as error:
        raise OSError(error.errno, error.strerror, record.name) from error
    if not is_whole:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), record.name)


def _discard(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass


def tree(archive: str, source: str) -> Optional[Iterator[Listed]]:
    """What a source names and everything below it, folders before what is in them; None when there is no such path.

    A link to a folder is followed, a link to a file stays a link. Raises Failed for what leads out of the revision,
    when it comes to it.
    """
    top = os.path.join(archive, source) if source else archive
    return _tree(top, os.path.realpath(archive), source) if os.path.lexists(top) else None


def _tree(top: str, root: str, source: str) -> Iterator[Listed]:
    if not os.path.isdir(top):
        _inside(os.path.dirname(top), root, source)
        yield _listed(source, os.lstat(top))
        return
    count = 0
    waiting: List[Tuple[str, str, FrozenSet[str]]] = [(source, _inside(top, root, source), frozenset())]
    while waiting:
        inside, real, above = waiting.pop()
        if real in above:
            raise Failed("APPSPEC", "files: {!r} links to a folder that it lies in".format(inside))
        yield Listed(inside, "directory")
        below, prefix = above | {real}, inside + "/" if inside else ""
        names = os.listdir(real)
        names.sort(reverse=True)
        count += 1
        for name in names:
            path, place = prefix + name, real + "/" + name
            status = os.lstat(place)
            if stat.S_ISDIR(status.st_mode):
                waiting.append((path, place, below))
            elif stat.S_ISLNK(status.st_mode) and os.path.isdir(place):
                waiting.append((path, _inside(place, root, path), below))
            else:
                count += 1
                yield _listed(path, status)
        if count > MAX_ENTRIES:
            raise Failed("APPSPEC", "files: {!r} has more than {} entries".format(source, MAX_ENTRIES))


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


def _check_access(decided: Plan, previous: Previous) -> None:
    """Every folder that something comes into or goes from must be one that may be changed; the first that is not is
    named."""
    into = map(_existing_parent, _folders(make.destination for make in decided.makes))
    paths = (entry[0] for entry in previous if len(entry) == 1 and not entry[0].endswith("/"))
    closed = min(filter(_is_closed, chain(into, _folders(paths))), default=None)
    if closed is not None:
        number = errno.EROFS if os.statvfs(closed).f_flag & os.ST_RDONLY else errno.EACCES
        raise OSError(number, os.strerror(number), closed)


def _folders(paths: Iterable[str]) -> Iterator[str]:
    """The folders of many paths, each once for all of it that come together."""
    last = ""
    for path in paths:
        folder = folder_of(path)
        if folder != last:
            yield folder
            last = folder


def _is_closed(folder: str) -> bool:
    return os.path.isdir(folder) and not os.access(folder, os.W_OK | os.X_OK)


def _check_space(decided: Plan, freed: Dict[int, Tuple[int, int]]) -> None:
    """Every file system must hold what goes to it, counting what is removed first."""
    needed: Dict[int, Tuple[int, int]] = {}  # by device: bytes, entries
    folders: Dict[int, str] = {}
    last, device = "", 0
    for make in decided.makes:
        folder = folder_of(make.destination)
        if folder != last:
            existing = _existing_parent(folder)
            last, device = folder, os.stat(existing).st_dev
            folders[device] = existing
        size, count = needed.get(device, (0, 0))
        needed[device] = size + make.size, count + 1
    for device, folder in folders.items():
        disk = os.statvfs(folder)
        freed_size, freed_count = freed.get(device, (0, 0))
        size, count = needed[device][0] - freed_size, needed[device][1] - freed_count
        free = disk.f_bavail * disk.f_frsize
        if size > free:
            message = "{} has {} bytes free, {} are needed: nothing was changed".format(folder, free, size)
            raise Failed("DISK", message)
        if disk.f_files and count > disk.f_favail:
            message = "{} has room for {} more files, {} are needed: nothing was changed"
            raise Failed("DISK", message.format(folder, disk.f_favail, count))


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
        for tool, is_needed in (("setfacl", permission.acls), (SEMANAGE, permission.context)):
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
        _tool(SEMANAGE, "fcontext", "-a", *user, "-t", context.type, *level, real)
        _write_down(record, [SEMANAGE, real])
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
