"""The signing proxy: requests of CodeDeploy's clients, checked, signed anew, and sent to the control API.

Whoever reaches the port acts with the proxy's credentials. Loopback keeps other machines out. What keeps out other
people of this machine, and web pages in a browser, is that the address ends in a name that nobody can guess; clients
take an endpoint with a path as it is. A browser is refused even with that name: by the Origin that it sends with what a
page of another site posts, and by the Host of a page whose name was made to resolve to this machine (DNS rebinding).
What a client itself signed with does not matter, and goes nowhere.
"""

import json
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from http.client import LineTooLong
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SHUT_RDWR, socket
from threading import Lock, Thread
from types import TracebackType
from typing import IO, Any, NamedTuple
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError, NoCredentialsError, NoRegionError
from botocore.httpsession import URLLib3Session

from cli.account.connection import Engine
from cli.account.service_model import files

MAX_BYTES = 256 * 1024  # of a request, as functions/api/protocol.py has it
MAX_HEAD_BYTES = 64 * 1024  # of a request line with all headers
MAX_CONNECTIONS = 64
_IDLE_SECONDS = 60  # from a connection's begin, or its last answer, to the last byte of its next request
_CONNECT_SECONDS, _ANSWER_SECONDS = 5, 35  # the API answers within 30
_ADDRESS = "127.0.0.1"
_TARGET = "CodeDeploy_20141006."
_JSON = "application/x-amz-json-1.1"
_PASSED_ON = ("content-type", "x-amzn-errortype", "x-amzn-requestid", "apigw-requestid")

# What API Gateway refuses by itself, as exceptions that SDKs know: which to retry, and what to tell.
_GATEWAY = {
    403: ("AccessDeniedException", "these credentials may not call {operation}: see docs/api-policies.md"),
    404: ("UnknownOperationException", "the engine has no {operation}: update its stack with cdk deploy"),
    429: ("ThrottlingException", "too many requests at once: try again later"),
}

Note = Callable[[str, int, float], None]  # operation, status, seconds


class Answer(NamedTuple):
    """What a client gets."""

    status: int
    headers: dict[str, str]
    body: bytes


def refusal(status: int, code: str, message: str) -> Answer:
    """An error in the form of CodeDeploy's."""
    body = json.dumps({"__type": code, "message": message}).encode()
    return Answer(status, {"content-type": _JSON, "x-amzn-errortype": code}, body)


class Forwarder:
    """Sends operations to the control API, signed with the credentials of the engine's session, which refresh."""

    def __init__(self, engine: Engine) -> None:
        """Raises what botocore does without credentials or a region, and Refusal without a stack."""
        self.endpoint = engine.endpoint.rstrip("/")
        self._credentials = engine.session.get_credentials()
        self._region = engine.session.region_name
        if self._credentials is None:
            raise NoCredentialsError
        if self._region is None:
            raise NoRegionError
        timeout: Any = (_CONNECT_SECONDS, _ANSWER_SECONDS)  # the stubs know one number only
        self._session = URLLib3Session(timeout=timeout, max_pool_connections=MAX_CONNECTIONS)

    def send(self, operation: str, body: bytes) -> Answer:
        request = AWSRequest("POST", f"{self.endpoint}/{operation}", data=body, headers={"Content-Type": _JSON})
        SigV4Auth(self._credentials.get_frozen_credentials(), "execute-api", self._region).add_auth(request)
        try:
            answer = self._session.send(request.prepare())
        except BotoCoreError as error:
            return refusal(503, "ServiceUnavailableException", f"the control API does not answer: {error}")
        headers = {name.lower(): value for name, value in answer.headers.items()}
        if answer.status_code != 200 and "x-amzn-errortype" not in headers:
            return _of_gateway(answer.status_code, operation)
        kept = {name: headers[name] for name in _PASSED_ON if name in headers}
        return Answer(answer.status_code, kept, answer.content)


def _of_gateway(status: int, operation: str) -> Answer:
    code, message = _GATEWAY.get(status, ("InternalFailure", "the control API failed: see its logs"))
    return refusal(status, code, message.format(operation=operation))


@cache
def operations() -> frozenset[str]:
    return frozenset(files()["service-2"]["operations"])


