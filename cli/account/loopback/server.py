"""A server for this machine alone: what the proxy and the console keep to at a port of the loopback address.

Loopback keeps other machines out, not other people of this machine, nor web pages in a browser: that is for who serves
here, with a name that nobody can guess and with `is_of_this_machine`. What hangs or is slow blocks nobody.
"""

import signal
import time
from contextlib import suppress
from http.client import LineTooLong
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SHUT_RDWR, socket
from threading import Event, Lock, Thread
from types import TracebackType
from typing import IO, Any, Self
from urllib.parse import urlsplit

ADDRESS = "127.0.0.1"
MAX_HEAD_BYTES = 64 * 1024  # of a request line with all headers
MAX_CONNECTIONS = 64
_IDLE_SECONDS = 60  # from a connection's begin, or its last answer, to the last byte of its next request


class Serving:
    """`with` it, the server answers in threads of its own. Raises OSError for a port that is taken; 0: a free one."""

    def __init__(self, port: int, handler: type["Handler"]) -> None:
        self._server = Server((ADDRESS, port), handler)
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1})

    @property
    def port(self) -> int:
        return self._server.server_port

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class Server(ThreadingHTTPServer):
    """A thread for each connection, and a limit on both.

    A connection that has no whole request to offer is closed after a while, and before that when the limit is reached
    and another one comes: the one that has waited longest. Who comes while all are being answered is turned away.
    """

    request_queue_size = 128  # connections that have not been accepted yet; of more, a client's kernel tries again
    daemon_threads = True
    block_on_close = False  # a client that keeps its connection does not keep us

    def __init__(self, *arguments: Any) -> None:
        self._lock = Lock()
        self._waiting: dict[socket, float] = {}  # for a request, since when; the longest first
        self._working: set[socket] = set()
        super().__init__(*arguments)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            has_place = len(self._waiting) + len(self._working) < MAX_CONNECTIONS
            if not has_place and self._waiting:
                self._drop(next(iter(self._waiting)))
                has_place = True
            if has_place:
                self._waiting[request] = time.monotonic()
        if has_place:
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._lock:
                self._waiting.pop(request, None)
                self._working.discard(request)

    def service_actions(self) -> None:
        """The server's loop calls it several times a second."""
        with self._lock:
            for connection, since in list(self._waiting.items()):
                if time.monotonic() - since > _IDLE_SECONDS:
                    self._drop(connection)

    def server_close(self) -> None:
        super().server_close()
        with self._lock:
            for connection in list(self._waiting):
                self._drop(connection)

    def _drop(self, connection: socket) -> None:
        """Its thread, which waits for bytes, finds the end of them."""
        del self._waiting[connection]
        with suppress(OSError):  # the client was faster
            connection.shutdown(SHUT_RDWR)

    def begin_work(self, connection: socket) -> bool:
        """False for a connection that has been dropped: nothing may be done for it."""
        with self._lock:
            if self._waiting.pop(connection, None) is None:
                return False
            self._working.add(connection)
            return True

    def end_work(self, connection: socket) -> None:
        with self._lock:
            self._working.discard(connection)
            self._waiting[connection] = time.monotonic()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""


class _Reader:
    """A connection's bytes; the head of a request has a limit."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.read, self.close = file.read, file.close
        self.begin_head()

    @property
    def closed(self) -> bool:
        return self._file.closed

    def begin_head(self) -> None:
        self._left = MAX_HEAD_BYTES

    def readline(self, limit: int) -> bytes:
        if self._left < 0:
            raise LineTooLong("head")
        line = self._file.readline(min(limit, self._left + 1))
        self._left -= len(line)
        return line


class Handler(BaseHTTPRequestHandler):
    """What is the same for all requests. What a client sent is written nowhere."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else a body waits 40 ms until its head is acknowledged
    server: Server

    def setup(self) -> None:
        super().setup()
        self.rfile: Any = _Reader(self.rfile)

    def handle_one_request(self) -> None:
        self.rfile.begin_head()
        super().handle_one_request()

    def version_string(self) -> str:
        return "stepdeploy"

    def log_message(self, format: str, *arguments: object) -> None:
        """Whoever serves here tells what is to be told."""

    def strangers(self) -> str:
        """The Host or Origin of a request that another machine's page sends; empty where there is none such."""
        for name in ("host", "origin"):
            given = self.headers.get_all(name, ["nothing"] if name == "host" else [])
            if not all(is_of_this_machine(name, value) for value in given):
                return f"{name.title()} is {', '.join(given)[:100]}"
        return ""


def is_of_this_machine(name: str, value: str) -> bool:
    """Whether a Host or an Origin is this machine's loopback address, by number or by name; of any port.

    >>> [is_of_this_machine("host", host) for host in ("127.0.0.1:80", "a.localhost", "evil.example", "localhost@x")]
    [True, True, False, False]
    >>> [is_of_this_machine("origin", origin) for origin in ("http://localhost:3000", "https://evil.example", "null")]
    [True, False, False]
    """
    try:
        found = urlsplit(f"//{value}" if name == "host" else value)
        host = found.hostname or ""
    except ValueError:
        return False
    is_name = host == "localhost" or host.endswith(".localhost")  # which never leaves a machine: RFC 6761, 6.3
    return found.username is None and (is_name or host == ADDRESS)


def wait_for_the_end() -> None:
    """Until Ctrl-C or SIGTERM."""
    ended = Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    signal.signal(signal.SIGINT, lambda *_: ended.set())
    ended.wait()
