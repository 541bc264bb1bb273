"""The manifest: what an Install made, file by file with its sha256, by which host/verify.py sees what has changed.

Lines of JSON, in any order: ["file", path, sha256], ["symlink", path, target], ["directory", path], and what the
AppSpec's permissions gave: ["permission", path, mode, user id, group id]; null and -1 where they gave nothing. The last
line has the sha256 of all before it. A deployment's folder has it once its Install has ended.
"""

import hashlib
import json
import os
from typing import Iterable, Sequence

from host.posix.layout import Layout

_CHUNK = 1024 * 1024


class Manifest:
    """Written by all processes of an Install, each with whole lines at the end of one file.

    A disk without room for it costs the manifest, not the deployment: the file goes, for whichever process it is full.
    """

    def __init__(self, layout: Layout) -> None:
        self._path, self._partial = layout.manifest, layout.manifest + ".partial"
        open(self._partial, "wb").close()  # of an Install that was interrupted
        self._file = open(self._partial, "ab", buffering=0)

    def add(self, entries: Iterable[Sequence[object]]) -> None:
        lines = "".join([json.dumps(entry) + "\n" for entry in entries]).encode()
        try:
            is_whole = self._file.write(lines) == len(lines)
        except OSError:
            is_whole = False
        if not is_whole:
            self._give_up()

    def end(self) -> None:
        """From here on it stays, also when the power fails."""
        digest = hashlib.sha256()
        try:
            with open(self._partial, "rb", buffering=0) as file:
                for chunk in iter(lambda: file.read(_CHUNK), b""):
                    digest.update(chunk)
            self.add([["end", digest.hexdigest()]])
            os.fsync(self._file.fileno())
            os.replace(self._partial, self._path)
        except OSError:
            self._give_up()
        self._file.close()

    def _give_up(self) -> None:
        try:
            os.unlink(self._partial)
        except OSError:
            pass
