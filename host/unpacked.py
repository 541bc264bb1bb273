"""The zipapp's own __main__: unpacks the code beside the zipapp once, so that Python may keep it compiled.

Without that every event would compile all of it anew, which takes longer than most events. Under any other name than
`<64 hex digits>.pyz`, which is what a host's step gives it, the code runs out of the zip.
"""

import os
import re
import sys


def unpacked(runner: str) -> str:
    """The folder of the runner's code, or the runner itself."""
    folder = runner[: -len(".pyz")]
    if not re.fullmatch("[0-9a-f]{64}", os.path.basename(folder)) or os.path.isdir(folder):
        return folder if os.path.isdir(folder) else runner
    import shutil  # only once for each version: they take longer to import than most events take
    import tempfile
    import zipfile

    try:
        partial = tempfile.mkdtemp(dir=os.path.dirname(folder))
        try:
            with zipfile.ZipFile(runner) as archive:
                archive.extractall(partial)
            os.rename(partial, folder)  # whole or not at all; another step may have been faster
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    except OSError:
        return folder if os.path.isdir(folder) else runner
    return folder


if __name__ == "__main__":
    sys.path[0] = unpacked(os.path.abspath(sys.argv[0]))
    from host.__main__ import main

    sys.exit(main(sys.argv[1:]))
