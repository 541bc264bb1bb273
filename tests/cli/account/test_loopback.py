"""A server for this machine alone."""

from http.client import HTTPConnection
from socket import IPPROTO_TCP, TCP_NODELAY

from cli.account.loopback.server import ADDRESS, Handler, Serving


class Telling(Handler):
    def do_GET(self) -> None:
        body = str(self.connection.getsockopt(IPPROTO_TCP, TCP_NODELAY)).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def test_a_body_does_not_wait_until_its_head_has_been_acknowledged() -> None:
    """By RFC 896 it would, and a client's kernel takes 40 ms for that (RFC 1122, 4.2.3.2)."""
    with Serving(0, Telling) as serving:
        connection = HTTPConnection(ADDRESS, serving.port)
        connection.request("GET", "/")
        assert connection.getresponse().read() != b"0"
        connection.close()
