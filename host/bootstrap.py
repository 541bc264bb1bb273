"""What a step runs before the runner is there: verify the instructions, fetch the runner once per version, hand over.

host/step.py puts this file into the SSM document. Its arguments are what the document itself fixes: the lifecycle
event, the engine's public key (modulus in hexadecimal, exponent) and the runner's sha256. The instructions come by file
descriptor 3, from anyone who may send the document: until `verify` has accepted them, nothing is fetched or written.
"""

import base64
import hashlib
import json
import os
import sys
import tempfile
import time
from typing import NoReturn, Tuple

CLOCK_SKEW_SECONDS = 900  # with a clock that is off by more, the SSM Agent could not sign its own requests
_SHA256_INFO = bytes.fromhex("3031300d060960864801650304020105000420")  # RFC 8017, 9.2, note 1


def fail(cause: str, message: str) -> NoReturn:
    line = {"stepdeploy": 1, "event": sys.argv[1], "status": "Failed", "error_code": "UnknownError", "cause": cause}
    line.update(script_name="", message=message[:300], log_tail="")
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
    info = _SHA256_INFO + hashlib.sha256(payload).digest()
    encoded = b"\0\1" + b"\xff" * (size - 3 - len(info)) + b"\0" + info
    return number < modulus and pow(number, exponent, modulus) == int.from_bytes(encoded, "big")


def verify(sent: bytes, event: str, modulus: int, exponent: int, sha256: str) -> Tuple[bytes, str]:
    """The instructions, which are signed for this host, this moment and this runner, and the runner's URL.

    `sent` is the base64 of the instructions, a dot and the signature of that base64. Anything else ends the step.
    """
    payload, _, signature = sent.partition(b".")
    if not is_signed(payload, signature, modulus, exponent):
        fail("DENIED", "the instructions are not signed by the engine of this document's stack: nothing was done")
    told = json.loads(base64.b64decode(payload).decode())
    host = os.environ.get("AWS_SSM_INSTANCE_ID")  # the SSM Agent sets it for every script
    if not host:
        fail("DENIED", "AWS_SSM_INSTANCE_ID is not set, so this host cannot know its own id: update the SSM Agent")
    if told["target_id"] != host:
        fail("DENIED", "the instructions are for %s; this host is %s" % (told["target_id"], host))
    if event not in told["events"]:
        fail("DENIED", "the instructions are for %s only" % ", ".join(told["events"]))
    if time.time() > told["expires_at"] + CLOCK_SKEW_SECONDS:
        times = [time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at)) for at in (told["expires_at"], time.time())]
        fail("DENIED", "the instructions expired at %s; this host's clock says %s: check the clock" % tuple(times))
    named = told["runner"]["sha256"]
    if named != sha256:
        fail("DENIED", "the instructions name the runner %s; this document's is %s" % (named, sha256))
    return payload, told["runner"]["url"]


def is_right(path: str, sha256: str) -> bool:
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest() == sha256


def read(url: str) -> bytes:
    import urllib.request  # costs a tenth of a second, needed once per version

    with urllib.request.urlopen(url, timeout=30) as answer:
        return bytes(answer.read())


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
    _, event, modulus, exponent, sha256 = sys.argv
    with os.fdopen(3, "rb") as file:
        payload, url = verify(file.read().strip(), event, int(modulus, 16), int(exponent), sha256)
    path = runner(url, sha256)
    reader, writer = os.pipe()  # not on the command line, which every user of the host can read
    os.write(writer, payload)
    os.close(writer)
    os.dup2(reader, 0)
    os.execv(sys.executable, [sys.executable, "-I", "-S", path, "run", event])


if __name__ == "__main__":
    try:
        start()
    except OSError as error:
        fail("DISK", "the runner could not be started: %s" % error)
    except Exception as error:
        fail("ENGINE", "the runner could not be started: %r" % error)
