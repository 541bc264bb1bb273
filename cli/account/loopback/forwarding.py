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
from functools import cache
from typing import Any, NamedTuple

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError, NoCredentialsError, NoRegionError
from botocore.httpsession import URLLib3Session

from cli.account.connection import Engine
from cli.account.loopback.server import ADDRESS, MAX_CONNECTIONS, Handler, Serving
from cli.account.service_model import files

MAX_BYTES = 256 * 1024  # of a request, as functions/api/protocol.py has it
_CONNECT_SECONDS, _ANSWER_SECONDS = 5, 35  # the API answers within 30
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


class Proxy(Serving):
    """`with Proxy(forwarder) as proxy: ...` serves at `proxy.url`. Raises OSError for a port that is taken."""

    def __init__(self, forwarder: Forwarder, *, port: int = 0, note: Note | None = None) -> None:
        self.path = f"/{secrets.token_urlsafe(16)}"
        super().__init__(port, _handler(forwarder, self.path, note))

    @property
    def url(self) -> str:
        return f"http://{ADDRESS}:{self.port}{self.path}"


def _handler(forwarder: Forwarder, path: str, note: Note | None) -> type[Handler]:
    class Forwarding(Handler):
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
            if stranger := self.strangers():
                what = f"{stranger}: use the printed URL, from no web page"
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

    return Forwarding
