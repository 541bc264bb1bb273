#!/usr/bin/env python3
"""A small web server that says which version it is. It listens on the address that the host's own name has."""

import http.server
import json
import pathlib
import socket

HERE = pathlib.Path(__file__).resolve().parent
PORT = 8080


class Handler(http.server.BaseHTTPRequestHandler):
    """`/` answers the version and the host; `/health` answers 200 unless the version says it is not well."""

    def do_GET(self) -> None:
        version = (HERE / "version.txt").read_text().strip()
        healthy = (HERE / "health.txt").read_text().strip() == "ok"
        body = json.dumps({"version": version, "host": socket.gethostname(), "healthy": healthy}).encode()
        self.send_response(200 if healthy or self.path != "/health" else 503)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: object) -> None:
        """Quiet: the demo reads often."""


if __name__ == "__main__":
    address = socket.gethostbyname(socket.gethostname())
    http.server.ThreadingHTTPServer((address, PORT), Handler).serve_forever()
