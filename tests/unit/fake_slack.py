"""A Slack on a real socket: webhooks answer what a test tells them to, then 200; the Web API is the local cloud's."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from functions.aws import clock
from local.faults import Faults
from local.shims.slack import TOKEN, Message, Slack


@dataclass
class FakeSlack:
    """What came, and what is answered next: statuses, with the headers that go with them."""

    url: str = ""
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    posted: list[tuple[str, dict[str, Any]]] = field(default_factory=list)  # path and payload of what was taken
    refused: int = 0
    faults: Faults = field(default_factory=Faults)

    def __post_init__(self) -> None:
        self.workspace = Slack(self.faults, now=lambda: clock.now().timestamp())

    def secret(self, **more: Any) -> str:
        """What a secret holds for a bot here."""
        return json.dumps({"token": TOKEN, "api": f"{self.url}/api", **more})

    def top(self) -> list[Message]:
        """The bot's messages outside of threads."""
        return [each for each in self.workspace.bots if not each.thread_ts]

    def thread(self, message: Message) -> list[Message]:
        return [each for each in self.workspace.bots if each.thread_ts == message.ts]

    @property
    def texts(self) -> list[str]:
        return [payload["text"] for _, payload in self.posted]


@contextmanager
def running() -> Iterator[FakeSlack]:
    slack = FakeSlack()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._api(b"")

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path.startswith("/api/"):
                self._api(body)
                return
            payload = json.loads(body)
            status, headers = slack.answers.pop(0) if slack.answers else (200, {})
            if status == 200:
                slack.posted.append((self.path, payload))
            else:
                slack.refused += 1
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()

        do_PUT = do_POST

        def _api(self, body: bytes) -> None:
            method, _, query = self.path.removeprefix("/api/").partition("?")
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = slack.workspace.api(method, headers, query, body)
            if answer is None:
                return  # the connection closes
            status, given, told = answer
            self.send_response(status)
            for name, value in given.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(told)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing on the test's output."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        slack.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield slack
        finally:
            server.shutdown()
            thread.join()
