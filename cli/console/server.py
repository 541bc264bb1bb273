"""The console's server: pages, their streams, and what they are drawn with, for the browser that came by its link."""

import hashlib
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from threading import BoundedSemaphore
from typing import Any

from cli.account.connection import Refusal
from cli.account.loopback.peers import is_of_another_person
from cli.account.loopback.server import ADDRESS, Handler, Serving
from cli.console import layout
from cli.console.acting import Denials, perform
from cli.console.http import MAX_FORM_BYTES, SECURITY, Request, Response, event, html, request
from cli.console.page import Given, Page, Shown
from cli.console.readers import Readers, Seen, Topic
from cli.console.routes import ACTIONS, PAGES
from cli.console.session import Session
from cli.view.output import plain

_ASSETS = {
    "console.css": "text/css; charset=utf-8",
    "console.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
_STREAM = "/stream"  # of the page whose path follows
_MAX_STREAMS = 40  # of the connections that there may be
_FIRST_SECONDS, _BEAT_SECONDS = 20.0, 10.0  # for which a page waits for what it shows; between two signs of life


class Console(Serving):
    """`with Console(readers) as console: ...` serves at `console.url`. Raises OSError for a port that is taken."""

    def __init__(self, readers: Readers, *, port: int = 0) -> None:
        self.session = Session()
        self._readers = readers
        self._denials = Denials()
        self._streams = BoundedSemaphore(_MAX_STREAMS)
        super().__init__(port, _handler(self))

    @property
    def url(self) -> str:
        return self._address(self.session.link)

    @property
    def ticket_url(self) -> str:
        """It opens the console once."""
        return self._address(self.session.ticket())

    def _address(self, name: str) -> str:
        return f"http://{ADDRESS}:{self.port}/{name}/"

    @property
    def cookie_name(self) -> str:
        """Consoles at two ports of one machine share a browser's cookies."""
        return f"stepdeploy-{self.port}"

    def __exit__(self, *raised: Any) -> None:
        self._readers.close()
        super().__exit__(*raised)

    def answer(self, asked: Request) -> Response:
        """What is not a stream; of a request that may be answered."""
        if self.session.is_link(asked):
            self.session.use(asked)
            cookie = f"{self.cookie_name}={self.session.cookie}; Path=/; HttpOnly; SameSite=Strict"
            return html(layout.entrance(), headers={"Set-Cookie": cookie})
        if asked.path.startswith("/assets/"):
            return _asset(asked.path.removeprefix("/assets/"))
        if asked.method == "POST":
            return self._act(asked)
        found = found_at(asked.path, asked.query)
        with self._readers.watching(found.topics) as watch:
            shown = found.show(watch.first(_FIRST_SECONDS))
        session, denied = self.session.form_value, self._denials.now
        stream = _STREAM + asked.path
        return html(layout.document(shown, stream=stream, query=asked.query, session=session, denied=denied))

    def _act(self, asked: Request) -> Response:
        for action in ACTIONS:
            if (given := action.matches(asked.path)) is not None:
                return perform(action, self._readers.engine, given, asked, self._denials)
        return html(layout.problem("Nothing can be done here", "This page has no actions."), 405)

    def stream(self, asked: Request, send: Callable[[bytes], object]) -> None:
        """What changes of a page, for as long as its tab listens: `send` raises OSError when it has gone. Raises
        Refusal where there is no such page, and when there are too many tabs."""
        found = found_at(asked.path.removeprefix(_STREAM), asked.query)
        if not self._streams.acquire(blocking=False):
            raise Refusal("too many tabs show live pages: close some")
        try:
            with suppress(OSError), self._readers.watching(found.topics) as watch:
                sent, seen = _Sent(), watch.first(_FIRST_SECONDS)
                while not self._readers.is_closed:
                    news = sent.changes(layout.with_links(found.show(seen), self._denials.now))
                    send(event(news) if news else b": here\n\n")
                    seen = watch.next(seen, _BEAT_SECONDS)
        finally:
            self._streams.release()


@dataclass(frozen=True)
class _Found:
    """A page at its path."""

    page: Page
    given: Given
    topics: Sequence[Topic]

    def show(self, seen: Mapping[Topic, Seen]) -> Shown:
        return self.page.show(self.given, seen, datetime.now(UTC))


def found_at(path: str, query: Mapping[str, str]) -> _Found:
    """Raises Refusal where there is none."""
    for page in PAGES:
        if (names := page.matches(path)) is not None:
            given = {**query, **names}
            return _Found(page, given, page.topics(given))
    raise Refusal(f"there is no page {path[:100]}")


class _Sent:
    """What a tab has got of its page: only what is not the same is sent again."""

    def __init__(self) -> None:
        self._title = ""
        self._parts: dict[str, bytes] = {}
        self._named: list[Sequence[str]] = []
        self._states = ""

    def changes(self, shown: Shown) -> dict[str, Any]:
        news: dict[str, Any] = {}
        if shown.title != self._title:
            news["title"] = self._title = shown.title
        for part in shown.parts:
            text = layout.text(part.content)
            digest = hashlib.blake2b(text.encode()).digest()
            if self._parts.get(part.id) != digest:
                self._parts[part.id] = digest
                news.setdefault("parts", {})[part.id] = text
        if shown.cells:
            *named, states = shown.cells
            if named != self._named:
                self._named, self._states = named, states
                news["cells"] = shown.cells._asdict()
            elif states != self._states:
                changed = {
                    at: now for at, (was, now) in enumerate(zip(self._states, states, strict=True)) if was != now
                }
                self._states, news["changed"] = states, changed
        return news


@cache
def _file(name: str) -> bytes:
    return (Path(__file__).parent / "assets" / name).read_bytes()


def _asset(name: str) -> Response:
    if name not in _ASSETS:
        raise Refusal("there is no such file")
    return Response(status=200, body=_file(name), headers={"Content-Type": _ASSETS[name]})


def _handler(console: "Console") -> type[Handler]:
    class Answering(Handler):
        def do_GET(self) -> None:
            self._handle()

        def do_POST(self) -> None:
            self._handle()

        def _handle(self) -> None:
            if is_of_another_person(self.client_address, self.connection.getsockname()):
                return self._refuse(403, "it came from another person of this machine")
            body = self._body()
            if body is None:
                return self._refuse(413, f"it has no length, or more than {MAX_FORM_BYTES} bytes")
            headers = {name.lower(): ", ".join(self.headers.get_all(name, [])) for name in self.headers}
            asked = request(self.command, self.path, headers, body)
            if why := console.session.refusal(asked, console.cookie_name):
                return self._refuse(403, why)
            if not self.server.begin_work(self.connection):
                self.close_connection = True
                return None
            try:
                if asked.path.startswith(f"{_STREAM}/"):
                    return self._stream(asked)
                return self._send(self._answer(asked))
            finally:
                self.server.end_work(self.connection)

        def _body(self) -> bytes | None:
            """None of a request that has none as it must be."""
            if self.command == "GET":
                return b""
            length = self.headers.get("content-length", "")
            is_number = length.isascii() and length.isdecimal()
            if not is_number or int(length) > MAX_FORM_BYTES or "transfer-encoding" in self.headers:
                return None
            body: bytes = self.rfile.read(int(length))
            return body

        def _answer(self, asked: Request) -> Response:
            try:
                return console.answer(asked)
            except Refusal as refusal:
                return html(layout.problem("Nothing is here", plain(refusal.message)), 404)
            except Exception:
                traceback.print_exc(file=sys.stderr)
                return html(layout.problem("The console failed", "Its terminal says where."), 500)

        def _stream(self, asked: Request) -> None:
            self.close_connection = True
            begun = {**SECURITY, "Content-Type": "text/event-stream", "Connection": "close"}

            def send(data: bytes) -> None:
                if begun:
                    self._head(200, begun)
                    begun.clear()
                self.wfile.write(data)
                self.wfile.flush()

            try:
                console.stream(asked, send)
            except Refusal as refusal:
                self._refuse(404, refusal.message)
            except Exception:  # what was sent so far stays; the tab asks again
                traceback.print_exc(file=sys.stderr)

        def _refuse(self, status: int, why: str) -> None:
            self.close_connection = True  # its body may not have been read
            self._send(html(layout.problem("This request is refused", layout.because(why)), status))

        def _send(self, response: Response) -> None:
            length = {"Content-Length": str(len(response.body))}
            closing = {"Connection": "close"} if self.close_connection else {}
            with suppress(OSError):  # who has asked may be gone
                self._head(response.status, {**SECURITY, **response.headers, **length, **closing})
                self.wfile.write(response.body)

        def _head(self, status: int, headers: Mapping[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()

        def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
            self._refuse(405 if code == 501 else code, message or "it is not an HTTP request")

    return Answering
