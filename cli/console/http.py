"""What a browser asks the console for, and what it gets."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qs, urlsplit

_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
# Of every answer. Nothing comes from elsewhere, nothing is kept, no other page shows it, and no address is passed on.
SECURITY = {
    "Content-Security-Policy": _POLICY,
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # with no-referrer a browser says of our own forms that they come from nowhere
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
MAX_FORM_BYTES = 64 * 1024
NO_HEADERS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class Request:
    method: str
    path: str  # as it was sent, without the query
    query: Mapping[str, str]
    headers: Mapping[str, str]  # names in small letters
    form: Mapping[str, str] = field(default_factory=dict)

    @property
    def cookies(self) -> dict[str, str]:
        parts = (each.strip().partition("=") for each in self.headers.get("cookie", "").split(";"))
        return {name: value for name, mark, value in parts if mark}


def request(method: str, target: str, headers: Mapping[str, str], body: bytes = b"") -> Request:
    """Of a request line and what follows; of a name that is given twice the last one counts.

    >>> asked = request("GET", "/targets/a%2Fb?whole=1&whole=2", {})
    >>> asked.path, asked.query
    ('/targets/a%2Fb', {'whole': '2'})
    """
    parts = urlsplit(target)
    return Request(
        method=method,
        path=parts.path,
        query=_last(parts.query),
        headers=headers,
        form=_last(body.decode("utf-8", "replace")),
    )


def _last(query: str) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(query, keep_blank_values=True).items()}


@dataclass(frozen=True, kw_only=True)
class Response:
    status: int
    body: bytes
    headers: Mapping[str, str]


def html(text: str, status: int = 200, headers: Mapping[str, str] = NO_HEADERS) -> Response:
    """Half a surrogate pair, which somebody may have written, is shown as an escape."""
    body = text.encode(errors="backslashreplace")
    return Response(status=status, body=body, headers={"Content-Type": "text/html; charset=utf-8", **headers})


def event(value: Mapping[str, Any]) -> bytes:
    """One event of a stream, on one line whatever is in it."""
    return b"data: " + json.dumps(value, separators=(",", ":")).encode() + b"\n\n"
