"""A process that has imported what Lambda's Python image brings along, and makes a sandbox by forking itself.

Run as a file, it imports nothing of ours: a sandbox finds its own code alone. From the socket that is its standard
input it reads a message of JSON for each sandbox (`script`, `cwd`, `env`) with three file descriptors, and answers with
the sandbox's process id. It ends with the other end of the socket.
"""

import gc
import json
import os
import runpy
import signal
import site
import socket
import sys
from typing import Any

import boto3  # noqa: F401
import botocore.handlers  # noqa: F401

MOST = 1 << 20  # bytes of what a sandbox is told
_STREAMS = 3


def main() -> None:
    asked = socket.socket(fileno=os.dup(sys.stdin.fileno()))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel clears sandboxes away that have ended
    gc.freeze()
    while True:
        told, streams, _, _ = socket.recv_fds(asked, MOST, _STREAMS)
        if not told:
            return
        sandbox = os.fork()
        if not sandbox:
            asked.close()
            _become(json.loads(told), streams)
        for stream in streams:
            os.close(stream)
        asked.send(str(sandbox).encode())


def _become(told: dict[str, Any], streams: list[int]) -> None:
    """Be the sandbox, as if Python had been started with the script."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.stdin, sys.stdout = os.fdopen(0), os.fdopen(1, "w")
    sys.stderr = os.fdopen(2, "w", buffering=1, errors="backslashreplace")
    os.environ.clear()
    os.environ.update(told["env"])
    os.chdir(told["cwd"])
    sys.argv = [told["script"]]
    status = 1
    try:
        sys.modules.pop("sitecustomize", None)
        site.execsitecustomize()  # with the sandbox's environment
        runpy.run_path(told["script"], run_name="__main__")
        status = 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    main()
