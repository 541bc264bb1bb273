"""Runs of the runner by forks of one process that has imported it: to start Python and import takes most of a run."""

import json
import os
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

_MOST = 1 << 20  # bytes of an order
# An order of JSON comes with three file descriptors: where the run writes to, and where its exit status is written.
_FORKS = """
import importlib, json, os, signal, socket, sys
sys.path.insert(0, sys.argv[1])
from host.__main__ import main
import gzip, shutil, tarfile, zipfile, host.bundle.zips, host.grammar
import host.posix.download, host.posix.hooks, host.posix.install, host.posix.unpack

def run(order, streams):
    os.setsid()
    os.environ.clear()
    os.environ.update(order["environment"])
    os.chdir(order["folder"])
    for number, stream in enumerate([os.open(os.devnull, os.O_RDONLY), *streams[:2]]):
        os.dup2(stream, number)
    os.closerange(3, 1024)
    for name, value in order["limits"].items():
        setattr(importlib.import_module(name.rpartition(".")[0]), name.rpartition(".")[2], value)
    return any(main(["run", event, order["told"]]) for event in order["events"])

asked = socket.socket(fileno=os.dup(0))
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
while True:
    told, streams, _, _ = socket.recv_fds(asked, int(sys.argv[2]), 3)
    if not told:
        break
    if not os.fork():
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        runs = os.fork()
        if not runs:
            status = 1
            try:
                status = run(json.loads(told), streams)
            except BaseException:
                sys.excepthook(*sys.exc_info())
            finally:
                os._exit(status)
        for stream in streams[:2]:
            os.close(stream)
        os.write(streams[2], str(os.waitstatus_to_exitcode(os.waitpid(runs, 0)[1])).encode())
        os._exit(0)
    for stream in streams:
        os.close(stream)
"""


class Forks:
    """`with Forks(code) as forks:` ends the process that forks."""

    def __init__(self, code: Path) -> None:
        self.code = code
        self._asks, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._asks.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _MOST)
        command = [sys.executable, "-I", "-S", "-X", "utf8", "-c", _FORKS, str(code), str(_MOST)]
        with its:
            self._process = subprocess.Popen(command, stdin=its.fileno())

    def __enter__(self) -> "Forks":
        return self

    def __exit__(self, *_: object) -> None:
        self._asks.close()
        self._process.wait()

    def run(
        self, events: Sequence[str], told: str, limits: Mapping[str, float], environment: Mapping[str, str]
    ) -> "subprocess.CompletedProcess[bytes]":
        """The events one after another, up to the first that ends the segment. Raises TimeoutError."""
        order = {"events": events, "told": told, "limits": limits, "environment": dict(environment)}
        order["folder"] = str(Path.cwd())
        pipes = [os.pipe() for _ in range(3)]
        socket.send_fds(self._asks, [json.dumps(order).encode()], [writer for _, writer in pipes])
        for _, writer in pipes:
            os.close(writer)
        output, errors, status = _read([reader for reader, _ in pipes], time.monotonic() + 60)
        return subprocess.CompletedProcess(["run", *events], int(status), output, errors)


def _read(pipes: list[int], deadline: float) -> list[bytes]:
    """All that is written into each."""
    found = dict.fromkeys(pipes, b"")
    with selectors.DefaultSelector() as open_ones:
        for pipe in pipes:
            open_ones.register(pipe, selectors.EVENT_READ)
        while open_ones.get_map():
            for key, _ in open_ones.select(deadline - time.monotonic()):
                if data := os.read(key.fd, 1 << 16):
                    found[key.fd] += data
                else:
                    open_ones.unregister(key.fd)
                    os.close(key.fd)
            if time.monotonic() > deadline:
                raise TimeoutError(found)
    return list(found.values())
