"""What a process and all that it started listen on, read from /proc."""

import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")
_TCP_LISTEN, _UDP_UNCONNECTED = "0A", "07"
_UNIX_ACCEPTS = 0x10000  # __SO_ACCEPTCON


def listening(process: int) -> set[str]:
    """`tcp 127.0.0.1:4566`, `udp6 [::]:53`, `unix @name` of each socket that somebody else could reach."""
    found: set[str] = set()
    for each in _tree(process):
        with suppress(OSError):  # it has ended meanwhile
            inodes = {link for link in map(_inode, (PROC / str(each) / "fd").iterdir()) if link}
            found |= {name for inode, name in _sockets(PROC / str(each) / "net") if inode in inodes}
    return found


def _tree(top: int) -> list[int]:
    parents: dict[int, int] = {}
    for path in PROC.iterdir():
        with suppress(OSError):
            if path.name.isdigit():
                parents[int(path.name)] = int((path / "stat").read_text().rpartition(")")[2].split()[1])
    found = [top]
    for each in found:
        found += [pid for pid, parent in parents.items() if parent == each]
    return found


def _inode(descriptor: Path) -> str:
    """Of a socket; "" for what is none."""
    with suppress(OSError):
        target = str(descriptor.readlink())
        if target.startswith("socket:["):
            return target[len("socket:[") : -1]
    return ""


def _sockets(net: Path) -> Iterator[tuple[str, str]]:
    for kind, state in (("tcp", _TCP_LISTEN), ("udp", _UDP_UNCONNECTED)):
        for each in (kind, kind + "6"):
            if (net / each).exists():  # a machine may have no IPv6
                yield from _of_internet(net / each, each, state)
    for line in (net / "unix").read_text().splitlines()[1:]:
        fields = line.split(maxsplit=7)
        if int(fields[3], 16) & _UNIX_ACCEPTS:
            yield fields[6], f"unix {fields[7] if len(fields) > 7 else ''}"


def _of_internet(table: Path, kind: str, state: str) -> Iterator[tuple[str, str]]:
    for line in table.read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == state:
            address, _, port = fields[1].partition(":")
            yield fields[9], f"{kind} {_address(address)}:{int(port, 16)}"


def _address(text: str) -> str:
    """The kernel writes an address as words of 32 bits, each in this machine's order."""
    words = [int(text[start : start + 8], 16) for start in range(0, len(text), 8)]
    packed = struct.pack(f"={len(words)}I", *words)
    if len(words) == 1:
        return socket.inet_ntop(socket.AF_INET, packed)
    return f"[{socket.inet_ntop(socket.AF_INET6, packed)}]"