class Proxy:
    """`with Proxy(forwarder) as proxy: ...` serves at `proxy.url`. Raises OSError for a port that is taken."""

    def __init__(self, forwarder: Forwarder, *, port: int = 0, note: Note | None = None) -> None:
        self.path = f"/{secrets.token_urlsafe(16)}"
        self._server = _Server((_ADDRESS, port), _handler(forwarder, self.path, note))
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1})

    @property
    def url(self) -> str:
        return f"http://{_ADDRESS}:{self._server.server_port}{self.path}"

    def __enter__(self) -> "Proxy":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
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


def _is_of_this_machine(name: str, value: str) -> bool:
    """Whether a Host or an Origin is this machine's loopback address, by number or by name; of any port.

    >>> [_is_of_this_machine("host", host) for host in ("127.0.0.1:80", "a.localhost", "evil.example", "localhost@x")]
    [True, True, False, False]
    >>> [_is_of_this_machine("origin", origin) for origin in ("http://localhost:3000", "https://evil.example", "null")]
    [True, False, False]
    """
    try:
        found = urlsplit(f"//{value}" if name == "host" else value)
        host = found.hostname or ""
    except ValueError:
        return False
    is_name = host == "localhost" or host.endswith(".localhost")  # which never leaves a machine: RFC 6761, 6.3
    return found.username is None and (is_name or host == _ADDRESS)


def _handler(forwarder: Forwarder, path: str, note: Note | None) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        server: _Server

        def setup(self) -> None:
            super().setup()
            self.rfile: Any = _Reader(self.rfile)

        def handle_one_request(self) -> None:
            self.rfile.begin_head()
            super().handle_one_request()

        def do_POST(self) -> None:
            began = time.monotonic()
            operation = self.headers.get("x-amz-target", "").removeprefix(_TARGET)
            answer = self._refusal(operation)
            if answer is None:
                length = int(self.headers["content-length"])
                body = self.rfile.read(length)
                if len(body) < length or not self.server.begin_work(self.connection):
                    self.close_connection = True  # half a request is none
                    return
                try:
                    answer = forwarder.send(operation, body)
                finally:
                    self.server.end_work(self.connection)
            else:
                self.close_connection = True  # its body was not read
            self._answer(answer)
            if note:
                note(operation if operation in operations() else "?", answer.status, time.monotonic() - began)

        def _refusal(self, operation: str) -> Answer | None:
            length = self.headers.get("content-length", "")
            for name in ("host", "origin"):
                given = self.headers.get_all(name, ["nothing"] if name == "host" else [])
                if not all(_is_of_this_machine(name, value) for value in given):
                    what = f"{name.title()} is {', '.join(given)[:100]}: use the printed URL, from no web page"
                    return refusal(403, "AccessDeniedException", what)
            if not secrets.compare_digest(self.path.rstrip("/").encode(), path.encode()):
                return refusal(
                    404, "UnknownOperationException", f"nothing is at {self.path[:100]}: use the printed URL"
                )
            if self.headers.get("x-amz-target", "") != f"{_TARGET}{operation}" or operation not in operations():
                what = "X-Amz-Target names no CodeDeploy operation: this proxy forwards CodeDeploy requests only"
                return refusal(400, "UnknownOperationException", what)
            if not (length.isascii() and length.isdecimal()) or "transfer-encoding" in self.headers:
                return refusal(411, "SerializationException", "the request has no Content-Length, or is chunked")
            if int(length) > MAX_BYTES:
                what = f"the request has {length[:20]} bytes, at most {MAX_BYTES}"
                return refusal(413, "RequestEntityTooLargeException", what)
            return None

        def _answer(self, answer: Answer) -> None:
            self.send_response(answer.status)
            for name, value in {**answer.headers, "content-length": str(len(answer.body))}.items():
                self.send_header(name, value)
            if self.close_connection:
                self.send_header("connection", "close")
            self.end_headers()
            self.wfile.write(answer.body)

        def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
            """What http.server itself refuses: methods that there are none of, lines and headers that are too long."""
            self.close_connection = True
            status, code_name = (405, "UnknownOperationException") if code == 501 else (code, "SerializationException")
            self._answer(refusal(status, code_name, message or "this is not an HTTP request"))

        def version_string(self) -> str:
            return "stepdeploy"

        def log_message(self, format: str, *arguments: object) -> None:
            """`note` tells; what a client sent is nowhere written."""

    return Handler
