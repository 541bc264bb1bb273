"""Nothing of a hook outlives its runner: a small process that ends the hook's processes when the runner is killed.

SSM cancels a command by killing the step's process group, which the hooks left by design. The watchdog is in a session
of its own and inherits the host lock: the next segment on this host begins when the last process of the hook is gone.
"""

import os
import select
import signal
import subprocess
import time
from types import TracebackType
from typing import Callable, Dict, List, Optional, Sequence, Set, Type

KILL_SECONDS = 10  # between SIGTERM and SIGKILL
_TICK = 0.02


class Watchdog:
    """`with Watchdog() as watchdog:` around the events of a segment; fork it before any thread is started.

    `answer` is the writing end of a pipe whose reader is the step that waits: when that goes away while its event runs,
    the watchdog ends this process's group, and with it the hook.
    """

    def __init__(self, answer: Optional[int] = None) -> None:
        reader, self._writer = os.pipe()
        watched = os.getpid()
        self._process = os.fork()
        if self._process == 0:
            try:
                os.close(self._writer)
                _watch(reader, answer, watched)
            finally:
                os._exit(0)
        os.close(reader)

    def start(
        self, command: Sequence[str], variables: Dict[str, str], set_up: Optional[Callable[[], None]] = None
    ) -> "subprocess.Popen[bytes]":
        """The leader of a session, guarded from before its program begins: it says so itself, while this process may
        be killed at any time. `set_up` is called there. Raises OSError when it cannot be run."""

        def guard_and_set_up() -> None:
            self._guard(os.getpid())
            if set_up:
                set_up()

        return subprocess.Popen(
            command,
            cwd="/",
            env=variables,
            preexec_fn=guard_and_set_up,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def let_go(self) -> None:
        """What was started may go on when this process ends."""
        self._guard(0)

    def _guard(self, leader: int) -> None:
        os.write(self._writer, b"guard %d\n" % leader)

    def step(self, waits: bool) -> None:
        """Whether a step waits for the answer from now on."""
        os.write(self._writer, b"step %d\n" % waits)

    def __enter__(self) -> "Watchdog":
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.let_go()
        os.close(self._writer)
        os.waitpid(self._process, 0)


def _watch(reader: int, answer: Optional[int], watched: int) -> None:
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):  # SSM's step ends when nobody holds its output
        os.dup2(null, standard)
    os.set_blocking(reader, False)
    told, state = b"", {b"guard": 0, b"step": 0}
    while True:
        poller = select.poll()
        poller.register(reader, select.POLLIN)
        if answer is not None and state[b"step"]:
            poller.register(answer, 0)  # that nobody reads is told in any case
        step_is_gone = answer in dict(poller.poll())
        chunk = _read(reader)
        told += chunk or b""
        *lines, told = told.split(b"\n")
        for line in lines:
            name, _, value = line.partition(b" ")
            state[name] = int(value)
        # What was told before the step went away counts: it may have got its answer.
        if step_is_gone and state[b"step"]:
            _signal(watched, set(), signal.SIGKILL)
            answer = None
        if chunk == b"":  # a script that was just being started has said so, too: it holds the pipe until then
            break
    if state[b"guard"]:
        end_family(state[b"guard"])


def _read(reader: int) -> Optional[bytes]:
    """What there is to read, None for nothing yet; empty when the writer is gone."""
    try:
        return os.read(reader, 1 << 16)
    except BlockingIOError:
        return None


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
