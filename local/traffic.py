"""Clients that call one address all the time, and count what fails: keep-alive requests, and long answers beside them.

with Traffic("127.77.0.250:80") as traffic:
    ...  # a deployment
assert traffic.tally.failed == 0

`python -m local.traffic ADDRESS --requests 100000` does so from a process of its own, and prints what it counted.

A request failed when its answer is not a whole 200. Nothing is tried again; a client whose connection broke makes
another one for its next request.
"""

import argparse
import asyncio
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType

PATIENCE = 30.0  # seconds without a byte
_LIMIT = 1 << 20


@dataclass
class Tally:
    """What was counted; answers by their text, of which a long one is worth its first line."""

    answers: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    long_answers: int = 0
    seconds: float = 0.0

    @property
    def requests(self) -> int:
        return self.answers.total() + self.long_answers + self.failed

    @property
    def failed(self) -> int:
        return self.failures.total()


class Failed(Exception):
    """A request without a whole, good answer; the text says why."""


class Traffic:
    """Calls from the block's begin to its end; then requests in flight end."""

    def __init__(
        self,
        address: str,
        *,
        clients: int = 32,
        path: str = "/",
        long_clients: int = 8,
        long_path: str = "",
        pause: float = 0.0,
        at_most: int | None = None,
    ) -> None:
        """`long_path` is answered slowly; without one there are no long answers. A client rests for `pause` seconds
        between two requests, and all end after `at_most` short requests."""
        host, _, port = address.rpartition(":")
        self._place = (host, int(port))
        self._clients = [(path, pause)] * clients
        self._long_clients = [long_path] * (long_clients if long_path else 0)
        self._left = at_most
        self._ended = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self.tally = Tally()

    def __enter__(self) -> "Traffic":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Let the requests in flight end, and make no others."""
        self._ended.set()
        self._thread.join()

    @property
    def has_begun(self) -> bool:
        return self._thread.ident is not None

    def join(self) -> None:
        """Wait until all requests have been made; there has to be a number of them."""
        self._thread.join()

    async def _run(self) -> None:
        began = time.monotonic()
        short = asyncio.gather(*(self._call(path, pause) for path, pause in self._clients))
        long = asyncio.gather(*(self._call_long(path) for path in self._long_clients))
        await short
        self._ended.set()
        await long
        self.tally.seconds = time.monotonic() - began

    async def _call(self, path: str, pause: float) -> None:
        async with _Client(self._place) as client:
            while not self._ended.is_set() and self._left != 0:
                if self._left is not None:
                    self._left -= 1
                if (text := await self._counted(client, path)) is not None:
                    self.tally.answers[text] += 1
                await asyncio.sleep(pause)

    async def _call_long(self, path: str) -> None:
        async with _Client(self._place) as client:
            while not self._ended.is_set():
                if await self._counted(client, path) is not None:
                    self.tally.long_answers += 1

    async def _counted(self, client: "_Client", path: str) -> str | None:
        try:
            return (await client.get(path)).decode(errors="replace").strip()
        except (Failed, OSError, TimeoutError, asyncio.IncompleteReadError, ValueError) as error:
            self.tally.failures[str(error) if isinstance(error, Failed) else type(error).__name__] += 1
            client.close()
            return None


class _Client:
    """One connection, made again after it has broken."""

    def __init__(self, place: tuple[str, int]) -> None:
        self._place = place
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._head = f"Host: {place[0]}:{place[1]}\r\n\r\n"

    async def __aenter__(self) -> "_Client":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        if self._streams:
            self._streams[1].close()
        self._streams = None

    async def get(self, path: str) -> bytes:
        """The answer's body. Raises Failed, OSError, TimeoutError, IncompleteReadError."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(*self._place, limit=_LIMIT)
        reader, writer = self._streams
        writer.write(f"GET {path} HTTP/1.1\r\n{self._head}".encode())
        async with asyncio.timeout(PATIENCE):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        status = head.split(" ", 2)[1]
        body = await _body(reader, head)
        if re.search(r"(?im)^connection: *close", head):
            self.close()
        if status != "200":
            raise Failed(f"status {status}")
        return body


async def _body(reader: asyncio.StreamReader, head: str) -> bytes:
    if re.search(r"(?im)^transfer-encoding: *chunked", head):
        return await _chunks(reader)
    length = re.search(r"(?im)^content-length: *(\d+)", head)
    if length is None:
        raise Failed("an answer without a length")
    async with asyncio.timeout(PATIENCE):
        return await reader.readexactly(int(length[1]))


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while True:
        async with asyncio.timeout(PATIENCE):
            size = int(await reader.readuntil(b"\r\n"), 16)
            body += (await reader.readexactly(size + 2))[:size]
        if size == 0:
            return body


def main(arguments: list[str] | None = None, say: Callable[[str], None] = print) -> int:
    parser = argparse.ArgumentParser(prog="python -m local.traffic")
    parser.add_argument("address", help="for example 127.77.0.250:80")
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--path", default="/")
    parser.add_argument("--long-clients", type=int, default=8)
    parser.add_argument("--long-path", default="", help="a path whose answer takes long; default: none is asked for")
    options = parser.parse_args(arguments)
    traffic = Traffic(
        options.address,
        clients=options.clients,
        path=options.path,
        long_clients=options.long_clients,
        long_path=options.long_path,
        at_most=options.requests,
    )
    with traffic:
        traffic.join()
    say(json.dumps({**vars(traffic.tally), "requests": traffic.tally.requests, "failed": traffic.tally.failed}))
    return 1 if traffic.tally.failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
