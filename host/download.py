"""DownloadBundle: the revision by its presigned URL, with the size and digest that were verified before, unpacked."""

import hashlib
import os
import shutil
import time
import urllib.error
import urllib.request
from typing import IO

from host.appspec import AppSpec, AppSpecError, parse
from host.archive import ArchiveError, unpack
from host.layout import Layout
from host.report import Failed
from host.told import Bundle, Told

_PAUSES = (1, 3, 9)  # seconds between tries
_CHUNK = 1024 * 1024


def download(told: Told, layout: Layout) -> None:
    """Fetch, check and unpack the revision anew, whatever an earlier try left. Raises Failed and OSError."""
    layout.forget_old_revisions()
    _fetch(told.bundle, layout.bundle)
    shutil.rmtree(layout.archive, ignore_errors=True)
    partial = layout.archive + ".partial"
    shutil.rmtree(partial, ignore_errors=True)
    try:
        with open(layout.bundle, "rb") as file:
            unpack(file, told.bundle.type, partial)
    except ArchiveError as error:
        raise Failed("DOWNLOAD", "the revision {}".format(error)) from error
    os.rename(partial, layout.archive)
    read_appspec(told, layout.archive)
    layout.mark_most_recent()


def read_appspec(told: Told, archive: str) -> AppSpec:
    """The AppSpec of an unpacked revision. Raises Failed."""
    names = [told.appspec_filename]
    if told.appspec_filename == "appspec.yml":
        names.append("appspec.yaml")
    for name in names:
        path = os.path.join(archive, name)
        if os.path.isfile(path):
            try:
                with open(path, encoding="utf-8-sig") as file:
                    return parse(file.read(), name)
            except (AppSpecError, UnicodeDecodeError) as error:
                raise Failed("APPSPEC", str(error)) from error
    raise Failed(
        "APPSPEC",
        "The CodeDeploy agent did not find an AppSpec file within the unpacked revision directory at revision-relative"
        ' path "{}". The revision was unpacked to directory "{}".'.format(told.appspec_filename, archive),
    )


def _fetch(bundle: Bundle, path: str) -> None:
    for pause in (*_PAUSES, None):
        try:
            with urllib.request.urlopen(bundle.url, timeout=60) as answer, open(path, "wb") as file:
                digest = _copy(answer, file, bundle)
        except urllib.error.HTTPError as error:
            if error.code < 500 or pause is None:
                raise Failed("DOWNLOAD", "the revision could not be fetched: HTTP {}".format(error.code)) from error
        except (OSError, ValueError) as error:
            if pause is None or not isinstance(error, (urllib.error.URLError, ConnectionError, TimeoutError)):
                raise Failed("DOWNLOAD", "the revision could not be fetched: {}".format(error)) from error
        else:
            if digest != bundle.sha256:
                raise Failed("DIGEST", "the revision is not the one that was verified: its sha256 is {}".format(digest))
            return
        time.sleep(pause or 0)


def _copy(answer: IO[bytes], file: IO[bytes], bundle: Bundle) -> str:
    """Copy at most what the bundle may be; the sha256 of it."""
    digest = hashlib.sha256()
    left = bundle.size
    while True:
        chunk = answer.read(_CHUNK)
        if not chunk:
            break
        left -= len(chunk)
        if left < 0:
            raise Failed("DIGEST", "the revision is larger than the {} bytes that were verified".format(bundle.size))
        digest.update(chunk)
        file.write(chunk)
    if left > 0:
        raise ConnectionError("{} bytes are missing".format(left))
    return digest.hexdigest()
