"""The log of an event's scripts: in the deployment's folder, its tail for the report, the whole of it for S3.

Format: the agent's scripts.log. The upload is best effort: a log that does not arrive fails nothing.
"""

import gzip
import io
import os
import threading
import time
import urllib.request
import uuid
from typing import Any, Dict, List, Tuple

UPLOAD_SECONDS = 20
UPLOAD_BYTES = 256 * 1024 * 1024  # of the log before compression: its end is what matters
_TAIL_LINES = 200


class ScriptLog:
    """One event's log."""

    def __init__(self, path: str, event: str) -> None:
        self.event = event
        self._path = path
        self._lock = threading.Lock()
        self._tail: List[str] = []
        self._started_at = os.path.getsize(path) if os.path.exists(path) else 0
        self._scripts = 0
        self._write("LifecycleEvent - {}".format(event))

    def script(self, location: str) -> None:
        self._scripts += 1
        self._write("Script - {}".format(location))

    def output(self, stream: str, line: str) -> None:
        text = "[{}]{}".format(stream, line)
        with self._lock:
            self._tail = [*self._tail[-_TAIL_LINES:], text]
        self._write(text)

    def trouble(self, text: str) -> None:
        """What the runner itself has to say: a traceback."""
        self._write(text)

    def tail(self) -> str:
        with self._lock:
            return "\n".join(self._tail)

    def upload(self, logs: Dict[str, Any]) -> None:
        """Put what this event's scripts said where the control plane keeps logs, by its presigned POST."""
        if not self._scripts:
            return
        with open(self._path, "rb") as file:
            size = os.path.getsize(self._path)
            file.seek(max(self._started_at, size - UPLOAD_BYTES))
            packed = gzip.compress(file.read())
        name = "{}.log.gz".format(self.event)
        body, kind = _form({**logs["fields"], "key": logs["key_prefix"] + name}, name, packed)
        request = urllib.request.Request(logs["url"], data=body, headers={"Content-Type": kind}, method="POST")
        with urllib.request.urlopen(request, timeout=UPLOAD_SECONDS):
            pass

    def _write(self, text: str) -> None:
        with self._lock, open(self._path, "a", encoding="utf-8", errors="replace") as file:
            file.write("{} {}\n".format(time.strftime("%Y-%m-%d %H:%M:%S"), text))


def _form(fields: Dict[str, str], name: str, content: bytes) -> Tuple[bytes, str]:
    """multipart/form-data; S3 wants the file last."""
    boundary = uuid.uuid4().hex
    body = io.BytesIO()
    for field, value in fields.items():
        head = '--{}\r\nContent-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'.format(boundary, field, value)
        body.write(head.encode())
    disposition = 'Content-Disposition: form-data; name="file"; filename="{}"'.format(name)
    body.write("--{}\r\n{}\r\nContent-Type: application/gzip\r\n\r\n".format(boundary, disposition).encode())
    body.write(content)
    body.write("\r\n--{}--\r\n".format(boundary).encode())
    return body.getvalue(), "multipart/form-data; boundary={}".format(boundary)
