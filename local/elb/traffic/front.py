"""The socket of a listener: an address of this machine's loopback network, where clients really connect."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

from local.query import QueryError

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
INSTEAD_OF_PRIVILEGED = 10_000  # port 80 is 10080 where this process may not have it
_WAITING = 1024  # connections that nobody has accepted yet
_LIMIT = 1 << 16


class Front:
    """Listens from the moment it is made. Raises QueryError when somebody else on this machine has the port."""

    def __init__(self, address: str, port: int, serve: Serve) -> None:
        self._serve = serve
        self._socket = _listening(address, port)
        self.address = address
        self.port: int = self._socket.getsockname()[1]
        self._connections: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._starting = asyncio.get_running_loop().create_task(self._start())

    def close(self) -> None:
        """Connections end at once."""
        self._starting.cancel()
        if self._server:
            self._server.close()
        self._socket.close()
        for task in self._connections:
            task.cancel()

    async def _start(self) -> None:
        self._server = await asyncio.start_server(self._connected, sock=self._socket, limit=_LIMIT, backlog=_WAITING)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            await self._serve(reader, writer)
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            self._connections.discard(task)


def _listening(address: str, port: int) -> socket.socket:
    found = socket.socket()
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        try:
            found.bind((address, port))
        except PermissionError:
            found.bind((address, port + INSTEAD_OF_PRIVILEGED))
        found.listen(_WAITING)
        found.setblocking(False)
    except OSError as error:
        found.close()
        message = f"The local cloud cannot listen at {address}:{port}: {error.strerror}"
        raise QueryError("InvalidConfigurationRequest", message) from error
    return found
