"""An HTTP/1.1 listener: requests of clients go to targets, answers come back, both as they flow.

Connections are kept on both sides, and those to targets are used again by any client. Stickiness, HTTP/2 and TLS of
clients are not here.
Source: Application Load Balancers User Guide, "HTTP headers and Application Load Balancers", "Troubleshoot".
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

import h11

from local.elb.traffic.peer import Peer
from local.elb.traffic.pool import Member
from local.elb.traffic.tunnel import Tunnel, connect

Headers = list[tuple[bytes, bytes]]
OF_ONE_CONNECTION = frozenset({b"connection", b"keep-alive", b"proxy-connection", b"expect", b"te"})


@dataclass(frozen=True, slots=True)
class Forward:
    """A request goes to a target."""

    member: Member
    port: int
    protocol: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A request is answered here."""

    status: int
    content_type: str = "text/html"
    body: bytes | None = None  # None: a page that names the status
    location: str = ""

    @property
    def content(self) -> bytes:
        if self.body is not None:
            return self.body
        title = f"{self.status} {HTTPStatus(self.status).phrase}"
        page = f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n"
        return f"{page}</body>\r\n</html>\r\n".encode()


@dataclass(frozen=True, slots=True)
class Asked:
    """What a listener's rules look at."""

    method: str
    host: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]  # names in lower case
    client: str  # its address


Decide = Callable[[Asked], Forward | Answer]


class HttpListener:
    """Serves a listener's connections."""

    def __init__(
        self, decide: Decide, *, port: int, source: Callable[[], str], idle_seconds: Callable[[], float]
    ) -> None:
        """`port` is the listener's, `source` the address that targets see; idle connections end after some seconds."""
        self._decide, self._port, self._source, self._idle_seconds = decide, port, source, idle_seconds

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client's connection, to its end."""
        client = Peer(h11.SERVER, (reader, writer))
        try:
            while await self._serve_one(client):
                client.http.start_next_cycle()
        except (OSError, TimeoutError, h11.LocalProtocolError):
            pass  # the client has gone, is silent, or saw only the begin of an answer
        except h11.RemoteProtocolError as error:
            await self._answer(client, Answer(error.error_status_hint))
        finally:
            client.close()

    async def _serve_one(self, client: Peer) -> bool:
        """Serve a request; whether the connection stays for another one."""
        request = await client.receive(self._idle_seconds())
        if not isinstance(request, h11.Request):
            return False
        address = str(client.streams[1].get_extra_info("peername")[0])
        match self._decide(asked(request, address)):
            case Answer() as here:
                return await self._answer(client, here)
            case Forward() as forward:
                return await _Exchange(self, client, request, forward, address).run()

    async def _answer(self, client: Peer, here: Answer) -> bool:
        if client.http.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            return False  # it has seen the begin of another answer
        headers = [
            ("Server", "awselb/2.0"),
            ("Content-Type", here.content_type),
            ("Content-Length", str(len(here.content))),
        ]
        if here.location:
            headers.append(("Location", here.location))
        while client.http.their_state is h11.SEND_BODY:
            await client.receive(self._idle_seconds())
        client.put(h11.Response(status_code=here.status, headers=headers))
        client.put(h11.Data(data=here.content))
        client.put(h11.EndOfMessage())
        await client.flush()
        return client.is_reusable


