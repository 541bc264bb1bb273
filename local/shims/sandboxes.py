"""Where Lambda's sandboxes have their code: the emulator unpacks it for each, and Python compiles it anew for each.

Here all sandboxes have it in common, unpacked once and with what Python has compiled of it, as far as they have got:
half of the time in which one starts. A function cannot change its code, on AWS and so here.
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
