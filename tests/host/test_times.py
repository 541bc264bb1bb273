"""What was changed has another time on the host: caches that tell files by their times see every change."""

import email.utils
import functools
import io
import os
import subprocess
import sys
import tarfile
import threading
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from host.posix.unpack import unpack
from tests.host.archive.archives import member, tar
from tests.host.conftest import Host, appspec, revision

OLD = 1_600_000_000


def site(target: Path, content: str, *, type: str = "zip", name: str = "x", mtime: float | None = None) -> bytes:
    """A revision that installs one file; every zip has the same time, as Gradle's and Bazel's have."""
    if type == "zip":
        return revision({"appspec.yml": appspec({"app": target}), f"app/{name}": content})
    spec = appspec({"app": target}).encode()
    return tar((member("appspec.yml"), spec), (member(f"app/{name}", mtime=mtime), content.encode()), type=type)


def install(host: Host, number: int, body: bytes, type: str = "zip") -> None:
    assert host.install(f"d-{number}", body, type=type).status == "Succeeded"


@pytest.mark.parametrize("behavior", ["DISALLOW", "OVERWRITE"])
def test_a_changed_module_of_the_same_size_and_time_is_what_python_runs(
    host: Host, tmp_path: Path, behavior: str
) -> None:
    srv = tmp_path / "srv"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}

    def imported() -> str:
        command = [sys.executable, "-c", "import x; print(x.VERSION)"]
        return subprocess.run(command, cwd=srv, env=environment, capture_output=True, text=True).stdout.strip()

    for number, version in enumerate((1, 2, 1)):
        body = site(srv, f"VERSION = {version}\n", name="x.py")
        changed = host.told(f"d-{number}", body, file_exists_behavior=behavior)
        assert host.deploy(changed, ("DownloadBundle", "Install")).status == "Succeeded"
        assert imported() == str(version)
        assert list((srv / "__pycache__").glob("x.*.pyc"))


@contextmanager
def served(folder: Path) -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Browser:
    """Asks again for a page with the time of the one that it has."""

    def __init__(self, url: str) -> None:
        self.url, self.page, self.modified = url, b"", ""

    def see(self) -> str:
        request = urllib.request.Request(self.url, headers={"If-Modified-Since": self.modified} if self.page else {})
        try:
            with urllib.request.urlopen(request) as answer:
                self.page, self.modified = answer.read(), answer.headers["Last-Modified"]
        except urllib.error.HTTPError as error:
            with error:
                assert error.code == 304
        return self.page.decode()


def test_a_changed_page_of_the_same_size_is_sent_also_after_a_rollback(host: Host, tmp_path: Path) -> None:
    """http.server answers 304 also to a time after the file's, so that a rollback may not set the time back."""
    srv = tmp_path / "srv"
    install(host, 0, site(srv, "v1", type="tar", mtime=OLD, name="index.html"), "tar")
    with served(srv) as url:
        browser = Browser(f"{url}/index.html")
        assert browser.see() == "v1"
        for number, (page, mtime) in enumerate([("v2", OLD), ("v3", OLD + 9000), ("v1", OLD), ("v3", OLD + 9000)], 1):
            install(host, number, site(srv, page, type="tar", mtime=mtime, name="index.html"), "tar")
            assert browser.see() == page
    assert email.utils.parsedate_to_datetime(browser.modified).timestamp() == OLD + 9002


@pytest.mark.parametrize(
    ("content", "mtime", "then"),
    [
        ("new", OLD + 5, OLD + 5),
        ("new", OLD, OLD + 1),
        ("new", OLD + 0.5, OLD + 1),
        ("longer", OLD, OLD + 1),
        ("new", OLD - 5, OLD + 1),
        ("old", OLD, OLD),
        ("old", OLD + 5, OLD + 5),
        ("old", OLD - 5, OLD),
    ],
    ids=["newer", "same", "same second", "other size", "older", "unchanged", "unchanged and newer", "and older"],
)
def test_a_path_s_time_never_goes_back_and_goes_on_when_its_content_changes(
    host: Host, tmp_path: Path, content: str, mtime: float, then: float
) -> None:
    srv = tmp_path / "srv"
    install(host, 1, site(srv, "old", type="tar", mtime=OLD), "tar")
    info = member("app/x", pax_headers={"mtime": str(mtime)}, size=len(content))
    app = info.tobuf(tarfile.PAX_FORMAT) + content.encode().ljust(512, b"\0")
    spec = tar((member("appspec.yml"), appspec({"app": srv}).encode()))[:1024]
    install(host, 2, spec + app + bytes(1024), "tar")
    assert ((srv / "x").read_text(), (srv / "x").stat().st_mtime) == (content, then)


@pytest.mark.parametrize(
    ("extra", "moment"),
    [
        (b"UT\x05\x00\x01" + (OLD + 1).to_bytes(4, "little"), OLD + 1),
        (b"\x01\x00\x02\x00..UT\x09\x00\x03" + (OLD + 1).to_bytes(4, "little") + bytes(4), OLD + 1),
        (b"UX\x08\x00" + bytes(4) + (OLD + 1).to_bytes(4, "little"), OLD + 1),
        (b"UT\x05\x00\x02" + bytes(4), OLD),
        (b"UT\x01\x00\x01", OLD),
        (b"", OLD),
    ],
    ids=["mtime", "behind another", "macOS's", "no mtime", "cut", "none"],
)
def test_a_zip_s_time_is_that_of_its_extra_field(tmp_path: Path, extra: bytes, moment: int) -> None:
    info, body = zipfile.ZipInfo("x", time.localtime(OLD)[:6]), io.BytesIO()
    info.extra = extra
    with zipfile.ZipFile(body, "w") as archive:
        archive.writestr(info, b"")
    unpack(body, "zip", str(tmp_path / "out"))
    assert (tmp_path / "out" / "x").stat().st_mtime == moment
