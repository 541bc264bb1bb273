"""DownloadBundle: the revision by its presigned URL, with the size and digest that were verified before, unpacked.

A segment's process fetches the revision before the segment's first event, as ApplicationStop may take longer than the
URL lives. What is found then stops nothing yet.
"""

import hashlib
import os
import time
from typing import IO, Iterable

from host.instructions import Bundle, Instructions
from host.posix import web
from host.posix.layout import Layout
from host.posix.revision import take
from host.posix.unpack import unpack
from host.report import Failed

_PAUSES = (0.5, 2, 6)  # seconds between tries
SOCKET_SECONDS = 60  # without a byte
FIRST_SECONDS = 1800  # for the fetch before the first event; what takes longer, DownloadBundle fetches


def fetch_first(instructions: Instructions, layout: Layout) -> bool:
    """Fetch the revision for a segment that begins: whether it is there, and checked. Raises Failed where the network
    leads nowhere, or the URL has expired: no fault of the revision. All else DownloadBundle meets and reports."""
    try:
        layout.with_reserve(layout.make)
        layout.forget_old_revisions()
        deadline = time.monotonic() + FIRST_SECONDS
        layout.without_old_revisions(lambda: _fetch(instructions.bundle, layout.bundle, deadline))
    except Failed as failed:
        if isinstance(failed.__cause__, (web.Expired, web.NoWay)):
            raise
    except OSError:
        pass
    else:
        return True
    forget(layout)
    return False


def forget(layout: Layout) -> None:
    """The archive, whole or in part: what is unpacked of it is enough."""
    for path in (layout.bundle, layout.bundle + ".partial"):
        try:
            os.unlink(path)
        except OSError:
            pass


def download(instructions: Instructions, layout: Layout, deadline: float) -> None:
    """Fetch, check and unpack the revision anew, whatever an earlier try left. Raises Failed and OSError."""
    layout.forget_old_revisions()
    try:
        layout.without_old_revisions(lambda: _fetch(instructions.bundle, layout.bundle, deadline))
    except BaseException:
        forget(layout)
        raise
    unpack_fetched(instructions, layout)


def unpack_fetched(instructions: Instructions, layout: Layout, deadline: float = 0) -> None:
    """Unpack what was fetched before. Raises Failed and OSError."""

    def unpacked(folder: str) -> None:
        with open(layout.bundle, "rb") as file:
            unpack(file, instructions.bundle.type, folder)

    try:
        layout.without_old_revisions(lambda: take(instructions, layout, unpacked))
    finally:
        forget(layout)


def _fetch(bundle: Bundle, path: str, deadline: float) -> None:
    if not bundle.url.startswith(("https://", "http://")):
        raise Failed("DOWNLOAD", "the revision's URL is neither https nor http")
    partial = path + ".partial"
    for pause in (*_PAUSES, None):
        try:
            with open(partial, "wb") as file:
                digest = _copy(web.chunks(bundle.url, SOCKET_SECONDS), file, bundle, deadline)
            break
        except web.Trouble as error:
            is_final = 400 <= error.code < 500 and error.code not in (408, 429)
            if is_final or pause is None or time.monotonic() > deadline:
                cause = "EXPIRED" if isinstance(error, web.Expired) else "DOWNLOAD"
                raise Failed(cause, "the revision could not be fetched: {}".format(error)) from error
        except OSError as error:
            raise OSError(error.errno, error.strerror, path) from error
        time.sleep(pause)
    if digest != bundle.sha256:
        raise Failed("DIGEST", "the revision is not the one that was verified: its sha256 is {}".format(digest))
    os.replace(partial, path)


def _copy(content: Iterable[bytes], file: IO[bytes], bundle: Bundle, deadline: float) -> str:
    """Copy at most what the bundle may be; the sha256 of it. Raises Trouble for less and when it takes too long, Failed
    for more."""
    digest = hashlib.sha256()
    left = bundle.size
    for chunk in content:
        left -= len(chunk)
        if left < 0:
            raise Failed("DIGEST", "the revision is larger than the {} bytes that were verified".format(bundle.size))
        if time.monotonic() > deadline:
            raise web.Trouble("it took too long, {} bytes are missing".format(left))
        digest.update(chunk)
        file.write(chunk)
    if left > 0:
        raise web.Trouble("{} bytes are missing".format(left))
    return digest.hexdigest()
