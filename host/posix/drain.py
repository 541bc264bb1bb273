"""The drain: a host that load balancers were told to leave alone waits until their last requests are answered.

New requests may come for a while yet, so it waits for that long at least; then until nobody from outside has a
connection to the ports of the traffic. Linux shows connections in /proc/net/tcp and tcp6, addresses as hexadecimal
words in the host's byte order (kernel documentation, proc_net_tcp).
"""

import ipaddress
import socket
import struct
import time
from typing import Iterator, List, NamedTuple, Sequence, Union

from host.instructions import Drain

_TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
_HOSTS = "/etc/hosts"
_ESTABLISHED = "01"
_EVERY = 0.25  # seconds between two readings
_QUIET = 3  # readings in a row without a connection: a client may be between two of them
_Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]


class Drained(NamedTuple):
    """How a drain ended."""

    seconds: float
    left: int  # connections that were still open

    @property
    def shown(self) -> str:
        if self.left:
            return "{} connections of clients were still open after {:.1f} s of draining".format(
                self.left, self.seconds
            )
        return "drained in {:.1f} s".format(self.seconds)


def drain(wanted: Drain, deadline: float) -> Drained:
    """Wait as long as the drain takes; until the deadline, a time of time.monotonic(), at the latest."""
    began, quiet = time.monotonic(), 0
    first, last = min(began + wanted.at_least, deadline), min(began + wanted.at_most, deadline)
    while True:
        left = connections(wanted.ports)
        quiet = 0 if left else quiet + 1
        now = time.monotonic()
        if now >= first and (quiet >= _QUIET or now >= last):
            return Drained(now - began, left)
        time.sleep(_EVERY)


def connections(ports: Sequence[int]) -> int:
    """How many connections to these ports others than the host itself have."""
    own: List[_Address] = []
    count = 0
    for local, port, remote in _established():
        if port not in ports or local == remote:
            continue
        if local.is_loopback:  # of the host itself, but where the host's own address is such a one
            own = own or list(_own_addresses())
            if local not in own:
                continue
        count += 1
    return count


def _established() -> "Iterator[tuple[_Address, int, _Address]]":
    """Local address and port, and remote address."""
    for table in _TABLES:
        try:
            with open(table) as file:
                next(file, "")
                for line in file:
                    fields = line.split()
                    if fields[3] == _ESTABLISHED:
                        local, _, port = fields[1].partition(":")
                        yield _address(local), int(port, 16), _address(fields[2].partition(":")[0])
        except FileNotFoundError:  # IPv6 is off
            continue


def _address(text: str) -> _Address:
    words = struct.pack("={}I".format(len(text) // 8), *(int(text[at : at + 8], 16) for at in range(0, len(text), 8)))
    found = ipaddress.ip_address(words)
    return getattr(found, "ipv4_mapped", None) or found


def _own_addresses() -> Iterator[_Address]:
    """What the host's file says of its own name."""
    name = socket.gethostname()
    try:
        with open(_HOSTS) as file:
            for line in file:
                fields = line.partition("#")[0].split()
                if name in fields[1:]:
                    yield ipaddress.ip_address(fields[0])
    except (OSError, ValueError):
        return
