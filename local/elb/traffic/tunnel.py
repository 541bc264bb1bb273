"""Bytes both ways: what a Network Load Balancer does with each connection, and any balancer after an upgrade."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from local.elb.traffic.health import tls
from local.elb.traffic.pool import Member

CONNECT_SECONDS = 10.0  # "HTTP 504: the load balancer failed to establish a connection within 10 seconds"
CHUNK = 1 << 16

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def connect(member: Member, port: int, *, protocol: str, source: str) -> Streams:
    """A connection to a target. Raises OSError, TimeoutError after ten seconds."""
    place = member.place()
    async with asyncio.timeout(CONNECT_SECONDS):
        if place is None or place.address is None:
            await asyncio.Event().wait()
            raise TimeoutError
        return await asyncio.open_connection(
            place.address, port, local_addr=(source, 0), ssl=tls(protocol), limit=CHUNK
        )


class Tunnel:
    """Two connections that carry each other's bytes until both have ended."""

    def __init__(self, client: Streams, target: Streams) -> None:
        self._client, self._target = client, target

    def close(self) -> None:
        for _, writer in (self._client, self._target):
            writer.transport.abort()

    async def carry(self, *, to_target: bytes = b"", to_client: bytes = b"") -> None:
        """Carry what has been read already, then what comes."""
        try:
            self._target[1].write(to_target)
            self._client[1].write(to_client)
            await asyncio.gather(_pump(self._client[0], self._target[1]), _pump(self._target[0], self._client[1]))
        except OSError:
            pass  # one side has gone: so does the other
        finally:
            self.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(CHUNK):
        writer.write(data)
        await writer.drain()
    with suppress(OSError):
        writer.write_eof()


class TcpListener:
    """Serves a TCP listener: one connection, one target, for as long as the connection lasts."""

    def __init__(
        self, choose: Callable[[], tuple[Member, int] | None], source: Callable[[], str], protocol: str
    ) -> None:
        """`choose` answers a target and its port, `protocol` is the one that targets speak."""
        self._choose, self._source, self._protocol = choose, source, protocol

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        chosen = self._choose()
        if chosen is None:
            writer.transport.abort()
            return
        member, port = chosen
        try:
            target = await connect(member, port, protocol=self._protocol, source=self._source())
        except (OSError, TimeoutError):
            writer.transport.abort()
            return
        tunnel = Tunnel((reader, writer), target)
        member.connections.add(tunnel)
        member.in_flight += 1
        try:
            await tunnel.carry()
        finally:
            member.in_flight -= 1
            member.connections.discard(tunnel)
