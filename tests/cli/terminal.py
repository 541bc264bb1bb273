"""A terminal, as standard output of a verb in the test's process."""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Thread

import pytest


@contextmanager
def terminal(encoding: str = "utf-8", **environment: str) -> Iterator[list[str]]:
    """Standard output is a terminal of 24 lines of 100 columns; what was written to it is there afterwards."""
    master, slave = os.openpty()
    written: list[bytes] = []
    shown: list[str] = []

    def read() -> None:
        with suppress(OSError):  # how a terminal's other side ends
            while chunk := os.read(master, 65536):
                written.append(chunk)

    reader = Thread(target=read)
    reader.start()
    variables = {"TERM": "xterm-256color", "COLUMNS": "100", "LINES": "24", **environment}
    with pytest.MonkeyPatch.context() as patched, os.fdopen(slave, "w", encoding=encoding) as out:
        patched.setattr(sys, "stdout", out)
        patched.delenv("NO_COLOR", raising=False)
        for name, value in variables.items():
            patched.setenv(name, value)
        yield shown
    reader.join()
    os.close(master)
    shown.append(b"".join(written).decode())


def without_orders(text: str) -> str:
    """What a terminal shows of a text: without colors and other orders."""
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text)
