"""How Lambda's sandboxes start: the emulator starts a Python for each, which imports boto3 each time.

Here a process that has imported it forks (fork_server.py), and so does one that has imported the function, too, which
is what nearly all of a cold start takes.
"""

import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from contextvars import ContextVar
from functools import cached_property
from pathlib import Path
from threading import Lock
from types import SimpleNamespace
from typing import Any

from local.shims import fork_server

_module: ContextVar[str] = ContextVar("what the sandbox that is started here will import", default="")


class Forks:
    """Starts sandboxes; the process that forks is started for the first one, and ends with this one."""

    def __init__(self) -> None:
        self._one = Lock()

    def start(self, script: str, cwd: str, env: Mapping[str, str], module: str = "") -> "Sandbox":
        """`module`, in the folder `cwd`, is what the script will import; it may be there already."""
        pipes = [os.pipe() for _ in range(3)]
        (inside_in, stdin), (stdout, inside_out), (stderr, inside_err) = pipes
        order = fork_server.Order(script=script, cwd=cwd, env=dict(env), module=module)
        with self._one:
            socket.send_fds(self._server, [json.dumps(order).encode()], [inside_in, inside_out, inside_err])
            process_id = int(self._server.recv(32))
        for stream in (inside_in, inside_out, inside_err):
            os.close(stream)
        return Sandbox(process_id, stdin, stdout, stderr)

    def close(self) -> None:
        """End the process that forks; sandboxes go on."""
        if "_server" in vars(self):
            self._server.close()
            self._process.wait()

    @cached_property
    def _server(self) -> socket.socket:
        ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, fork_server.MOST)
        with its:
            self._process = subprocess.Popen([sys.executable, "-P", fork_server.__file__], stdin=its.fileno())
        return ours


class Sandbox:
    """A process that is not our child, with as much of subprocess.Popen as the emulator uses."""

    def __init__(self, process_id: int, stdin: int, stdout: int, stderr: int) -> None:
        self.pid = process_id
        self.stdin = os.fdopen(stdin, "w", buffering=1)
        self.stdout, self.stderr = os.fdopen(stdout), os.fdopen(stderr)
        self._process: int | None = None
        with suppress(ProcessLookupError):  # it has ended already
            self._process = os.pidfd_open(process_id)

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, *_: object) -> None:
        """End it, and close what it was spoken to by."""
        self.kill()
        self.wait()
        for stream in (self.stdin, self.stdout, self.stderr):
            stream.close()

    def __del__(self) -> None:
        if self._process is not None:
            os.close(self._process)

    def poll(self) -> int | None:
        """None while it runs; how it has ended is not known."""
        return 0 if self._has_ended(0) else None

    def wait(self, timeout: float | None = None) -> int:
        """Raises subprocess.TimeoutExpired."""
        if not self._has_ended(timeout):
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
        return 0

    def terminate(self) -> None:
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def _has_ended(self, timeout: float | None) -> bool:
        if self._process is None:
            return True
        ends = select.poll()
        ends.register(self._process, select.POLLIN)
        return bool(ends.poll(None if timeout is None else timeout * 1000))

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._process, number)


def install() -> None:
    from ministack.core import lambda_runtime

    forks, spawn = Forks(), lambda_runtime.Worker._spawn

    def spawn_for(worker: Any) -> None:
        before = _module.set(worker.config["Handler"].rpartition(".")[0].replace("/", "."))
        try:
            spawn(worker)
        finally:
            _module.reset(before)

    def start(command: Sequence[str], **how: Any) -> Any:
        binary, *script = command
        if binary == sys.executable and len(script) == 1 and Path(script[0]).name == "_worker.py":
            return forks.start(script[0], how["cwd"], how["env"], _module.get())
        return subprocess.Popen(command, **how)

    lambda_runtime.Worker._spawn = spawn_for
    lambda_runtime.subprocess = SimpleNamespace(**{**vars(subprocess), "Popen": start})
