"""The log of an event's scripts: in the deployment's folder, its tail for the report, the event's part of it for S3.

Format and files: the agent's scripts.log. Differences: a log has a limit, beyond which its older half goes; and of the
agent's log of all deployments only an index is kept, a line for each event that ran scripts, so that a host writes no
line twice. The upload is best effort: a log that does not arrive fails nothing.
"""

import os
import time
from typing import IO, Dict, List, Optional, Sequence

from host.instructions import Logs
from host.report import TAIL_CHARACTERS

UPLOAD_SECONDS = 20
MAX_LOG_BYTES = 16 * 1024 * 1024  # of one file; a deployment has at most two, scripts.log and scripts.log.1
ALL_LOG_BYTES, ALL_LOG_FILES = 64 * 1024 * 1024, 8  # of the index of all deployments
_TAIL_LINES = 200  # more than the report ever shows
_TAIL_CHARACTERS = TAIL_CHARACTERS + 1  # of a line: the report shows whole lines, so none of a longer one
_TRIES = 2
_CHUNK = 256 * 1024
_GZIP = 31  # zlib's number for gzip's format


class ScriptLog:
    """One event's log."""

    def __init__(self, path: str, all_path: str, deployment_id: str, event: str) -> None:
        self.event = event
        self._path = path
        self._all_path = all_path
        self._prefix = "[{}]".format(deployment_id)
        self._tail: List[str] = []
        self._scripts = 0
        _rotate(all_path)
        os.makedirs(os.path.dirname(all_path), exist_ok=True)
        self._file = _open(path)
        self._started_at = self._file.tell()  # where the event's part of it begins
        self._older_started_at: Optional[int] = None  # the same of scripts.log.1, if it has a part
        self._dropped = 0  # bytes of the event's part

    def begin(self) -> None:
        self._say(["LifecycleEvent - {}".format(self.event)])
        line = "{}{} LifecycleEvent - {}: {}\n".format(self._prefix, _now(), self.event, self._path)
        try:
            with open(self._all_path, "ab", buffering=0) as index:
                index.write(line.encode("utf-8", "replace"))
        except OSError:
            pass  # as for a script's lines

    def script(self, location: str) -> None:
        self._scripts += 1
        self._say(["Script - {}".format(location)])

    def output(self, stream: str, lines: Sequence[str]) -> None:
        prefix = "[{}]".format(stream)
        self._say([prefix + line for line in lines])

    def warning(self, text: str) -> None:
        """What the runner itself has to say; no part of the tail."""
        self._write([text])

    def left_behind(self, stream: str) -> str:
        """Where what a script started goes on to write when the script has ended."""
        return os.path.join(os.path.dirname(self._path), "{}.{}".format(self.event, stream))

    def tail(self) -> str:
        return "\n".join(self._tail)

    def close(self) -> None:
        self._file.close()

    def _say(self, lines: List[str]) -> None:
        self._tail += [line[:_TAIL_CHARACTERS] for line in lines[-_TAIL_LINES:]]
        del self._tail[:-_TAIL_LINES]
        self._write(lines)

    def _write(self, lines: List[str]) -> None:
        now = _now() + " "
        body = "".join([now + line + "\n" for line in lines]).encode("utf-8", "replace")
        try:
            if self._file.tell() + len(body) > MAX_LOG_BYTES:
                self._begin_file()
            self._file.write(body)
        except OSError:
            pass  # a full disk: the script must not wait for somebody to read what it says

    def _begin_file(self) -> None:
        """The log's older half goes, what is the newer one yet becomes the older."""
        older = self._path + ".1"
        if self._older_started_at is not None:
            self._dropped += os.path.getsize(older) - self._older_started_at
        os.replace(self._path, older)
        self._older_started_at, self._started_at = self._started_at, 0
        full, self._file = self._file, _open(self._path)
        full.close()

    def upload(self, logs: Logs) -> None:
        """Put what this event's scripts said where the control plane keeps logs, by its presigned POST."""
        if not self._scripts:
            return
        from host.posix import web  # seldom needed, and long to import

        name = "{}.log.gz".format(self.event)
        boundary = os.urandom(16).hex()
        head, tail = _form({**logs.fields, "key": logs.key_prefix + name}, name, boundary)
        path = self._path + ".upload"
        with open(path, "w+b") as body:
            os.unlink(path)
            body.write(head)
            self._pack_into(body)
            body.write(tail)
            headers = {
                "Content-Type": "multipart/form-data; boundary={}".format(boundary),
                "Content-Length": str(body.tell()),
            }
            for tries_left in reversed(range(_TRIES)):
                body.seek(0)
                try:
                    web.post(logs.url, UPLOAD_SECONDS, headers, body)
                    break
                except web.Trouble:
                    if not tries_left:
                        raise

    def _pack_into(self, file: IO[bytes]) -> None:
        """The event's part of the log by gzip, and what is missing of it."""
        import zlib

        packer = zlib.compressobj(wbits=_GZIP)
        if self._dropped:
            what = "the log has a limit: {} bytes that were said before this are dropped"
            file.write(packer.compress("{} {}\n".format(_now(), what.format(self._dropped)).encode()))
        for path, start in ((self._path + ".1", self._older_started_at), (self._path, self._started_at)):
            if start is not None:
                with open(path, "rb") as said:
                    said.seek(start)
                    for chunk in iter(lambda: said.read(_CHUNK), b""):
                        file.write(packer.compress(chunk))
        file.write(packer.flush())


def _now() -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S")


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
