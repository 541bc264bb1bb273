"""Whose process is at the other end of a connection of this machine: of real connections."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.account.loopback import peers

ME = os.getuid()
Ends = tuple[tuple[str, int], tuple[str, int]]


@pytest.fixture
def ends() -> Iterator[Ends]:
    """The addresses of a client and its server, which are connected."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        accepted, address = server.accept()
        with accepted:
            yield address, accepted.getsockname()


def test_ones_own_process_is_no_other_person(ends: Ends) -> None:
    assert not peers.is_of_another_person(*ends)


def test_a_process_of_another_user_is_known(ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "_ROOT", -1)
    monkeypatch.setattr(os, "getuid", lambda: ME + 1)
    assert peers.is_of_another_person(*ends)


def test_root_may_connect_for_others(ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "_ROOT", ME)
    monkeypatch.setattr(os, "getuid", lambda: ME + 1)
    assert not peers.is_of_another_person(*ends)


def test_what_no_table_tells_is_not_held_against_anybody(ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    (address, port), server = ends
    assert not peers.is_of_another_person((address, port + 1), server)
    monkeypatch.setattr(peers, "_TABLE", Path("/nothing"))
    assert not peers.is_of_another_person((address, port), server)
