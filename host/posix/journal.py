"""What has been done for a deployment on this host, so that nothing is done twice whatever the control plane repeats.

An event that ended is reported again, not run again. One that was interrupted is run again unless a script of it had
begun: then it has failed, as the reference agent reports commands that were running when it restarted.
"""

import errno
import fcntl
import json
import os
import time
from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterable, Iterator, Optional

from host.instructions import Instructions
from host.lifecycle import LifecycleEvent
from host.posix.layout import Layout, write_atomically
from host.report import Failed, Report

_LOCK_TICK = 0.1  # seconds between looks at a lock that is held
_HOLDER_BYTES = 512

# What must have succeeded for this deployment before an event may run. SSM's agent goes on with the next step when a
# step was ended from outside (its status is then TimedOut, which onFailure does not cover): here the deployment stops.
_NEEDS = {
    LifecycleEvent.BEFORE_INSTALL: LifecycleEvent.DOWNLOAD_BUNDLE,
    LifecycleEvent.INSTALL: LifecycleEvent.DOWNLOAD_BUNDLE,
    LifecycleEvent.AFTER_INSTALL: LifecycleEvent.INSTALL,
    LifecycleEvent.APPLICATION_START: LifecycleEvent.INSTALL,
    LifecycleEvent.VALIDATE_SERVICE: LifecycleEvent.INSTALL,
}
_NEEDS_IN_RESTART = {
    LifecycleEvent.APPLICATION_START: LifecycleEvent.APPLICATION_STOP,
    LifecycleEvent.VALIDATE_SERVICE: LifecycleEvent.APPLICATION_START,
}


class Journal:
    """The journal of one deployment.

    `with_room` runs each write of it, and makes room where the disk is full.
    """

    def __init__(self, path: str, with_room: Callable[[Callable[[], None]], None] = lambda write: write()) -> None:
        self.path = path
        self._with_room = with_room
        self.events: Dict[str, Dict[str, Any]] = {}
        self._reports: Dict[str, Report] = {}
        try:
            with open(path, "rb") as file:
                self.events = json.loads(file.read())
            self._reports = {
                event: _report(each["report"]) for event, each in self.events.items() if each.get("report")
            }
        except FileNotFoundError:
            pass
        except (ValueError, AttributeError, TypeError) as error:
            message = "{} is damaged: what has run is not known, create a new deployment".format(path)
            raise Failed("ENGINE", message) from error

    def ended(self, event: str) -> Optional[Report]:
        """How the event ended, if it has been run before."""
        return self._reports.get(event)

    def was_interrupted(self, event: str) -> bool:
        """Whether a script of the event had begun and nobody saw its end."""
        return bool(self.events.get(event, {}).get("script"))

    def check_order(self, event: LifecycleEvent, is_restart: bool = False) -> None:
        """Raises Failed when an earlier event of the deployment failed, never ended, or never ran though it must."""
        for name in self.events:
            report = self.ended(name)
            if name != event.value and not (report and report.may_continue):
                how = "failed" if report else "was interrupted"
                raise Failed("ENGINE", "{} {}: {} is not run".format(name, how, event.value))
        needed = (_NEEDS_IN_RESTART if is_restart else _NEEDS).get(event)
        if needed and needed.value not in self.events:
            raise Failed("ENGINE", "{} did not run to its end: {} is not run".format(needed.value, event.value))

    def begin_script(self, event: str, location: str) -> None:
        """Put on record, for whatever comes, that the script may have run; what else may be lost is simply repeated."""
        self.events[event] = {"script": location}
        self._write(durable=True)

    def end(self, report: Report) -> None:
        self.events[report.event] = {"report": report.plain()}
        self._reports[report.event] = report
        self._write()

    def _write(self, *, durable: bool = False) -> None:
        body = json.dumps(self.events).encode()
        self._with_room(lambda: write_atomically(self.path, body, durable=durable))


def has_begun(path: str, events: Iterable[str]) -> bool:
    """Whether one of these events has run, or may have."""
    try:
        return not Journal(path).events.keys().isdisjoint(events)
    except Failed:
        return True


def _report(fields: Dict[str, Any]) -> Report:
    """What a newer version has beside is left out."""
    return Report(**{name: fields[name] for name in Report._fields if name in fields})


@contextmanager
def hold_host(layout: Layout, instructions: Instructions, seconds: float) -> Iterator[Optional[str]]:
    """The host is this deployment's: nothing of another one runs meanwhile. Waits for it for at most some seconds.

    Gives the id of another deployment that had the host since this one began, if there was one. Raises Failed when
    the host stays busy. The lock goes with the open file: when the holder is killed, it is free once its watchdog has
    ended, too.
    """
    deadline = time.monotonic() + seconds
    os.makedirs(layout.root, mode=0o755, exist_ok=True)
    handle = os.open(os.path.join(layout.root, "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    waiting = os.open(layout.root, os.O_RDONLY | os.O_CLOEXEC)  # who waits for the host shares the folder's lock
    try:
        while not _is_taken(handle):
            fcntl.flock(waiting, fcntl.LOCK_SH)
            if time.monotonic() > deadline:
                raise Failed("BUSY", "{} has the host".format(_holder(handle) or "another command"))
            time.sleep(_LOCK_TICK)
        fcntl.flock(waiting, fcntl.LOCK_UN)
        before = _holder(handle)
        mine = "deployment {}".format(instructions.deployment_id)
        names = instructions.application_name, instructions.deployment_group_name
        _write_holder(handle, "{} of {}/{}, process {}".format(mine, *names, os.getpid()))
        has_begun = os.path.exists(layout.journal)
        yield before if has_begun and before and not before.startswith(mine + " ") else None
    finally:
        os.close(waiting)
        os.close(handle)


def is_wanted(layout: Layout) -> bool:
    """Another command waits for the host."""
    handle = os.open(layout.root, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return not _is_taken(handle)
    finally:
        os.close(handle)


def _is_taken(handle: int) -> bool:
    """Whether the lock is ours now."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (errno.EAGAIN, errno.EACCES):
            raise
        return False
    return True


def _holder(handle: int) -> str:
    """ "" where nobody has had the host, or what is said of that is damaged."""
    noted = os.pread(handle, _HOLDER_BYTES, 0).decode("utf-8", "replace").partition(", process")[0].strip()
    return noted if noted.startswith("deployment ") else ""


def _write_holder(handle: int, text: str) -> None:
    """Always as many bytes, over the last ones, so that a full disk takes it. Best effort: it is for messages."""
    try:
        os.pwrite(handle, text.encode("ascii", "replace")[:_HOLDER_BYTES].ljust(_HOLDER_BYTES), 0)
    except OSError:
        pass
