"""What starts a segment on a host: verify the instructions, fetch the runner once per version, let it take the host.

host/step.py puts these lines into the SSM document, in single quotes, so that there are none here. Its arguments are
what the document itself fixes: the name of the step, the public key of the engine (modulus in hexadecimal, exponent)
and the sha256 of the runner. The instructions come by standard input, from anyone who may send the document: until
`verify` has accepted them, nothing is fetched or written. Exit status 3: this Python is too old, another one may do.
"""

import sys

if sys.version_info < (3, 7):
    sys.exit(3)

import binascii
import fcntl
import gc
import hashlib
import json
import os
import time
from typing import NoReturn, Tuple

MARK_CHARACTERS = 32  # of the end of what was sent, by which later steps know the process of their segment
CLOCK_SKEW_SECONDS = 900  # with a clock that is off by more, the SSM Agent could not sign its own requests
SHA256_INFO = bytes.fromhex("3031300d060960864801650304020105000420")  # RFC 8017, 9.2, note 1


def fail(cause: str, message: str) -> NoReturn:
    line = {"stepdeploy": 1, "event": sys.argv[1], "status": "Failed", "error_code": "UnknownError", "cause": cause}
    line.update(exit_code=None, script_name="", message=message[:300], log_tail="")
    print(json.dumps(line))
    sys.exit(1)


def is_signed(payload: bytes, signature: bytes, modulus: int, exponent: int) -> bool:
    """Whether this is the RSASSA-PKCS1-v1_5 signature with SHA-256 of the payload (RFC 8017, 8.2.2), in hexadecimal.

    The encoded message is built and compared as a whole, as the RFC has it. No padding is parsed.
    """
    size = (modulus.bit_length() + 7) // 8
    if len(signature) != 2 * size or signature.strip(b"0123456789abcdef"):
        return False
    number = int(signature, 16)
    info = SHA256_INFO + hashlib.sha256(payload).digest()
    encoded = b"\0\1" + b"\xff" * (size - 3 - len(info)) + b"\0" + info
    return number < modulus and pow(number, exponent, modulus) == int.from_bytes(encoded, "big")


def verify(sent: bytes, modulus: int, exponent: int, sha256: str) -> Tuple[bytes, str]:
    """The instructions, which are signed for this host, this moment and this runner, and the URL of the runner.

    `sent` is the base64 of the instructions, a dot and the signature of that base64. Anything else ends the step.
    """
    payload, _, signature = sent.partition(b".")
    if not is_signed(payload, signature, modulus, exponent):
        fail("DENIED", "the instructions are not signed by the engine of the stack of this document: nothing was done")
    instructions = json.loads(binascii.a2b_base64(payload).decode())
    host = os.environ.get("AWS_SSM_INSTANCE_ID")  # the SSM Agent sets it for every script
    if not host:
        fail("UNSUPPORTED", "AWS_SSM_INSTANCE_ID is not set, so this host cannot know its own id: update the SSM Agent")
    if instructions["target_id"] != host:
        fail("DENIED", "the instructions are for %s; this host is %s" % (instructions["target_id"], host))
    if time.time() > instructions["expires_at"] + CLOCK_SKEW_SECONDS:
        times = [
            time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at)) for at in (instructions["expires_at"], time.time())
        ]
        fail("DENIED", "the instructions expired at %s; the clock of this host says %s: check it" % tuple(times))
    if instructions["runner"]["sha256"] != sha256:
        fail(
            "DENIED",
            "the instructions name the runner %s; the document names %s" % (instructions["runner"]["sha256"], sha256),
        )
    return payload, instructions["runner"]["url"]


def is_right(path: str, sha256: str) -> bool:
    try:
        with open(path, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest() == sha256
    except FileNotFoundError:
        return False


def read(url: str) -> bytes:
    import urllib.error  # costs a tenth of a second, needed once per version
    import urllib.request

    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return bytes(answer.read())
    except urllib.error.HTTPError as error:
        said = error.read(4096)
        if b"ExpiredToken" in said or b"Request has expired" in said:
            fail("EXPIRED", "the URL of the runner had expired before this host used it: nothing was done")
        raise


def fetch(url: str) -> bytes:
    """Tried again for a minute, also on 403: a grant that was just made takes a while to be known everywhere."""
    for pause in (0.5, 2, 6, 15, 36):
        try:
            return read(url)
        except OSError as error:
            if 400 <= getattr(error, "code", 500) < 500 and getattr(error, "code", 500) != 403:
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
        fail("DOWNLOAD", "the runner could not be fetched: %s" % why(url, error))
    if hashlib.sha256(body).hexdigest() != sha256:
        fail("DIGEST", "the runner that was fetched is not the one that was published")
    return body


def why(url: str, error: Exception) -> str:
    """What the network says, and what to do about it on this host."""
    if getattr(error, "code", 0) or not isinstance(error, OSError):
        return str(error)
    if "certificate" in str(error):
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        return "%s. The clock of this host says %s; and does it know the authority of a proxy?" % (error, now)
    return "%s: %s. Has this host a way to S3: route, DNS, proxy, endpoint?" % (url.split("/")[2], error)


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
                for name in archive.namelist():  # what is there by its last name is whole, whenever the power fails
                    with open(os.path.join(unpacked, name), "rb") as file:
                        os.fsync(file.fileno())
            os.rename(unpacked, code)
        except OSError:
            pass  # it also runs out of the zip
        os.rename(whole, path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def start() -> None:
    gc.disable()  # a segment is short, and to look for cycles is a tenth of its work
    os.umask(0o022)
    _, event, modulus, exponent, sha256 = sys.argv
    sent = sys.stdin.buffer.read().strip()
    payload, url = verify(sent, int(modulus, 16), int(exponent), sha256)
    sys.path.append(runner(url, sha256))  # the last: most of what is imported is of Python itself
    from host.posix.segment import begin

    line = begin(payload.decode(), event, mark=sent.decode()[-MARK_CHARACTERS:])
    if line:
        print(line, flush=True)
    os._exit(1 if line else 0)  # at once: to take all modules down takes a while


if __name__ == "__main__":
    try:
        start()
    except OSError as error:
        fail("DISK", "the runner could not be started: %s" % error)
    except Exception as error:
        folder = os.path.join(os.environ.get("STEPDEPLOY_ROOT") or "/opt/stepdeploy", "runner")
        fail(
            "ENGINE",
            "the runner could not be started: %r. If it stays so: rm -r %s, and deploy again" % (error, folder),
        )
