"""The console over the API that is really served, asked as a browser asks."""

import json
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import Any

import pytest

from cli.account.connection import Engine
from cli.console.readers import Readers
from cli.console.server import Console
from local.driver import PATIENCE
from tests.served import Served


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    text: str


@dataclass
class Browser:
    """One that has opened the console by its link."""

    console: Console
    cookie: str = ""
    sent: dict[str, str] = field(default_factory=dict)  # headers of every request

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.console.port}"

    def headers(self, **more: str) -> dict[str, str]:
        own = {"Host": self.host, "Cookie": self.cookie, "Sec-Fetch-Site": "same-origin", **self.sent}
        found = own | {name.replace("_", "-"): value for name, value in more.items()}
        return {name: value for name, value in found.items() if value}

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, self.headers(**headers))

    def post(self, path: str, body: str = "", **headers: str) -> Answer:
        return self.ask("POST", path, self.headers(**headers), body)

    def ask(self, method: str, path: str, headers: dict[str, str], body: str | None = None) -> Answer:
        connection = HTTPConnection("127.0.0.1", self.console.port, timeout=PATIENCE)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, found, answer.read().decode())
        finally:
            connection.close()

    def open(self) -> "Browser":
        answer = self.get(f"/{self.console.session.link}/", Sec_Fetch_Site="none")
        self.cookie = answer.headers["set-cookie"].partition(";")[0]
        return self

    def stream(self, path: str) -> "Stream":
        return Stream(self, path)


class Stream:
    """What a tab hears."""

    def __init__(self, browser: Browser, path: str) -> None:
        lines = [f"GET /stream{path} HTTP/1.1", *(f"{name}: {value}" for name, value in browser.headers().items())]
        self._socket = socket.create_connection(("127.0.0.1", browser.console.port), timeout=PATIENCE)
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode())
        self._file = self._socket.makefile("rb")
        self.status = int(self._file.readline().split()[1])
        self.headers = dict(line.decode().strip().lower().split(": ", 1) for line in iter(self._file.readline, b"\r\n"))

    def next(self) -> dict[str, Any]:
        """The next event: signs of life are passed over."""
        for line in self._file:
            if line.startswith(b"data: "):
                found: dict[str, Any] = json.loads(line.removeprefix(b"data: "))
                return found
        raise EOFError

    def until(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        while not wanted(news := self.next()):
            pass
        return news

    def close(self) -> None:
        self._file.close()
        self._socket.close()


@pytest.fixture
def console(engine: Served) -> Iterator[Console]:
    with Console(Readers(Engine())) as found:
        yield found


@pytest.fixture
def browser(console: Console) -> Browser:
    return Browser(console).open()
