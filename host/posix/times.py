"""The time of what Install puts in a file's place: caches tell a changed file by its time, often by nothing else.

Python runs the compiled old module while time and size are the old ones; a web server answers "not modified" to who has
the page of that time, many also to who has a newer one. The reference agent keeps the archive's times, which says
nothing where every build has the same (1980, SOURCE_DATE_EPOCH), and which goes back with a rollback. Here a path's
time never goes back, and goes on by at least a second when what is in the file changes.
"""

import os
import stat
from array import array
from typing import Iterable

from host.plan import Make, folder_of

SECOND = 10**9  # nanoseconds; what HTTP's dates and Python's cache tell apart
AS_IN_ARCHIVE = -1
_CHUNK = 1024 * 1024


def later_times(makes: Iterable[Make], archive: str) -> "array[int]":
    """For each of what is made its time in nanoseconds, or AS_IN_ARCHIVE.

    Call it while the previous installation is still there. What cannot be read has the archive's time.
    """
    later = array("q")
    last, is_there = "", False
    for make in makes:
        moment = AS_IN_ARCHIVE
        if make.kind == "file":
            folder = folder_of(make.destination)
            if folder != last:
                last, is_there = folder, os.path.isdir(folder)
            try:
                moment = _later_time(archive + "/" + make.source, make.destination) if is_there else moment
            except OSError:  # Install says so, should it matter
                pass
        later.append(moment)
    return later


def _later_time(source: str, destination: str) -> int:
    try:
        before = os.stat(destination)  # also by way of a link: who serves it sees what is behind
    except FileNotFoundError:
        return AS_IN_ARCHIVE
    after = os.stat(source)
    if not stat.S_ISREG(before.st_mode) or after.st_mtime_ns // SECOND > before.st_mtime_ns // SECOND:
        return AS_IN_ARCHIVE
    if before.st_size == after.st_size and _same(source, destination):
        return before.st_mtime_ns if before.st_mtime_ns > after.st_mtime_ns else AS_IN_ARCHIVE
    return (before.st_mtime_ns // SECOND + 1) * SECOND


def _same(one: str, other: str) -> bool:
    with open(one, "rb", buffering=0) as first, open(other, "rb", buffering=0) as second:
        while True:
            chunk = first.read(_CHUNK)
            if chunk != second.read(_CHUNK):
                return False
            if not chunk:
                return True