class _Exchange:
    """One request and its answer, between a client and a target."""

    def __init__(
        self, listener: HttpListener, client: Peer, request: h11.Request, forward: Forward, address: str
    ) -> None:
        self._listener, self._client, self._request, self._address = listener, client, request, address
        self._member, self._forward = forward.member, forward
        self._seconds = listener._idle_seconds()

    async def run(self) -> bool:
        """Whether the client's connection stays for another request."""
        self._member.in_flight += 1
        try:
            try:
                target = await self._connection()
            except TimeoutError:
                return await self._listener._answer(self._client, Answer(504))
            except OSError:
                return await self._listener._answer(self._client, Answer(502))
            self._member.connections.add(target)
            try:
                return await self._carry(target)
            finally:
                self._member.connections.discard(target)
                self._release(target)
        finally:
            self._member.in_flight -= 1

    async def _connection(self) -> Peer:
        idle = self._member.idle.get(self._forward.port, [])
        while idle:
            found: Peer = idle.pop()
            if not found.has_ended:
                return found
            found.close()
        forward = self._forward
        return Peer(
            h11.CLIENT,
            await connect(self._member, forward.port, protocol=forward.protocol, source=self._listener._source()),
        )

    def _release(self, target: Peer) -> None:
        if target.is_reusable and self._member.is_serving:
            target.http.start_next_cycle()
            self._member.idle.setdefault(self._forward.port, []).append(target)
        else:
            target.close()

    async def _carry(self, target: Peer) -> bool:
        """Send the request and its body while the answer may already come."""
        target.put(
            h11.Request(
                method=self._request.method,
                target=self._request.target,
                headers=forwarded(self._request, self._address, self._listener._port),
            )
        )
        sending = asyncio.create_task(self._send_body(target))
        try:
            return await self._send_answer(target)
        except TimeoutError:
            failed = Answer(504)
        except (OSError, h11.RemoteProtocolError):
            failed = Answer(502)
        finally:
            sending.cancel()
            (ended,) = await asyncio.gather(sending, return_exceptions=True)
        if isinstance(ended, OSError | TimeoutError | h11.RemoteProtocolError):
            return False  # the client has gone in the middle of its request, or the target has seen only its begin
        return await self._listener._answer(self._client, failed)

    async def _send_body(self, target: Peer) -> None:
        while True:
            event = await self._client.receive(self._seconds, target)
            if isinstance(event, h11.Data):
                target.put(h11.Data(data=event.data))
            elif isinstance(event, h11.EndOfMessage):
                target.put(event)
                await target.flush()
                return
            else:
                target.close()
                raise ConnectionResetError("the client has closed the connection in the middle of its request")

    async def _send_answer(self, target: Peer) -> bool:
        client = self._client
        while True:
            event = await target.receive(self._seconds, client)
            if isinstance(event, h11.InformationalResponse) and event.status_code == 101:
                return await self._switch(target, event)
            if isinstance(event, h11.Response):
                client.put(h11.Response(status_code=event.status_code, reason=event.reason, headers=_kept(event)))
            elif isinstance(event, h11.Data):
                client.put(h11.Data(data=event.data))
                await client.flush()
            elif isinstance(event, h11.EndOfMessage):
                client.put(event)
                await client.flush()
                return client.is_reusable
            elif not isinstance(event, h11.InformationalResponse):
                raise h11.RemoteProtocolError("the target has closed the connection")

    async def _switch(self, target: Peer, event: h11.InformationalResponse) -> bool:
        """The connections become a tunnel."""
        headers = [*_kept(event), (b"Connection", b"upgrade")]
        self._client.put(h11.InformationalResponse(status_code=101, reason=event.reason, headers=headers))
        await self._client.flush()
        tunnel = Tunnel(self._client.streams, target.streams)
        self._member.connections.add(tunnel)
        try:
            await tunnel.carry(to_target=self._client.http.trailing_data[0], to_client=target.http.trailing_data[0])
        finally:
            self._member.connections.discard(tunnel)
        return False


def asked(request: h11.Request, client: str) -> Asked:
    """
    >>> request = h11.Request(method="GET", target="/a?b=c", headers=[("Host", "Web.example:80")])
    >>> asked(request, "127.0.0.1").host, asked(request, "127.0.0.1").path, asked(request, "127.0.0.1").query
    ('web.example', '/a', 'b=c')
    """
    headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers)
    path, _, query = request.target.decode("latin-1").partition("?")
    host = next((value for name, value in headers if name == "host"), "")
    return Asked(request.method.decode(), host.rpartition(":")[0].lower() or host.lower(), path, query, headers, client)


def forwarded(request: h11.Request, client: str, port: int) -> Headers:
    """The headers that the target sees."""
    came_by = [value for name, value in request.headers if name == b"x-forwarded-for"]
    own = {b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-port"}
    headers = [pair for pair in _kept(request) if pair[0].lower() not in own]
    headers.append((b"X-Forwarded-For", b", ".join([*came_by, client.encode()])))
    headers += [(b"X-Forwarded-Proto", b"http"), (b"X-Forwarded-Port", str(port).encode())]
    if any(name == b"upgrade" for name, _ in request.headers):
        headers.append((b"Connection", b"upgrade"))
    return headers


def _kept(message: h11.Request | h11.Response | h11.InformationalResponse) -> Headers:
    return [(raw, value) for raw, value in message.headers.raw_items() if raw.lower() not in OF_ONE_CONNECTION]
