"""Where things lie on a host: the reference agent's deployment root, below /opt/stepdeploy.

Source: the agent's deployment-root (lib/instance_agent/plugins/codedeploy); STEPDEPLOY_ROOT moves it for tests, and
STEPDEPLOY_PROFILE the profile.
"""

import errno
import os
from typing import Callable, Iterable, List, Optional, TypeVar

T = TypeVar("T")
ROOT = "/opt/stepdeploy"
AGENT = "/opt/codedeploy-agent"  # the reference agent's folder, where scripts in the wild look for their revision
PROFILE = "/etc/profile"
MAX_REVISIONS = 5  # kept per deployment group, the current one included
NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
RESERVE_BYTES = 64 * 1024  # more than a journal ever has
_ROOM_FOR_RESERVE = 1024 * 1024  # bytes free, of which it is taken
FREE_SHARE = 10  # a tenth of the disk stays free of packed revisions
_JOURNAL = "journal.json"
_BUNDLE = "bundle.tar"


class Layout:
    """The folders and files of one deployment of one group."""

    def __init__(self, group_id: str, deployment_id: str, root: str = "") -> None:
        self.root = root or os.environ.get("STEPDEPLOY_ROOT") or ROOT
        # Who names the root runs it in a shell of their own, whose variables are what scripts are to get.
        self.profile = "" if root else os.environ.get("STEPDEPLOY_PROFILE") or PROFILE
        self._reserve = os.path.join(self.root, "reserve")
        self.deployments = os.path.join(self.root, "deployment-root")
        self.group = os.path.join(self.deployments, group_id)
        self.deployment = os.path.join(self.group, deployment_id)
        self.bundle = os.path.join(self.deployment, _BUNDLE)
        self.archive = os.path.join(self.deployment, "deployment-archive")
        self.script_log = os.path.join(self.deployment, "logs", "scripts.log")
        self.all_log = os.path.join(self.deployments, "deployment-logs", "codedeploy-agent-deployments.log")
        self.journal = os.path.join(self.deployment, _JOURNAL)
        self.manifest = os.path.join(self.deployment, "manifest.jsonl")
        instructions = os.path.join(self.deployments, "deployment-instructions")
        self.cleanup = os.path.join(instructions, group_id + "-cleanup")
        self.install = os.path.join(instructions, group_id + "-install.json")
        self.seal = self.cleanup + ".sha256"
        self.last_install = os.path.join(instructions, group_id + "_last_successful_install")
        self._most_recent = os.path.join(instructions, group_id + "_most_recent_install")

    def make(self) -> None:
        """The folders that everything else lies in; scripts that run as another user must get into them."""
        os.makedirs(self.root, mode=0o755, exist_ok=True)
        for folder in (self.deployment, os.path.dirname(self.cleanup), os.path.dirname(self.script_log)):
            os.makedirs(folder, mode=0o755, exist_ok=True)
        if self.root == ROOT and not os.path.lexists(AGENT):
            self._stand_in_for_the_agent()

    def _stand_in_for_the_agent(self) -> None:
        """Where no agent is, its deployment-root is a link to ours. Best effort: few scripts need it."""
        import shutil  # seldom needed, and long to import

        partial = "{}.{}".format(AGENT, os.getpid())
        try:
            os.mkdir(partial, 0o755)
            os.symlink(self.deployments, os.path.join(partial, os.path.basename(self.deployments)))
            os.rename(partial, AGENT)
        except OSError:
            shutil.rmtree(partial, ignore_errors=True)

    @property
    def last_successful(self) -> Optional[str]:
        """The deployment folder whose Install ended last; hooks of events before Install run from there. "" where that
        is damaged, None before the first."""
        return _read(self.last_install)

    def mark_successful(self) -> None:
        self.with_reserve(lambda: write_atomically(self.last_install, os.fsencode(self.deployment), durable=True))

    def mark_most_recent(self) -> None:
        self.with_reserve(lambda: write_atomically(self._most_recent, os.fsencode(self.deployment)))

    def keep_reserve(self) -> None:
        """Take some of the disk while it has room, to give it to the journal when it has none."""
        if os.path.exists(self._reserve):
            return
        disk = os.statvfs(self.root)
        if disk.f_bavail * disk.f_frsize < _ROOM_FOR_RESERVE:
            return
        try:
            with open(self._reserve, "wb") as file:
                os.posix_fallocate(file.fileno(), 0, RESERVE_BYTES)
        except OSError:
            self._release_reserve()

    def with_reserve(self, attempt: Callable[[], T]) -> T:
        """What must be written however full the disk is: the reserve goes first, then what nothing needs, piece by
        piece."""
        return _with_room(attempt, lambda: self._release_reserve() or self._forget_oldest())

    def without_old_revisions(self, attempt: Callable[[], T]) -> T:
        """What may need much room: while there is none, what nothing needs goes, the oldest first: packed revisions,
        then the group's unpacked ones."""
        return _with_room(attempt, self._forget_oldest)

    def forget_old_revisions(self) -> None:
        """Keep the newest revisions of the group, and always the one whose Install ended last."""
        kept, others = self._revisions()
        for path in others[: max(len(kept) + len(others) - MAX_REVISIONS, 0)]:
            _forget(path)

    def copies(self) -> List[str]:
        """The packed revisions of all groups, this deployment's first, then the newest."""
        deployments = (path for group in _folders(self.deployments) for path in _folders(group))
        found = filter(os.path.exists, (os.path.join(path, _BUNDLE) for path in deployments))
        return sorted(found, key=lambda path: (path == self.bundle, _used(os.path.dirname(path))), reverse=True)

    def limit_copies(self) -> None:
        """Packed revisions are kept where the disk has room for them: the oldest go until a share of it is free."""
        for path in reversed(self.copies()):
            disk = os.statvfs(self.root)
            if disk.f_bavail * FREE_SHARE >= disk.f_blocks:
                return
            os.unlink(path)

    def forget_copies(self) -> bool:
        """Whether there was one."""
        found = self.copies()
        for path in found:
            os.unlink(path)
        return bool(found)

    def _forget_oldest(self) -> bool:
        """Whether there was something that nothing needs."""
        for path in reversed(self.copies()):
            if path != self.bundle:  # which may be being unpacked
                os.unlink(path)
                return True
        return self._forget_oldest_revision()

    def _forget_oldest_revision(self) -> bool:
        for path in self._revisions()[1][:1]:
            _forget(path)
            return not os.path.lexists(path)
        return False

    def _revisions(self) -> "tuple[List[str], List[str]]":
        """The group's deployments that are needed, this one and the one installed last; the others, oldest first."""
        needed = {self.deployment, self.last_successful}
        found = _folders(self.group)
        return [path for path in found if path in needed], sorted(set(found) - needed, key=_used)

    def _release_reserve(self) -> bool:
        try:
            os.unlink(self._reserve)
        except OSError:
            return False
        return True


