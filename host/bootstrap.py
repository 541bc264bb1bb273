"""What starts a segment on a host: fetch the runner once per version, check it, and let it take the host.

host/step.py puts these lines into the SSM document, in single quotes, so that there are none here; the instructions
come by standard input. Exit status 3: this Python is too old, another one may do.
"""

import sys

if sys.version_info < (3, 7):
    sys.exit(3)

import binascii
import fcntl
import hashlib
import json
import os
import time
from typing import NoReturn


def fail(cause: str, message: str) -> NoReturn:
    line = {"stepdeploy": 1, "event": sys.argv[1], "status": "Failed", "error_code": "UnknownError", "cause": cause}
    line.update(script_name="", message=message[:300], log_tail="")
    print(json.dumps(line))
    sys.exit(1)


def is_right(path: str, sha256: str) -> bool:
    try:
        with open(path, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest() == sha256
    except FileNotFoundError:
        return False


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
    """The folder of the unpacked runner, where Python may keep it compiled; the zip itself on a disk that is full."""
    folder = os.path.join(os.environ.get("STEPDEPLOY_ROOT") or "/opt/stepdeploy", "runner")
    path, code = os.path.join(folder, sha256 + ".pyz"), os.path.join(folder, sha256)
    if not is_right(path, sha256):
        os.makedirs(folder, mode=0o755, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)  # one fetches it, the others find it
            if not is_right(path, sha256):
                keep(fetched(url, sha256), folder, path, code)
        finally:
            os.close(handle)
    return code if os.path.isdir(code) else path


def fetched(url: str, sha256: str) -> bytes:
    try:
        body = fetch(url)
    except (OSError, ValueError, EOFError) as error:
        fail("DOWNLOAD", "the runner could not be fetched: %s" % error)
    if hashlib.sha256(body).hexdigest() != sha256:
        fail("DIGEST", "the runner that was fetched is not the one that was published")
    return body


def keep(body: bytes, folder: str, path: str, code: str) -> None:
    import shutil
    import tempfile
    import zipfile

    partial = tempfile.mkdtemp(dir=folder)
    try:
        whole, unpacked = os.path.join(partial, "pyz"), os.path.join(partial, "code")
        with open(whole, "wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        shutil.rmtree(code, ignore_errors=True)  # of a runner that was changed here
        try:
            with zipfile.ZipFile(whole) as archive:
                archive.extractall(unpacked)
            os.rename(unpacked, code)
        except OSError:
            pass  # it also runs out of the zip
        os.rename(whole, path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def start() -> None:
    os.umask(0o022)
    told = sys.stdin.read().strip()
    where = json.loads(binascii.a2b_base64(told).decode())["runner"]
    sys.path.insert(0, runner(where["url"], where["sha256"]))
    from host.segment import begin

    line = begin(told, sys.argv[1])
    if line:
        print(line)
        sys.exit(1)


try:
    start()
except OSError as error:
    fail("DISK", "the runner could not be started: %s" % error)
except Exception as error:
    fail("ENGINE", "the runner could not be started: %r" % error)
