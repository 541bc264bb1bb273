"""The drain on the host: over real sockets, it waits for connections from outside, and for no others."""

import ipaddress
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from host.instructions import Drain
from host.posix import drain as draining
from host.posix.drain import connections, drain

FAMILIES = [(socket.AF_INET, "127.0.0.9", "127.0.0.10"), (socket.AF_INET6, "::1", "127.0.0.10")]
LATER = time.monotonic() + 3600


@contextmanager
def connected(family: socket.AddressFamily, address: str, client: str) -> Iterator[tuple[int, socket.socket]]:
    """A port with one connection, by a client of another address where there is one: its own end comes, too."""
    with ExitStack() as open_ones:
        server = open_ones.enter_context(socket.socket(family))
        server.bind((address, 0))
        server.listen()
        other = open_ones.enter_context(socket.socket(family))
        if family is socket.AF_INET:
            other.bind((client, 0))
        other.connect(server.getsockname())
        accepted, _ = server.accept()
        open_ones.enter_context(accepted)
        yield server.getsockname()[1], other


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host whose own address is a loopback one, as those of the local cloud."""
    monkeypatch.setattr(draining, "_own_addresses", lambda: iter([ipaddress.ip_address("127.0.0.9")]))


def test_a_connection_from_outside_is_waited_for(here: None) -> None:
    with connected(socket.AF_INET, "127.0.0.9", "127.0.0.10") as (port, client):
        assert connections([port]) == 1 and connections([port + 1]) == 0
        threading.Timer(0.6, client.close).start()
        ended = drain(Drain(ports=(port,), at_least=0, at_most=20), LATER)
    assert 0.6 < ended.seconds < 10 and ended.left == 0
    assert ended.shown.startswith("drained in ")


def test_a_connection_that_stays_is_left_to_break(here: None) -> None:
    with connected(socket.AF_INET, "127.0.0.9", "127.0.0.10") as (port, _):
        ended = drain(Drain(ports=(port,), at_least=0, at_most=1), LATER)
    assert 1 <= ended.seconds < 5 and ended.shown.startswith("1 connections of clients were still open after 1.")


def test_a_host_of_which_nobody_knows_yet_that_it_left_waits_all_the_same(here: None) -> None:
    assert 1 <= drain(Drain(ports=(1,), at_least=1, at_most=300), LATER).seconds < 5
    assert drain(Drain(ports=(1,), at_least=300, at_most=300), time.monotonic()).seconds < 5, "its step has an end"


@pytest.mark.parametrize(("family", "address", "client"), FAMILIES)
def test_connections_of_the_host_to_itself_are_none(family: socket.AddressFamily, address: str, client: str) -> None:
    with connected(family, address, client) as (port, _):
        assert connections([port]) == 0


def test_ipv6_and_ipv4_over_ipv6_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ends of a connection are this machine, so the table is read as if they were not."""
    with connected(socket.AF_INET6, "::1", "") as (port, _):
        seen = [each for each in draining._established() if each[1] == port]
        assert [(str(local), str(remote)) for local, _, remote in seen] == [("::1", "::1")]
    with ExitStack() as open_ones:
        server = open_ones.enter_context(socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True))
        client = open_ones.enter_context(socket.socket())
        client.bind(("127.0.0.10", 0))
        client.connect(("127.0.0.9", server.getsockname()[1]))
        open_ones.enter_context(server.accept()[0])
        port = server.getsockname()[1]
        seen = [each for each in draining._established() if each[1] == port]
        assert [(str(local), str(remote)) for local, _, remote in seen] == [("127.0.0.9", "127.0.0.10")]
        monkeypatch.setattr(draining, "_own_addresses", lambda: iter([seen[0][0]]))
        assert connections([port]) == 1


def test_addresses_are_read_as_the_kernel_writes_them() -> None:
    assert str(draining._address("0100007F")) == "127.0.0.1"
    assert str(draining._address("B80D01200000000000000000" + "01000000")) == "2001:db8::1"
    assert str(draining._address("0000000000000000FFFF00000A00000A")) == "10.0.0.10"
