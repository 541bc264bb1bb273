"""Where things lie on a host: the reference agent's deployment root, below /opt/stepdeploy.

Source: the agent's deployment-root (lib/instance_agent/plugins/codedeploy); STEPDEPLOY_ROOT moves it for tests.
"""

import os
from typing import List, Optional

ROOT = "/opt/stepdeploy"
AGENT = "/opt/codedeploy-agent"  # the reference agent's folder, where scripts in the wild look for their revision
MAX_REVISIONS = 5  # kept per deployment group, the current one included
_JOURNAL = "journal.json"


class Layout:
    """The folders and files of one deployment of one group."""

    def __init__(self, group_id: str, deployment_id: str, root: str = "") -> None:
        self.root = root or os.environ.get("STEPDEPLOY_ROOT") or ROOT
        self.deployments = os.path.join(self.root, "deployment-root")
        self.group = os.path.join(self.deployments, group_id)
        self.deployment = os.path.join(self.group, deployment_id)
        self.bundle = os.path.join(self.deployment, "bundle.tar")
        self.archive = os.path.join(self.deployment, "deployment-archive")
        self.script_log = os.path.join(self.deployment, "logs", "scripts.log")
        self.all_log = os.path.join(self.deployments, "deployment-logs", "codedeploy-agent-deployments.log")
        self.journal = os.path.join(self.deployment, _JOURNAL)
        instructions = os.path.join(self.deployments, "deployment-instructions")
        self.cleanup = os.path.join(instructions, group_id + "-cleanup")
        self.install = os.path.join(instructions, group_id + "-install.json")
        self._last_successful = os.path.join(instructions, group_id + "_last_successful_install")
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
        """The deployment folder whose Install ended last; hooks of events before Install run from there."""
        return _read(self._last_successful)

    def mark_successful(self) -> None:
        write_atomically(self._last_successful, self.deployment.encode())

    def mark_most_recent(self) -> None:
        write_atomically(self._most_recent, self.deployment.encode())

    def forget_old_revisions(self) -> None:
        """Keep the newest revisions of the group, and always the one whose Install ended last."""
        kept = {self.deployment, self.last_successful}
        others = [entry.path for entry in os.scandir(self.group) if entry.is_dir() and entry.path not in kept]
        others.sort(key=_used)
        room = max(MAX_REVISIONS - len([path for path in kept if path and os.path.isdir(path)]), 0)
        old: List[str] = others[: len(others) - room] if room < len(others) else []
        if not old:
            return
        import shutil

        for path in old:
            try:
                os.unlink(os.path.join(path, _JOURNAL))  # first, so that what a kill leaves is the oldest there is
            except OSError:
                pass
            shutil.rmtree(path, ignore_errors=True)


def write_atomically(path: str, body: bytes, *, durable: bool = False) -> None:
    """A file is there whole, or as it was: written beside it (by whoever holds the lock), renamed.

    `durable`: also when the power fails right afterwards. That costs the writing of everything else that is waiting to
    be written, a whole revision perhaps.
    """
    partial = path + ".partial"
    try:
        with open(partial, "wb") as file:
            file.write(body)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.replace(partial, path)
    except OSError as error:
        try:
            os.unlink(partial)
        except OSError:
            pass
        raise OSError(error.errno, error.strerror, path) from error


def _used(deployment: str) -> float:
    """When an event of the deployment last ended; never, if none did."""
    try:
        return os.path.getmtime(os.path.join(deployment, _JOURNAL))
    except OSError:
        return 0


def _read(path: str) -> Optional[str]:
    try:
        with open(path, errors="replace") as file:
            return file.read().strip() or None
    except FileNotFoundError:
        return None
