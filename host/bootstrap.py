"""What a step runs before the runner is there: fetch it once per version, check it, hand over.

host/step.py puts these lines into the SSM document; the instructions come by file descriptor 3.
"""

import base64
import hashlib
import json
import os
import sys
import tempfile
import time
from typing import NoReturn


def fail(cause: str, message: str) -> NoReturn:
    line = {"stepdeploy": 1, "event": sys.argv[1], "status": "Failed", "error_code": "UnknownError", "cause": cause}
    line.update(script_name="", message=message[:300], log_tail="")
    print(json.dumps(line))
    sys.exit(1)


def is_right(path: str, sha256: str) -> bool:
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest() == sha256


def read(url: str) -> bytes:
    import urllib.request  # costs a tenth of a second, needed once per version

    with urllib.request.urlopen(url, timeout=30) as answer:
        return bytes(answer.read())


def fetch(url: str) -> bytes:
    for pause in (0.5, 2, 6):
        try:
            return read(url)
        except OSError as error:
            if 400 <= getattr(error, "code", 500) < 500:
                raise
            time.sleep(pause)
    return read(url)


def runner(url: str, sha256: str) -> str:
    folder = os.path.join(os.environ.get("STEPDEPLOY_ROOT") or "/opt/stepdeploy", "runner")
    path = os.path.join(folder, sha256 + ".pyz")
    if os.path.exists(path) and is_right(path, sha256):
        return path
    try:
        body = fetch(url)
    except (OSError, ValueError, EOFError) as error:
        fail("DOWNLOAD", "the runner could not be fetched: %s" % error)
    if hashlib.sha256(body).hexdigest() != sha256:
        fail("DIGEST", "the runner that was fetched is not the one that was published")
    os.makedirs(folder, mode=0o755, exist_ok=True)
    handle, partial = tempfile.mkstemp(dir=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        os.rename(partial, path)
    except OSError as error:
        os.unlink(partial)
        raise OSError(error.errno, error.strerror, path) from error
    return path


def start() -> None:
    os.umask(0o022)
    with os.fdopen(3) as file:
        told = file.read().strip()
    where = json.loads(base64.b64decode(told).decode())["runner"]
    path = runner(where["url"], where["sha256"])
    reader, writer = os.pipe()  # not on the command line, which every user of the host can read
    os.write(writer, told.encode())
    os.close(writer)
    os.dup2(reader, 0)
    os.execv(sys.executable, [sys.executable, "-I", "-S", path, "run", sys.argv[1]])


try:
    start()
except OSError as error:
    fail("DISK", "the runner could not be started: %s" % error)
except Exception as error:
    fail("ENGINE", "the runner could not be started: %r" % error)
