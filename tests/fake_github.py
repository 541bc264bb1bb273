"""A GitHub on two real sockets, one of which is the API and sends its callers on to the other, where archives lie."""

import gzip
import io
import json
import tarfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

REPOSITORY, COMMIT = "octo/hello", "7fd1a60b01f91b314f59955a4e4d4e80d8edf11d"
APPSPEC = "version: 0.0\nos: linux\n"
PATH = f"/repos/{REPOSITORY}/tarball/{COMMIT}"


def tarball(files: Mapping[str, str] | None = None) -> bytes:
    """What GitHub makes of a commit: all below one folder, and the commit in a pax header of the archive."""
    packed = io.BytesIO()
    headers = {"comment": COMMIT}
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT, pax_headers=headers) as made:
        top = tarfile.TarInfo("octo-hello-7fd1a60")
        top.type, top.mode = tarfile.DIRTYPE, 0o775
        made.addfile(top)
        for name, text in (files or {"appspec.yml": APPSPEC, "readme": "hello"}).items():
            entry = tarfile.TarInfo(f"octo-hello-7fd1a60/{name}")
            entry.size, entry.mode = len(text.encode()), 0o775
            made.addfile(entry, io.BytesIO(text.encode()))
    return gzip.compress(packed.getvalue(), mtime=0)


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What one request is answered with. `cut`: the connection ends after the body, whatever its length was said to be;
    `hangs`: it stays open, and nothing more comes."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    cut: bool = False
    hangs: bool = False


@dataclass
class FakeGitHub:
    """Answers by path; `next` come before, one for each request at the API."""

    url: str = ""  # of the API
    archives_url: str = ""
    archives: dict[str, bytes] = field(default_factory=lambda: {PATH: tarball()})
    next: list[Reply] = field(default_factory=list)
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)  # "api" or "archives", path, Authorization
    over: threading.Event = field(default_factory=threading.Event)

    def reply(self, where: str, path: str) -> Reply:
        if where == "archives":
            return Reply(headers={"Content-Type": "application/x-gzip"}, body=self.archives[path.partition("?")[0]])
        if self.next:
            return self.next.pop(0)
        if path in self.archives:
            return self.redirect(f"{self.archives_url}{path}?token=of-the-redirect")
        return refusal(404, "Not Found")

    def redirect(self, there: str, status: int = 302) -> Reply:
        return Reply(status=status, headers={"Location": there})


def refusal(status: int, message: str, **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status=status, headers=named, body=json.dumps({"message": message}).encode())


@contextmanager
def running(port: int = 0) -> Iterator[FakeGitHub]:
    github = FakeGitHub()
    with ExitStack() as stack:
        github.url = stack.enter_context(_serving(github, "api", port))
        github.archives_url = stack.enter_context(_serving(github, "archives"))
        stack.callback(github.over.set)
        yield github


@contextmanager
def _serving(github: FakeGitHub, where: str, port: int = 0) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            github.asked.append((where, self.path, self.headers.get("Authorization")))
            reply = github.reply(where, self.path)
            self.send_response(reply.status)
            length = len(reply.body) + (1 if reply.cut or reply.hangs else 0)
            for name, value in {"Content-Length": str(length), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body)
            if reply.hangs:
                self.wfile.flush()
                github.over.wait(60)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing on the test's output."""

        def handle(self) -> None:
            try:
                super().handle()
            except ConnectionError:  # who asked has gone
                return

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            github.over.set()
            server.shutdown()
            thread.join()
