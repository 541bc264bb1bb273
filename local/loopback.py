"""The local cloud is for this machine alone: its process listens on the loopback address only."""

import ipaddress
import sys
from typing import Any


def keep_to_loopback() -> None:
    """Refuse this process every other address, whatever a service of the emulator's wants to listen on."""
    sys.addaudithook(_refuse_other_addresses)


def _refuse_other_addresses(event: str, given: tuple[Any, ...]) -> None:
    if event == "socket.bind" and isinstance(given[1], tuple) and not _is_loopback(str(given[1][0])):
        raise PermissionError(f"{given[1][0] or '*'}: the local cloud listens on the loopback address only")


def _is_loopback(host: str) -> bool:
    """
    >>> [_is_loopback(host) for host in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "")]
    [True, True, True, False, False]
    """
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
