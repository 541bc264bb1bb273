"""A host of its own out of this machine: namespaces for mounts, processes, hostname and IPC, never for the network.

The root is put together from this machine's system directories, so that it needs no image: /usr and /etc are overlays
(read-only below, private above), everything else that a host writes to starts empty and private. Only the standard
library is used, because the process that does this becomes the host's first process.

As root no user namespace is made, so owners and `runas` work as on a real host. Otherwise a user namespace makes the
caller root inside, and only root exists there. Capabilities that could reach this machine are given up either way.
Source: man 7 user_namespaces, man 2 pivot_root, the kernel's Documentation/filesystems/overlayfs.rst.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path

PLAIN_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 32, 4096, 16384, 1 << 18
MNT_DETACH = 2
SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41, "arm64": 41}

PR_SET_PDEATHSIG, PR_CAPBSET_DROP, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 1, 24, 47, 4
LINUX_CAPABILITY_VERSION_3 = 0x20080522

# chown dac_override fowner fsetid kill setgid setuid setpcap net_bind_service net_raw sys_chroot sys_nice setfcap
KEPT_CAPABILITIES = (0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 23, 31)

OVERLAID = ("usr", "etc")
# Links into /usr on most machines, directories of their own on some; /nix and /gnu hold the programs where they exist.
READ_ONLY = ("bin", "sbin", "lib", "lib32", "lib64", "libx32", "nix", "gnu")
PRIVATE = ("boot", "dev", "home", "media", "mnt", "opt", "proc", "root", "run", "srv", "sys", "tmp", "var")
PRIVATE_BELOW_VAR = ("cache", "lib", "log", "mail", "opt", "spool", "tmp", "www")
WORLD_WRITABLE = ("tmp", "var/tmp", "dev/shm")
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
PROC_READ_ONLY = ("sys", "sysrq-trigger", "irq", "bus")

libc = ctypes.CDLL(None, use_errno=True)


class NamespaceUnavailable(Exception):
    """This machine cannot make what a local instance needs; the text names the kernel feature and the remedy."""


@dataclass(frozen=True, slots=True)
class Root:
    """What makes one instance's root: where it is kept, what it is called, which Python it may borrow."""

    directory: Path  # holds root/ (the private directories) and layers/ (what was written below /usr and /etc)
    hostname: str
    address: str  # its own loopback address, in dotted form
    privileged: bool  # the caller is root, no user namespace
    python_executable: Path  # the interpreter behind the local cloud, not a virtual environment's link
    python_prefix: Path

    @property
    def tree(self) -> Path:
        return self.directory / "root"

    def upper(self, name: str) -> Path:
        """Where writes below /usr or /etc end up."""
        return self.directory / "layers" / name / "upper"

    def outside(self, inside: str) -> Path:
        """The file on this machine that holds what the instance wrote at a path of its own.

        >>> root = Root(Path("/state/i-1"), "web-1", "127.77.0.11", True, Path("/usr/bin/python3"), Path("/usr"))
        >>> str(root.outside("/srv/app/x")), str(root.outside("/etc/motd"))
        ('/state/i-1/root/srv/app/x', '/state/i-1/layers/etc/upper/motd')
        """
        first, _, rest = inside.strip("/").partition("/")
        return self.upper(first) / rest if first in OVERLAID else self.tree / first / rest


def die_with_parent() -> None:
    """Ask the kernel to kill this process when its parent is gone, however that ended."""
    _check(libc.prctl(PR_SET_PDEATHSIG, 9, 0, 0, 0), "prctl(PR_SET_PDEATHSIG)")


def separate_processes(*, privileged: bool) -> None:
    """Give the caller's next child a process namespace of its own, and root's rights in it.

    Raises NamespaceUnavailable when the kernel or its settings do not allow it.
    """
    user, group = os.getuid(), os.getgid()
    if privileged:
        _unshare(CLONE_NEWPID, "CONFIG_PID_NS, and not to run inside a container without CAP_SYS_ADMIN")
        return
    remedy = "unprivileged user namespaces (sysctl kernel.unprivileged_userns_clone=1, user.max_user_namespaces>0)"
    _unshare(CLONE_NEWUSER | CLONE_NEWPID, remedy)
    try:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    except OSError as error:  # Ubuntu's AppArmor allows the namespace, and then nothing in it
        raise NamespaceUnavailable(
            f"cannot become root in a user namespace ({error}): it needs {remedy}; "
            "on Ubuntu also sysctl kernel.apparmor_restrict_unprivileged_userns=0"
        ) from error


