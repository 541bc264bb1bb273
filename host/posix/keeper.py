"""What reads on when the runner lets go of a pipe that somebody may still write into.

Such a writer would die of SIGPIPE at its next line, and a deployment would have succeeded whose application is dead.
"""

import os
import subprocess
from typing import IO, List

KEPT_MIB = 8  # of one file; the older half's name ends in .1
# Beyond the limit the system ends cat, and the next one begins a new file. Where a revision's folder is gone, or the
# file cannot be written, what comes is read and dropped. `ulimit -f` counts blocks of 512 bytes.
_KEEP = """
ulimit -c 0; ulimit -f {}; umask 077
until cat >>"$0"; do mv -f "$0" "$0.1" || exec cat >/dev/null; done
""".format(KEPT_MIB << 11)
_KEEPERS: "List[subprocess.Popen[bytes]]" = []  # nobody waits for them


def keep(pipe: IO[bytes], path: str) -> str:
    """Leave the pipe to a small process that writes what comes into the file, which is root's alone; where that is.

    No part of a script's family, it lives as long as somebody may write.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    os.close(os.open(path, flags, 0o600))
    with pipe:
        keeper = subprocess.Popen(
            ["/bin/sh", "-c", _KEEP, path],
            cwd="/",
            env={"PATH": "/usr/bin:/bin"},
            stdin=pipe,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    _KEEPERS.append(keeper)
    return "what it says goes to {} now, the newest {} MiB at least".format(path, KEPT_MIB)
