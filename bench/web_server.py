"""A web server for hosts behind a load balancer, in the place of the example's: it keeps connections, and its answer to
`/long` takes five seconds. When it is killed, every answer that is under way is cut."""

import http.server
import pathlib
import socket
import time

HERE = pathlib.Path(__file__).resolve().parent
PORT = 8080
LONG_SECONDS, PIECES = 5, 10


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16
    disable_nagle_algorithm = True
    version = (HERE / "version.txt").read_text().strip().encode()

    def do_GET(self) -> None:
        self.send_response(200)
        if self.path == "/long":
            self._answer_in_pieces()
            return
        self.send_header("Content-Length", str(len(self.version) + 2))
        self.end_headers()
        self.wfile.write(b'"%s"' % self.version)  # JSON, for the example's scripts

    def _answer_in_pieces(self) -> None:
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for _ in range(PIECES):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(self.version), self.version))
            self.wfile.flush()
            time.sleep(LONG_SECONDS / PIECES)
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *words: object) -> None:
        """Quiet: there are many requests."""


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128


if __name__ == "__main__":
    Server((socket.gethostbyname(socket.gethostname()), PORT), Handler).serve_forever()
