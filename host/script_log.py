"""The log of an event's scripts: in the deployment's folder and the host's, its tail for the report, all of it for S3.

Format and files: the agent's scripts.log and codedeploy-agent-deployments.log. The upload is best effort: a log that
does not arrive fails nothing.
"""

import os
import threading
import time
from typing import IO, Any, Dict, List

UPLOAD_SECONDS = 20
ALL_LOG_BYTES, ALL_LOG_FILES = 64 * 1024 * 1024, 8  # of the log of all deployments
_TAIL_LINES = 200  # more than the report ever shows
_TRIES = 2


class ScriptLog:
    """One event's log."""

    def __init__(self, path: str, all_path: str, deployment_id: str, event: str) -> None:
        self.event = event
        self._path = path
        self._prefix = "[{}]".format(deployment_id)
        self._lock = threading.Lock()
        self._tail: List[str] = []
        self._scripts = 0
        _rotate(all_path)
        self._file = _open(path)
        self._all = _open(all_path)
        self._started_at = self._file.tell()

    def begin(self) -> None:
        self._say("LifecycleEvent - {}".format(self.event))

    def script(self, location: str) -> None:
        self._scripts += 1
        self._say("Script - {}".format(location))

    def output(self, stream: str, line: str) -> None:
        self._say("[{}]{}".format(stream, line))

    def trouble(self, text: str) -> None:
        """What the runner itself has to say; no part of the tail."""
        with self._lock:
            self._write(text)

    def tail(self) -> str:
        with self._lock:
            return "\n".join(self._tail)

    def close(self) -> None:
        """What comes after that, from something that a script left behind, is dropped."""
        with self._lock:
            self._file.close()
            self._all.close()

    def _say(self, text: str) -> None:
        with self._lock:
            self._tail.append(text)
            del self._tail[:-_TAIL_LINES]
            self._write(text)

    def _write(self, text: str) -> None:
        if self._file.closed:
            return
        line = "{} {}\n".format(time.strftime("%Y-%m-%d %H:%M:%S"), text).encode("utf-8", "replace")
        try:
            self._file.write(line)
            self._all.write(self._prefix.encode() + line)
        except OSError:
            pass  # a full disk: the script must not wait for somebody to read what it says

    def upload(self, logs: Dict[str, Any]) -> None:
        """Put what this event's scripts said where the control plane keeps logs, by its presigned POST."""
        if not self._scripts:
            return
        # Only here: they take longer to import than most events take.
        import gzip
        import shutil
        import tempfile
        import urllib.request

        name = "{}.log.gz".format(self.event)
        boundary = os.urandom(16).hex()
        head, tail = _form({**logs["fields"], "key": logs["key_prefix"] + name}, name, boundary)
        with tempfile.TemporaryFile(dir=os.path.dirname(self._path)) as body:
            body.write(head)
            with open(self._path, "rb") as said, gzip.GzipFile(fileobj=body, mode="wb", mtime=0) as packed:
                said.seek(self._started_at)
                shutil.copyfileobj(said, packed)
            body.write(tail)
            size = body.tell()
            for tries_left in reversed(range(_TRIES)):
                body.seek(0)
                request = urllib.request.Request(logs["url"], data=body, method="POST")
                request.add_header("Content-Type", "multipart/form-data; boundary={}".format(boundary))
                request.add_header("Content-Length", str(size))
                try:
                    with urllib.request.urlopen(request, timeout=UPLOAD_SECONDS):
                        return
                except OSError:
                    if not tries_left:
                        raise


def _open(path: str) -> IO[bytes]:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    return open(path, "ab", buffering=0)


def _rotate(path: str) -> None:
    if not os.path.exists(path) or os.path.getsize(path) < ALL_LOG_BYTES:
        return
    for number in range(ALL_LOG_FILES - 1, 0, -1):
        older = path if number == 1 else "{}.{}".format(path, number - 1)
        if os.path.exists(older):
            os.replace(older, "{}.{}".format(path, number))


def _form(fields: Dict[str, str], name: str, boundary: str) -> "tuple[bytes, bytes]":
    """What stands before and after the file in multipart/form-data; S3 wants the file last."""
    part = '--{}\r\nContent-Disposition: form-data; name="{}"'
    before = [part.format(boundary, field) + "\r\n\r\n{}\r\n".format(value) for field, value in fields.items()]
    before.append(part.format(boundary, "file"))
    before.append('; filename="{}"\r\nContent-Type: application/gzip\r\n\r\n'.format(name))
    return "".join(before).encode(), "\r\n--{}--\r\n".format(boundary).encode()