def _folders(path: str) -> List[str]:
    try:
        with os.scandir(path) as entries:
            return [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return []


def _with_room(attempt: Callable[[], T], make_room: Callable[[], bool]) -> T:
    while True:
        try:
            return attempt()
        except OSError as error:
            if error.errno not in NO_ROOM or not make_room():
                raise


def _forget(deployment: str) -> None:
    import shutil  # seldom needed, and long to import

    try:
        os.unlink(os.path.join(deployment, _JOURNAL))  # first, so that what a kill leaves is the oldest there is
    except OSError:
        pass
    shutil.rmtree(deployment, ignore_errors=True)


def write_atomically(path: str, body: "bytes | Iterable[bytes]", *, durable: bool = False) -> None:
    """A file is there whole, or as it was: written beside it (by whoever holds the lock), renamed.

    `durable`: also when the power fails right afterwards. That costs the writing of everything else that is waiting to
    be written, a whole revision perhaps.
    """
    partial = path + ".partial"
    try:
        with open(partial, "wb") as file:
            file.writelines([body] if isinstance(body, bytes) else body)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.replace(partial, path)
        if durable:
            _sync_folder(os.path.dirname(path))
    except OSError as error:
        try:
            os.unlink(partial)
        except OSError:
            pass
        raise OSError(error.errno, error.strerror, path) from error


def _sync_folder(path: str) -> None:
    """A file's new name is the folder's content."""
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _used(deployment: str) -> float:
    """When an event of the deployment last ended; never, if none did."""
    try:
        return os.path.getmtime(os.path.join(deployment, _JOURNAL))
    except OSError:
        return 0


def _read(path: str) -> Optional[str]:
    """The path that a note has; "" where it has none."""
    try:
        with open(path, "rb") as file:
            noted = os.fsdecode(file.read()).strip()
    except FileNotFoundError:
        return None
    return noted if noted.startswith("/") and "\0" not in noted else ""
