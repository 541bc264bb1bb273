"""The control API on loopback: real HTTP, in front of the real handler over moto's table, as API Gateway calls it.

It wants requests signed for execute-api, at `POST /<Operation>`, and remembers them; who signed is taken as `ARN`.
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from tests.conftest import LambdaContext
from tests.gateway import handler_of

ARN = "arn:aws:iam::123456789012:user/ann"
_SIGNED = re.compile(r"AWS4-HMAC-SHA256 Credential=\w+/\d{8}/[a-z0-9-]+/execute-api/aws4_request, SignedHeaders=.*")


@dataclass
class Served:
    """The API's address, and the operations that were asked for, in order."""

    endpoint: str
    arn: str = ARN
    asked: list[str] = field(default_factory=list)
    fails: int = 0  # the HTTP status of every answer until it is 0 again; -1 hangs up without one
    before: Callable[[str, Any], object] = lambda operation, members: None  # what happens before a request is answered


@contextmanager
def serve() -> Iterator[Served]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            if not _SIGNED.fullmatch(self.headers.get("authorization", "")):
                return self._answer(403, {}, json.dumps({"message": "Forbidden"}))
            served.asked.append(self.path.removeprefix("/"))
            if served.fails < 0:
                self.close_connection = True
                return None
            if served.fails:
                return self._answer(served.fails, {}, json.dumps({"message": f"it is {served.fails}"}))
            served.before(served.asked[-1], json.loads(body))
            event = {
                "rawPath": self.path,
                "requestContext": {
                    "http": {"method": "POST", "path": self.path},
                    "authorizer": {"iam": {"userArn": served.arn}},
                },
                "headers": {name.lower(): value for name, value in self.headers.items()},
                "body": body,
                "isBase64Encoded": False,
            }
            answer = handler_of(self.path.removeprefix("/"))(event, LambdaContext())
            return self._answer(answer["statusCode"], answer["headers"], answer["body"])

        def _answer(self, status: int, headers: dict[str, str], body: str) -> None:
            self.send_response(status)
            for name, value in {**headers, "content-length": str(len(body.encode()))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        served = Served(f"http://127.0.0.1:{server.server_port}")
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield served
        finally:
            server.shutdown()
            thread.join()
