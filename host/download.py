"""DownloadBundle: the revision by its presigned URL, with the size and digest that were verified before, unpacked.

The network's modules are imported here alone: they take longer to import than most events take.
"""

import errno
import hashlib
import http.client
import os
import re
import time
import urllib.error
import urllib.request
from typing import IO

from host.archive import unpack
from host.layout import Layout
from host.report import Failed
from host.revision import take
from host.told import Bundle, Told

_PAUSES = (0.5, 2, 6)  # seconds between tries
SOCKET_SECONDS = 60  # without a byte
_ERROR_BYTES = 4096
_CODES = re.compile("<(?:Code|Message)>([^<]*)<")  # of S3's error documents
_CHUNK = 1024 * 1024
_OF_THE_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES)


def download(told: Told, layout: Layout, deadline: float) -> None:
    """Fetch, check and unpack the revision anew, whatever an earlier try left. Raises Failed and OSError."""
    layout.forget_old_revisions()

    def unpacked(folder: str) -> None:
        with open(layout.bundle, "rb") as file:
            unpack(file, told.bundle.type, folder)

    try:
        layout.without_old_revisions(lambda: _fetch(told.bundle, layout.bundle, deadline))
        layout.without_old_revisions(lambda: take(told, layout, unpacked))
    finally:
        for path in (layout.bundle, layout.bundle + ".partial"):  # what is unpacked is enough
            try:
                os.unlink(path)
            except OSError:
                pass


def _fetch(bundle: Bundle, path: str, deadline: float) -> None:
    if not bundle.url.startswith(("https://", "http://")):
        raise Failed("DOWNLOAD", "the revision's URL is neither https nor http")
    partial = path + ".partial"
    for pause in (*_PAUSES, None):
        try:
            with urllib.request.urlopen(bundle.url, timeout=SOCKET_SECONDS) as answer, open(partial, "wb") as file:
                digest = _copy(answer, file, bundle, deadline)
            break
        except (OSError, http.client.HTTPException) as error:
            _consider(error, path, is_last=pause is None or time.monotonic() > deadline)
        time.sleep(pause or 0)
    if digest != bundle.sha256:
        raise Failed("DIGEST", "the revision is not the one that was verified: its sha256 is {}".format(digest))
    os.replace(partial, path)


def _consider(error: Exception, place: str, *, is_last: bool) -> None:
    """Raises unless another try may do better: the disk's errors as they are, the network's as Failed."""
    if isinstance(error, urllib.error.HTTPError):
        with error:
            said = _CODES.findall(error.read(_ERROR_BYTES).decode("utf-8", "replace"))
        what = " ".join(["HTTP {}".format(error.code), *said])
        if is_last or (error.code < 500 and error.code not in (408, 429)):
            raise Failed("DOWNLOAD", "the revision could not be fetched: {}".format(what)) from error
    elif isinstance(error, OSError) and error.errno in _OF_THE_DISK:
        raise OSError(error.errno, error.strerror, place) from error
    elif is_last:
        raise Failed("DOWNLOAD", "the revision could not be fetched: {}".format(error)) from error


def _copy(answer: IO[bytes], file: IO[bytes], bundle: Bundle, deadline: float) -> str:
    """Copy at most what the bundle may be; the sha256 of it. Raises ConnectionError for less, TimeoutError, Failed."""
    digest = hashlib.sha256()
    left = bundle.size
    while True:
        chunk = answer.read(_CHUNK)
        if not chunk:
            break
        left -= len(chunk)
        if left < 0:
            raise Failed("DIGEST", "the revision is larger than the {} bytes that were verified".format(bundle.size))
        if time.monotonic() > deadline:
            raise TimeoutError("it took too long, {} bytes are missing".format(left))
        digest.update(chunk)
        file.write(chunk)
    if left > 0:
        raise ConnectionError("{} bytes are missing".format(left))
    return digest.hexdigest()