def enter(root: Root) -> None:
    """Move the calling process, the first of its process namespace, into the root and leave this machine's behind."""
    _unshare(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC, "CONFIG_UTS_NS and CONFIG_IPC_NS")
    _mount("none", "/", None, MS_REC | MS_PRIVATE, "private mounts")
    _lay_out(root)
    _mount(root.tree, root.tree, None, MS_BIND, "bind mounts")
    for name in OVERLAID:
        _overlay(root, name)
    for name in READ_ONLY:
        _borrow(root, Path("/") / name)
    _borrow_python(root)
    _fill_dev(root.tree / "dev")
    _mount("proc", root.tree / "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, "an unmasked /proc")
    for name in PROC_READ_ONLY:
        _make_read_only(root.tree / "proc" / name, MS_NOSUID | MS_NODEV | MS_NOEXEC)
    _pivot(root.tree)
    socket.sethostname(root.hostname)
    os.umask(0o022)
    _drop_capabilities()


def _lay_out(root: Root) -> None:
    """Make the private directories; a second call, after a reboot, finds them and changes nothing."""
    old_umask = os.umask(0o022)
    for name in (*PRIVATE, *OVERLAID):
        (root.tree / name).mkdir(parents=True, exist_ok=True)
    for name in PRIVATE_BELOW_VAR:
        (root.tree / "var" / name).mkdir(exist_ok=True)
    for link, target in (("var/run", "/run"), ("var/lock", "/run/lock")):
        if not (root.tree / link).is_symlink():
            (root.tree / link).symlink_to(target)
    (root.tree / "run/lock").mkdir(exist_ok=True)
    (root.tree / "dev/shm").mkdir(exist_ok=True)
    for name in WORLD_WRITABLE:
        (root.tree / name).chmod(0o1777)
    for name in OVERLAID:
        root.upper(name).mkdir(parents=True, exist_ok=True)
        (root.upper(name).parent / "work").mkdir(exist_ok=True)
    etc = root.upper("etc")
    (etc / "hostname").write_text(f"{root.hostname}\n")
    (etc / "hosts").write_text(f"127.0.0.1\tlocalhost\n{root.address}\t{root.hostname}\n")
    (root.upper("usr") / "local/bin").mkdir(parents=True, exist_ok=True)
    if not root.privileged:
        # Directories of this machine's root belong to nobody inside a user namespace: root there could not write in
        # them. A directory above with the same name is its own, and shows both contents.
        for name in OVERLAID:
            _mirror_directories(Path("/") / name, root.upper(name), depth=2)
    os.umask(old_umask)


def _mirror_directories(below: Path, above: Path, depth: int) -> None:
    for child in below.iterdir():
        if child.is_dir() and not child.is_symlink() and os.access(child, os.R_OK | os.X_OK):
            (above / child.name).mkdir(exist_ok=True)
            if depth > 1:
                _mirror_directories(child, above / child.name, depth - 1)


def _overlay(root: Root, name: str) -> None:
    upper = root.upper(name)
    options = f"lowerdir=/{name},upperdir={upper},workdir={upper.parent / 'work'},userxattr"
    needs = f"overlayfs in user namespaces (Linux 5.11 or newer, CONFIG_OVERLAY_FS) and nothing mounted below /{name}"
    try:
        _mount("overlay", root.tree / name, "overlay", 0, needs, options)
    except NamespaceUnavailable:
        if name != "etc":
            raise
        # Containers mount files into /etc, which keeps a user namespace from overlaying it; a copy is as good.
        shutil.copytree("/etc", upper, symlinks=True, dirs_exist_ok=True, ignore=_unreadable_or_written)
        _mount(upper, root.tree / name, None, MS_BIND, "bind mounts")


def _unreadable_or_written(directory: str, names: list[str]) -> set[str]:
    own = {"hostname", "hosts"} if directory == "/etc" else set()
    return own | {name for name in names if not os.access(f"{directory}/{name}", os.R_OK)}


def _borrow(root: Root, path: Path) -> None:
    """Show one of this machine's directories read-only at the same place, or repeat the link it is."""
    inside = root.tree / path.relative_to("/")
    if path.is_symlink():
        if not inside.is_symlink():
            inside.symlink_to(path.readlink())
    elif path.is_dir():
        inside.mkdir(parents=True, exist_ok=True)
        # A user namespace may not leave out what is mounted below; root must, for that would stay writable.
        _mount(path, inside, None, MS_BIND | (0 if root.privileged else MS_REC), "bind mounts")
        _make_read_only(inside, 0)


def _borrow_python(root: Root) -> None:
    """Put the local cloud's interpreter on the plain path, unless this machine has one there."""
    if shutil.which("python3", path=PLAIN_PATH):
        return
    if not root.python_prefix.is_relative_to("/usr"):
        _borrow(root, root.python_prefix)
    link = root.upper("usr") / "local/bin/python3"
    if not link.is_symlink():
        link.symlink_to(root.python_executable)


def _fill_dev(dev: Path) -> None:
    for name in DEVICES:
        (dev / name).touch()
        _mount(Path("/dev") / name, dev / name, None, MS_BIND, "bind mounts")
    for name, target in (("fd", "fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")):
        if not (dev / name).is_symlink():
            (dev / name).symlink_to(f"/proc/self/{target}")


def _make_read_only(path: Path, flags: int) -> None:
    if path.exists():
        if os.path.ismount(path):
            _mount("none", path, None, MS_BIND | MS_REMOUNT | MS_RDONLY | flags | _locked_flags(path), "bind mounts")
            return
        _mount(path, path, None, MS_BIND, "bind mounts")
        _mount("none", path, None, MS_BIND | MS_REMOUNT | MS_RDONLY | flags, "bind mounts")


def _locked_flags(path: Path) -> int:
    """Flags of a mount that a user namespace may not take away: a remount has to repeat them."""
    return os.statvfs(path).f_flag & (MS_NOSUID | MS_NODEV | MS_NOEXEC)


def _pivot(tree: Path) -> None:
    os.chdir(tree)
    number = SYS_PIVOT_ROOT.get(os.uname().machine)
    if number is None:
        raise NamespaceUnavailable(f"local instances do not know the machine type {os.uname().machine}")
    _check(libc.syscall(number, b".", b"."), "pivot_root")
    # The old root now lies on top of the new one: taking it away leaves no path to this machine.
    _check(libc.umount2(b".", MNT_DETACH), "umount of the old root")
    os.chdir("/")


def _drop_capabilities() -> None:
    """Keep what a host's scripts need on their own files and processes; nothing that reaches this machine."""
    last = int(Path("/proc/sys/kernel/cap_last_cap").read_text())
    for number in range(last + 1):
        if number not in KEPT_CAPABILITIES:
            _check(libc.prctl(PR_CAPBSET_DROP, number, 0, 0, 0), "prctl(PR_CAPBSET_DROP)")
    libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    kept = sum(1 << number for number in KEPT_CAPABILITIES)
    header = (ctypes.c_uint32 * 2)(LINUX_CAPABILITY_VERSION_3, 0)
    low, high = kept & 0xFFFFFFFF, kept >> 32
    data = (ctypes.c_uint32 * 6)(low, low, 0, high, high, 0)
    _check(libc.capset(header, data), "capset")


def _unshare(flags: int, needs: str) -> None:
    if libc.unshare(flags) != 0:
        raise NamespaceUnavailable(f"unshare: {os.strerror(ctypes.get_errno())}: local instances need {needs}")


def _mount(source: Path | str, target: Path | str, kind: str | None, flags: int, needs: str, options: str = "") -> None:
    encoded_kind = kind.encode() if kind else None
    result = libc.mount(
        os.fsencode(source), os.fsencode(target), encoded_kind, ctypes.c_ulong(flags), os.fsencode(options)
    )
    if result != 0:
        error = os.strerror(ctypes.get_errno())
        raise NamespaceUnavailable(f"mount {kind or source} on {target}: {error}: local instances need {needs}")


def _check(result: int, call: str) -> None:
    if result != 0:
        raise NamespaceUnavailable(f"{call}: {os.strerror(ctypes.get_errno())}")
