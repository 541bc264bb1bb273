"""Whose process is at the other end of a connection of this machine."""

import os
import socket
import struct
from pathlib import Path

_TABLE = Path("/proc/net/tcp")
_ROOT = 0  # who may do everything anyway; also what forwards connections into a virtual machine
_LOCAL, _REMOTE, _OWNER = 1, 2, 7  # columns. Source: Linux, Documentation/networking/proc_net_tcp.rst


def is_of_another_person(client: tuple[str, int], server: tuple[str, int]) -> bool:
    """Whether the process that connected is known to be another user's. Only Linux tells."""
    try:
        owner = _owner(_TABLE.read_text(), client, server)
    except OSError:
        return False
    return owner is not None and owner not in (os.getuid(), _ROOT)


def _owner(table: str, client: tuple[str, int], server: tuple[str, int]) -> int | None:
    """The user of the client's socket.

    >>> line = "0: 0100007F:C350 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1000        0 1 1"
    >>> _owner(line, ("127.0.0.1", 50000), ("127.0.0.1", 8080))
    1000
    """
    ends = [_written(*client), _written(*server)]
    for line in table.splitlines():
        columns = line.split()
        if columns[_LOCAL : _REMOTE + 1] == ends:
            return int(columns[_OWNER])
    return None


def _written(address: str, port: int) -> str:
    """As the kernel prints it: the address as a number of this machine's byte order."""
    (number,) = struct.unpack("=I", socket.inet_aton(address))
    return f"{number:08X}:{port:04X}"
