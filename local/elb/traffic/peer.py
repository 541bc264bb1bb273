"""One HTTP/1.1 connection, to a client or to a target."""

from __future__ import annotations

import asyncio
from typing import Any

import h11

from local.elb.traffic.tunnel import CHUNK, Streams

_LONGEST_HEAD = 1 << 16

Event = Any  # h11's events have no common type


class Peer:
    """h11's view of a connection, with its streams."""

    def __init__(self, role: type[h11.CLIENT] | type[h11.SERVER], streams: Streams) -> None:
        """`role` is ours."""
        self.streams = streams
        self.http = h11.Connection(role, max_incomplete_event_size=_LONGEST_HEAD)
        self._out = b""

    @property
    def has_ended(self) -> bool:
        """Whether the other side has closed the connection, as far as is known without reading."""
        return self.streams[0].at_eof() or self.streams[1].is_closing()

    @property
    def is_reusable(self) -> bool:
        return self.http.our_state is h11.DONE and self.http.their_state is h11.DONE and not self.has_ended

    def put(self, event: Event) -> None:
        """Send an event with the next flush."""
        self._out += self.http.send(event) or b""

    async def flush(self) -> None:
        if self._out:
            data, self._out = self._out, b""
            self.streams[1].write(data)
            await self.streams[1].drain()

    async def receive(self, timeout: float, other: Peer | None = None) -> Event:
        """The next event; before it waits, what `other` has to send is sent.

        Raises h11.RemoteProtocolError, OSError, and TimeoutError after `timeout` seconds without a byte.
        """
        while (event := self.http.next_event()) is h11.NEED_DATA:
            if self.http.they_are_waiting_for_100_continue:
                self.put(h11.InformationalResponse(status_code=100, headers=[]))
                await self.flush()
            if other:
                await other.flush()
            async with asyncio.timeout(timeout):
                data = await self.streams[0].read(CHUNK)
            self.http.receive_data(data)
        return event

    def close(self) -> None:
        self.streams[1].close()
