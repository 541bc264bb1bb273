"""A folder in memory for what tests write, where the machine has one: the disk took a fifth of their time.

Each run has a folder of its own below /dev/shm, which goes with it; those of runs that were killed go with the next
one. Who sets TMPDIR keeps what is written there.
"""

import os
import re
import shutil
import tempfile
from pathlib import Path

_SHARED = Path("/dev/shm")
_PREFIX = "sd-"  # short: paths are in messages, which have a most length
_FREE_BYTES = 4 * 1024**3  # several times of what all tests have at one time


def begin() -> Path | None:
    """From now on, temporary files of this process and of those that it starts lie in memory. The folder to `end`."""
    if "TMPDIR" in os.environ or not _has_room():
        return None
    for left in _SHARED.glob(f"{_PREFIX}*"):
        if not Path("/proc", left.name.removeprefix(_PREFIX)).exists():
            shutil.rmtree(left, ignore_errors=True)
    folder = _SHARED / f"{_PREFIX}{os.getpid()}"
    folder.mkdir(0o755)
    os.environ["TMPDIR"] = str(folder)
    tempfile.tempdir = None  # asked for again
    return folder


def end(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def _has_room() -> bool:
    """It is there, programs may run from it, and there is enough memory for it."""
    if not os.access(_SHARED, os.W_OK):
        return False
    found = os.statvfs(_SHARED)
    available = re.search(r"MemAvailable: +(\d+) kB", Path("/proc/meminfo").read_text())
    unused = int(available[1]) * 1024 if available else 0
    return not found.f_flag & os.ST_NOEXEC and min(found.f_bavail * found.f_frsize, unused) > _FREE_BYTES
