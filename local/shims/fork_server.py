"""A process that has imported what Lambda's Python image brings along, and makes a sandbox by forking itself.

Run as a file, it imports nothing of ours: a sandbox finds its own code alone. From the socket that is its standard
input it reads an order of JSON for each sandbox with three file descriptors, and answers with the sandbox's process id.
It ends with the other end of the socket.

For each function's code it keeps a copy of itself, the template, which has imported the code's handlers, as a snapshot
of Lambda's SnapStart has. Where the environment differs in something that these imports have read, there is another one
(of a second engine, for example), and none where it differs each time.
"""

import gc
import importlib
import json
import os
import runpy
import signal
import site
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from itertools import chain
from typing import Any, NoReturn, TypedDict

import boto3
import botocore.handlers
import botocore.session

MOST = 1 << 20  # bytes of an order
_STREAMS = 3
_REFUSED = b"0"
_MOST_TEMPLATES = 3  # of one code
# What most functions use: its models are read here, once for all of them.
_WARM = ("dynamodb", "s3", "ssm", "sqs", "stepfunctions")


class Order(TypedDict):
    script: str
    cwd: str  # of the function's code
    env: dict[str, str]
    module: str  # that the script will import, "" for none


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel clears sandboxes away that have ended
    _read_models()
    gc.freeze()
    asked = socket.socket(fileno=os.dup(sys.stdin.fileno()))
    templates: dict[str, list[socket.socket]] = {}
    while True:
        told, streams, _, _ = socket.recv_fds(asked, MOST, _STREAMS)
        if not told:
            return
        order: Order = json.loads(told)
        answer = _REFUSED
        if order["module"]:
            code = os.path.realpath(order["cwd"])
            its = templates.setdefault(code, [])
            for number in range(_MOST_TEMPLATES):
                if number == len(its):
                    its.append(_new_template(code, [asked, *chain(*templates.values())], streams))
                socket.send_fds(its[number], [told], streams)
                if (answer := its[number].recv(32)) != _REFUSED:
                    break
        if answer == _REFUSED:
            answer = _fork(order, streams, [asked, *chain(*templates.values())])
        for stream in streams:
            os.close(stream)
        asked.send(answer)


def _read_models() -> None:
    botocore.session.create_loader = cache(botocore.session.create_loader)
    for service in _WARM:
        boto3.client(  # type: ignore[call-overload]
            service, region_name="us-east-1", aws_access_key_id="-", aws_secret_access_key="-"
        )
    boto3.DEFAULT_SESSION = None


def _new_template(code: str, sockets: list[socket.socket], streams: list[int]) -> socket.socket:
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MOST)
    if not os.fork():
        for each in (ours, *sockets):
            each.close()
        for stream in streams:
            os.close(stream)
        _be_template(its, code)
    its.close()
    return ours


def _be_template(asked: socket.socket, code: str) -> NoReturn:
    imported, read = set[str](), dict[str, str | None]()
    while True:
        told, streams, _, _ = socket.recv_fds(asked, MOST, _STREAMS)
        if not told:
            os._exit(0)
        order: Order = json.loads(told)
        name, environment = order["module"], order["env"]
        answer = _REFUSED
        if all(environment.get(each) == value for each, value in read.items()):
            if name not in imported:
                imported.add(name)
                with _environment(environment, read), suppress(BaseException):  # a sandbox says what is wrong
                    sys.path.insert(0, code)
                    importlib.import_module(name)
                sys.path.remove(code)
                gc.freeze()
            answer = _fork(order, streams, [asked])
        for stream in streams:
            os.close(stream)
        asked.send(answer)


class _Noted(os._Environ[str]):
    """Notes what is read."""

    read: dict[str, str | None]

    def __getitem__(self, key: str) -> str:
        self.read[key] = None
        self.read[key] = value = super().__getitem__(key)
        return value


@contextmanager
def _environment(given: Mapping[str, str], read: dict[str, str | None]) -> Iterator[None]:
    """Have the environment for a while, and note what is read of it."""
    os.environ.clear()
    os.environ.update(given)
    environment: Any = os.environ
    environment.__class__, environment.read = _Noted, read
    try:
        yield
    finally:
        environment.__class__ = os._Environ


def _fork(order: Order, streams: list[int], sockets: list[socket.socket]) -> bytes:
    sandbox = os.fork()
    if not sandbox:
        for each in sockets:
            each.close()
        _become(order, streams)
    return str(sandbox).encode()


def _become(order: Order, streams: list[int]) -> NoReturn:
    """Be the sandbox, as if Python had been started with the script."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.stdin, sys.stdout = os.fdopen(0), os.fdopen(1, "w")
    sys.stderr = os.fdopen(2, "w", buffering=1, errors="backslashreplace")
    os.environ.clear()
    os.environ.update(order["env"])
    os.chdir(order["cwd"])
    sys.argv = [order["script"]]
    status = 1
    try:
        sys.modules.pop("sitecustomize", None)
        site.execsitecustomize()  # with the sandbox's environment
        runpy.run_path(order["script"], run_name="__main__")
        status = 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    main()
