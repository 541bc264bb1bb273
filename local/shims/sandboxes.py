"""Where Lambda's sandboxes have their code: the emulator unpacks it for each, and Python compiles it anew for each.

Here it is unpacked once, and all sandboxes have that folder in common, with what any of them has compiled: the next one
imports its handler in half the time. No function may change its code, on AWS neither.
"""

import os
import tempfile
import zipfile
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from threading import Lock
from types import SimpleNamespace

_unpacking = Lock()


class SharedCode(zipfile.ZipFile):
    """An archive that is unpacked into one folder for all, to which the others are links."""

    def extractall(
        self,
        path: str | os.PathLike[str] | None = None,
        members: Iterable[str | zipfile.ZipInfo] | None = None,
        pwd: bytes | None = None,
    ) -> None:
        assert path is not None and self.filename is not None
        digest = sha256(Path(self.filename).read_bytes()).hexdigest()
        shared = Path(tempfile.gettempdir(), f"code-{digest}")
        with _unpacking:
            if not shared.exists():
                begun = shared.with_suffix(".begun")
                super().extractall(begun, members, pwd)
                begun.rename(shared)
        Path(path).rmdir()
        Path(path).symlink_to(shared)


def install() -> None:
    from ministack.core import lambda_runtime

    lambda_runtime.zipfile = SimpleNamespace(**{**vars(zipfile), "ZipFile": SharedCode})
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
