"""DownloadBundle: the revision by its presigned URL, with the size and digest that were verified before, unpacked.

It stays beside what is unpacked of it, as with the reference agent. A deployment of a revision that this host has, a
rollback above all, takes it from there, whichever deployment brought it, once its digest is seen to be the right one.

A segment's process fetches the revision before the segment's first event, as ApplicationStop may take longer than the
URL lives. What is found then stops nothing yet.
"""

import hashlib
import os
import time
from typing import IO, Iterable, Iterator, Optional

from host.instructions import Bundle, Instructions
from host.posix import web
from host.posix.copy import create
from host.posix.layout import Layout
from host.posix.revision import take
from host.posix.unpack import unpack
from host.report import Failed

_PAUSES = (0.5, 2, 6)  # seconds between tries
SOCKET_SECONDS = 60  # without a byte
FIRST_SECONDS = 1800  # for the fetch before the first event; what takes longer, DownloadBundle fetches


def fetch_first(instructions: Instructions, layout: Layout) -> Optional[str]:
    """Bring the revision here for a segment that begins: what is to be said of that, None where it is not here. Raises
    Failed where the network leads nowhere, or the URL has expired: no fault of the revision. All else DownloadBundle
    meets and reports."""
    try:
        layout.with_reserve(layout.make)
        return _bring(instructions.bundle, layout, time.monotonic() + FIRST_SECONDS)
    except Failed as failed:
        if isinstance(failed.__cause__, (web.Expired, web.NoWay)):
            raise
    except OSError:
        pass
    forget(layout)
    return None


def forget(layout: Layout) -> None:
    """The archive, whole or in part."""
    for path in (layout.bundle, layout.bundle + ".partial"):
        _discard(path)


def download(instructions: Instructions, layout: Layout, deadline: float) -> str:
    """Bring the revision here, check and unpack it anew, whatever an earlier try left. Gives what is to be said of
    that, if anything. Raises Failed and OSError."""
    try:
        said = _bring(instructions.bundle, layout, deadline)
    except BaseException:
        forget(layout)
        raise
    unpack_fetched(instructions, layout)
    return said


def unpack_fetched(instructions: Instructions, layout: Layout) -> None:
    """Unpack what was brought here before. Raises Failed and OSError."""

    def unpacked(folder: str) -> None:
        with open(layout.bundle, "rb") as file:
            unpack(file, instructions.bundle.type, folder)

    try:
        layout.without_old_revisions(lambda: take(instructions, layout, unpacked))
    except BaseException:
        forget(layout)
        raise
    layout.limit_copies()


def _bring(bundle: Bundle, layout: Layout, deadline: float) -> str:
    """From a copy on this host, or by its URL; what is to be said of that."""
    copy = _find_copy(bundle, layout)
    layout.forget_old_revisions()
    if not copy:
        layout.without_old_revisions(lambda: _fetch(bundle, layout.bundle, deadline))
    return "nothing was downloaded: {} is the revision".format(copy) if copy not in ("", layout.bundle) else ""


def _find_copy(bundle: Bundle, layout: Layout) -> str:
    """The place from which this deployment has the revision now, too; "" where none on this host is whole."""
    for path in layout.copies():
        if os.path.getsize(path) == bundle.size and _sum(path) == bundle.sha256:
            try:
                if path != layout.bundle:
                    _discard(layout.bundle)
                    os.link(path, layout.bundle)
                return path
            except OSError:  # of a file system without links: it is downloaded, as if it was not here
                break
    return ""


def _sum(path: str) -> str:
    digest = hashlib.sha256()
    with open(path, "rb", buffering=0) as file:
        for chunk in _chunks(file):
            digest.update(chunk)
    return digest.hexdigest()


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    return iter(lambda: file.read(web.CHUNK), b"")


def _discard(path: str) -> None:
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
            with open(create(partial, 0o600), "wb") as file:  # root's alone, whatever the unpacked files are
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
