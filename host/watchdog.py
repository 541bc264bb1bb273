"""Nothing of a hook outlives its runner: a small process that ends the hook's processes when the runner is killed.

SSM cancels a command by killing the step's process group, which the hooks left by design. The watchdog is in a session
of its own and inherits the host lock: the next command on this host begins when the last process of the hook is gone.
"""

import os
import signal
import time
from types import TracebackType
from typing import List, Optional, Set, Type

KILL_SECONDS = 10  # between SIGTERM and SIGKILL
_TICK = 0.02


class Watchdog:
    """`with Watchdog() as watchdog:` around the hooks of one event; fork it before any thread is started.

    It closes the files of `leaves`: what it kept open would keep its place on the disk when it is removed.
    """

    def __init__(self, *leaves: int) -> None:
        reader, self._writer = os.pipe()
        self._process = os.fork()
        if self._process == 0:
            try:
                for file in (self._writer, *leaves):
                    os.close(file)
                _watch(reader)
            finally:
                os._exit(0)
        os.close(reader)

    def guard(self, leader: int) -> None:
        """From now on this process and all that come from it; 0 for none."""
        os.write(self._writer, b"%d\n" % leader)

    def __enter__(self) -> "Watchdog":
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.guard(0)
        os.close(self._writer)
        os.waitpid(self._process, 0)


def _watch(reader: int) -> None:
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):  # SSM's step ends when nobody holds its output
        os.dup2(null, standard)
    told = b""
    while True:
        chunk = os.read(reader, 4096)
        if not chunk:
            break
        told += chunk
    guarded = int(told.split()[-1]) if told.split() else 0
    if guarded:
        end_family(guarded)


def end_family(leader: int) -> None:
    """SIGTERM to the leader's process group and to whatever descends from it, SIGKILL to what is left 10 s later.

    Descendants too, because `su` puts its command into a session of its own. The reference agent sends SIGTERM once and
    waits for as long as the script likes.
    """
    members = _family(leader)
    _signal(leader, members, signal.SIGTERM)
    deadline = time.monotonic() + KILL_SECONDS
    while time.monotonic() < deadline:
        members |= _family(leader)
        if not any(_is_alive(pid) for pid in members):
            return
        time.sleep(_TICK)
    _signal(leader, members | _family(leader), signal.SIGKILL)


def _signal(leader: int, members: Set[int], number: signal.Signals) -> None:
    for send, to in ((os.killpg, leader), *((os.kill, pid) for pid in members)):
        try:
            send(to, number)
        except (ProcessLookupError, PermissionError):
            pass


def _family(leader: int) -> Set[int]:
    """The leader, its process group and all their descendants; zombies are no members."""
    parents, found = {}, set()
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        fields = _stat(int(name))
        if not fields or fields[0] == "Z":
            continue
        parents[int(name)] = int(fields[1])
        if int(name) == leader or int(fields[2]) == leader:
            found.add(int(name))
    grew = True
    while grew:
        children = {pid for pid, parent in parents.items() if parent in found} - found
        grew = bool(children)
        found |= children
    return found


def _is_alive(pid: int) -> bool:
    fields = _stat(pid)
    return bool(fields) and fields[0] != "Z"


def _stat(pid: int) -> List[str]:
    """State, parent, process group, ... of a process; empty when it is gone. Its name may hold anything but the end."""
    try:
        with open("/proc/{}/stat".format(pid), errors="replace") as file:
            return file.read().rpartition(")")[2].split()
    except OSError:
        return []
