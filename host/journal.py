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
from typing import Any, Dict, Iterator, Optional

from host.layout import write_atomically
from host.report import Failed, Report

LOCK_SECONDS = 7000  # a step has 7,200: a command waits for the one before it, but not for ever


class Journal:
    """The journal of one deployment."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.events: Dict[str, Dict[str, Any]] = {}
        try:
            with open(path) as file:
                self.events = json.load(file)
        except FileNotFoundError:
            pass

    def ended(self, event: str) -> Optional[Report]:
        """How the event ended, if it has been run before."""
        report = self.events.get(event, {}).get("report")
        return Report(**report) if report else None

    def was_interrupted(self, event: str) -> bool:
        """Whether a script of the event had begun and nobody saw its end."""
        return bool(self.events.get(event, {}).get("script"))

    def begin_script(self, event: str, location: str) -> None:
        self.events[event] = {"script": location}
        self._write()

    def end(self, report: Report) -> None:
        self.events[report.event] = {"report": report.plain()}
        self._write()

    def _write(self) -> None:
        write_atomically(self.path, json.dumps(self.events).encode())


@contextmanager
def host_lock(root: str) -> Iterator[None]:
    """Two commands on one host never interleave: the second waits."""
    with open(os.path.join(root, "lock"), "w") as file:
        deadline = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError as error:
                if error.errno not in (errno.EAGAIN, errno.EACCES):
                    raise
                if time.monotonic() > deadline:
                    raise Failed("TIMEOUT", "another command has been running on this host for too long") from error
                time.sleep(0.2)
        yield
