"""Requests to presigned URLs, by a plain socket: urllib and what it imports cost a host as much as a whole segment.

urllib is asked where more is needed: by way of a proxy, for a redirection, for an answer of unknown length.
"""

import os
import re
import socket
import time
from contextlib import contextmanager
from functools import lru_cache
from typing import IO, Any, Dict, Iterator, Optional, Tuple

CHUNK = 256 * 1024
_URL = '(https?)://([A-Za-z0-9.-]+)(?::([0-9]{1,5}))?(/[!"$-~]*)'  # no user, no fragment, no IPv6: urllib knows those
_PORTS = {"http": 80, "https": 443}
_MAX_LINE, _MAX_HEADERS = 64 * 1024, 100
_ERROR_BYTES = 4096
_CODES = "<(?:Code|Message)>([^<]*)<"  # of S3's error documents


_EXPIRED = ("ExpiredToken", "Request has expired")  # of the credentials that signed it, and the URL itself


class Trouble(Exception):
    """What the network or the server answers instead; `code` is HTTP's, 0 without any."""

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.code = code


class Expired(Trouble):
    """S3 does not take the presigned URL any more."""


class NoWay(Trouble):
    """The network of this host leads nowhere."""


def chunks(url: str, timeout: float) -> Iterator[bytes]:
    """The content behind the URL, fewer bytes when the connection ends before. Raises Trouble."""
    with _translated(url):
        if _is_plain(url):
            with _exchange("GET", url, timeout, {}) as (code, headers, file):
                length = headers.get(b"content-length", b"")
                if code == 200 and length.isdigit() and b"transfer-encoding" not in headers:
                    left = int(length)
                    while left:
                        chunk = file.read(min(left, CHUNK))
                        if not chunk:
                            return
                        left -= len(chunk)
                        yield chunk
                    return
                if code >= 400:
                    raise _refused(code, file)
        with _by_urllib(url, timeout, None, {}) as answer:
            while True:
                chunk = answer.read(CHUNK)
                if not chunk:
                    return
                yield chunk


def post(url: str, timeout: float, headers: Dict[str, str], body: IO[bytes]) -> None:
    """Send the rest of `body`; `headers` give its length. Raises Trouble."""
    with _translated(url):
        if _is_plain(url):
            with _exchange("POST", url, timeout, headers, body) as (code, _, file):
                if not 200 <= code < 300:
                    raise _refused(code, file)
        else:
            with _by_urllib(url, timeout, body, headers):
                pass


def _is_plain(url: str) -> bool:
    has_proxies = any(name.lower().endswith("_proxy") for name in os.environ)  # as urllib finds them
    return not has_proxies and re.fullmatch(_URL, url) is not None


@contextmanager
def _exchange(
    method: str, url: str, timeout: float, headers: Dict[str, str], body: Optional[IO[bytes]] = None
) -> Iterator[Tuple[int, Dict[bytes, bytes], IO[bytes]]]:
    """Status, headers and body of the answer."""
    match = re.fullmatch(_URL, url)
    assert match is not None
    scheme, host, port, target = match.groups()
    place = host + ":" + port if port else host
    lines = [
        "{} {} HTTP/1.1".format(method, target),
        "Host: " + place,
        "Accept-Encoding: identity",
        "Connection: close",
    ]
    lines += ["{}: {}".format(name, value) for name, value in headers.items()]
    # The host as bytes: for a text, Python loads its tables of international names.
    connection = socket.create_connection((host.encode(), int(port or _PORTS[scheme])), timeout)  # type: ignore[arg-type]
    try:
        if scheme == "https":
            connection = _tls().wrap_socket(connection, server_hostname=host.encode())
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        for chunk in iter(lambda: body.read(CHUNK) if body else b"", b""):
            connection.sendall(chunk)
        with connection.makefile("rb") as file:
            code, found = _head(file)
            yield code, found, file
    finally:
        connection.close()


def _head(file: IO[bytes]) -> Tuple[int, Dict[bytes, bytes]]:
    while True:
        version, _, rest = _line(file).partition(b" ")
        if not version.startswith(b"HTTP/1.") or not rest[:3].isdigit():
            raise Trouble("the server does not answer by HTTP")
        headers: Dict[bytes, bytes] = {}
        for _ in range(_MAX_HEADERS):
            line = _line(file).strip()
            if not line:
                break
            name, _, value = line.partition(b":")
            headers[name.strip().lower()] = value.strip()
        else:
            raise Trouble("the server answers more than {} headers".format(_MAX_HEADERS))
        code = int(rest[:3])
        if code >= 200:
            return code, headers


def _line(file: IO[bytes]) -> bytes:
    line = file.readline(_MAX_LINE)
    if not line.endswith(b"\n"):
        raise Trouble("the connection ended before the answer" if len(line) < _MAX_LINE else "an endless header")
    return line


def _refused(code: int, file: IO[bytes]) -> Trouble:
    said = re.findall(_CODES, file.read(_ERROR_BYTES).decode("utf-8", "replace"))
    kind = Expired if any(each in _EXPIRED for each in said) else Trouble
    return kind(" ".join(["HTTP {}".format(code), *said]), code)


@lru_cache(maxsize=None)
def _tls() -> Any:
    """Once in a process: it reads all authorities that the host trusts."""
    import ssl

    return ssl.create_default_context()


@contextmanager
def _by_urllib(url: str, timeout: float, body: Optional[IO[bytes]], headers: Dict[str, str]) -> Iterator[IO[bytes]]:
    import http.client
    import urllib.error
    import urllib.request

    request = urllib.request.Request(url, data=body, headers=headers)
    context = _tls() if url.startswith("https:") else None
    try:
        with urllib.request.urlopen(request, timeout=timeout, context=context) as answer:
            yield answer
    except urllib.error.HTTPError as error:
        with error:
            raise _refused(error.code, error) from error
    except http.client.HTTPException as error:
        raise Trouble(repr(error)) from error


@contextmanager
def _translated(url: str) -> Iterator[None]:
    """Errors of sockets as NoWay, so that nobody takes them for the disk's, with what to do about them."""
    try:
        yield
    except OSError as error:
        if "certificate" in str(error):
            now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            remedy = "The clock of this host says {}; and does it know the authority of a proxy?".format(now)
            raise NoWay("{}. {}".format(error, remedy)) from error
        place = url.partition("://")[2].partition("/")[0]
        raise NoWay("{}: {}. Has this host a way to S3: route, DNS, proxy, endpoint?".format(place, error)) from error
