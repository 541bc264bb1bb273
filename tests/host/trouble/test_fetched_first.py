"""The revision comes before the first event: a URL that dies, or a network that leads nowhere, stops nothing."""

import json
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from host import bootstrap
from host.posix import download, segment
from host.report import Report
from tests.host.conftest import IN_PLACE, NO_PROFILE, Host, revision
from tests.host.test_events import hooked
from tests.host.test_segment import deploy
from tests.host.test_step import step
from tests.signing import encoded

EXPIRED = [
    (403, b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"),
    (400, b"<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>"),
]


@pytest.fixture
def stops(host: Host, tmp_path: Path) -> Path:
    """A revision is installed whose ApplicationStop leaves this file."""
    host.has_runner()
    stopped = tmp_path / "stopped"
    assert deploy(host, host.told("d-1", hooked("ApplicationStop", f"touch {stopped}")))[-1].exit == 0
    host.web.gets.clear()
    return stopped


def nowhere() -> str:
    """A URL behind which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}/revision"


def begun(host: Host, told: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Report | None:
    """What the first step is told by a segment's process of this process, which inherits its pauses."""
    monkeypatch.setattr(download, "_PAUSES", (0.0, 0.0, 0.0))
    monkeypatch.setenv("STEPDEPLOY_ROOT", str(host.root))
    monkeypatch.setenv("STEPDEPLOY_PROFILE", NO_PROFILE)
    line = segment.begin(encoded(told).decode(), "Start", mark="0" * 32)
    return Report.read(line) if line else None


def test_a_url_that_dies_while_applicationstop_runs_is_not_needed_any_more(host: Host, stops: Path) -> None:
    told = host.told("d-2", hooked("BeforeInstall", "exit 0"))
    assert step(host, "ApplicationStop", told).exit == 0 and stops.exists()
    host.web.files.clear()
    assert [step(host, event, told).exit for event in IN_PLACE[1:]] == [0] * 6
    assert [path.partition("?")[0] for path in host.web.gets] == ["/d-2.zip"]
    assert (host.folder("d-2") / "bundle.tar").exists(), "the next deployment of it downloads nothing"


@pytest.mark.parametrize("answer", EXPIRED)
def test_an_expired_url_is_told_before_anything_runs_and_the_segment_may_come_again(
    host: Host, stops: Path, answer: tuple[int, bytes]
) -> None:
    told = host.told("d-2", hooked("BeforeInstall", "exit 0"))
    host.web.answers["/d-2.zip"] = [answer]
    refused = step(host, "ApplicationStop", told)
    assert (refused.exit, refused.event, refused.cause) == (1, "Start", "EXPIRED")
    assert not stops.exists() and not (host.folder("d-2") / "journal.json").exists()
    assert [each.exit for each in deploy(host, told)] == [0] * 7 and stops.exists()


@pytest.mark.parametrize("answer", EXPIRED)
def test_an_expired_url_of_the_runner_is_told_at_once(host: Host, answer: tuple[int, bytes]) -> None:
    told = host.told("d-1", hooked("BeforeInstall", "exit 0"))
    host.web.answers["/runner.pyz"] = [answer]
    refused = step(host, "ApplicationStop", told)
    assert (refused.exit, refused.event, refused.cause) == (1, "Start", "EXPIRED")
    assert len(host.web.gets) == 1 and not list(host.root.glob("runner/*"))


def test_a_network_that_leads_nowhere_stops_nothing(host: Host, stops: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = host.told("d-2", hooked("BeforeInstall", "exit 0"), bundle={"url": nowhere()})
    report = begun(host, told, monkeypatch)
    assert report and (report.event, report.cause) == ("Start", "DOWNLOAD")
    assert "Has this host a way to S3: route, DNS, proxy, endpoint?" in report.message
    assert "127.0.0.1:" in report.message and "Connection refused" in report.message
    assert not stops.exists() and not (host.folder("d-2") / "journal.json").exists()


@pytest.mark.parametrize(
    ("spoil", "cause"),
    [
        pytest.param(lambda host: host.web.files.pop("/d-2.zip"), "DOWNLOAD", id="gone"),
        pytest.param(
            lambda host: host.web.serve("/d-2.zip", revision({"other": "x"}).ljust(9999)), "DIGEST", id="other"
        ),
    ],
)
def test_what_is_the_revision_s_fault_is_told_in_its_own_event(
    host: Host, stops: Path, spoil: Callable[[Host], object], cause: str
) -> None:
    told = host.told("d-2", hooked("BeforeInstall", "exit 0"))
    spoil(host)
    steps = deploy(host, told)
    assert [(each.event, each.exit) for each in steps] == [("ApplicationStop", 0), ("DownloadBundle", 1)]
    assert steps[-1].cause == cause and stops.exists()


def test_a_command_that_comes_again_fetches_nothing_for_what_has_run(host: Host, stops: Path) -> None:
    told = host.told("d-2", hooked("ApplicationStart", "exit 1"))
    before = [each.output for each in deploy(host, told)]
    host.web.files.clear()
    assert [each.output for each in deploy(host, told)] == before
    assert len(host.web.gets) == 1


def test_a_segment_that_ends_before_the_download_leaves_no_archive(host: Host) -> None:
    host.has_runner()
    assert deploy(host, host.told("d-1", hooked("ApplicationStop", "exit 3")))[-1].exit == 0
    told = host.told("d-2", hooked("BeforeInstall", "exit 0"))
    assert [each.status for each in deploy(host, told)] == ["Failed"]
    deadline = time.monotonic() + 5
    while any(host.folder("d-2").glob("bundle.tar*")):
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(101, "Network is unreachable"), "Has this host a way to S3"),
        (OSError("certificate verify failed: certificate is not yet valid"), "The clock of this host says 20"),
    ],
)
def test_a_runner_that_no_way_leads_to_is_told_with_what_to_look_at(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: OSError, words: str
) -> None:
    def unreachable(url: str) -> bytes:
        raise error

    monkeypatch.setattr(bootstrap, "read", unreachable)
    monkeypatch.setattr("host.bootstrap.time.sleep", lambda seconds: None)
    monkeypatch.setattr("sys.argv", ["-c", "Start"])
    with pytest.raises(SystemExit):
        bootstrap.fetched("https://bucket.s3.eu-central-1.amazonaws.com/runner.pyz?X", "0" * 64)
    line = json.loads(capsys.readouterr().out)
    assert line["cause"] == "DOWNLOAD" and words in line["message"] and len(line["message"]) < 300


def test_everything_goes_by_the_proxy_of_the_agent(host: Host) -> None:
    """The runner, the revision and the logs: no name but the proxy's is looked up."""
    told = host.told("d-1", hooked("BeforeInstall", "echo hello"))
    for name, member in (("runner.pyz", "runner"), ("d-1.zip", "bundle")):
        url = f"http://bucket.invalid/{name}"
        host.web.files[url] = host.web.files.pop(f"/{name}")
        told[member]["url"] = f"{url}?X-Amz-Signature=0"
    told["logs"] = {"url": "http://bucket.invalid/", "fields": {}, "key_prefix": "k/"}
    host.environment = {"http_proxy": host.web.url}
    assert [step(host, event, told).exit for event in IN_PLACE] == [0] * 7
    asked = [path.partition("?")[0] for path in host.web.gets]
    assert asked == ["http://bucket.invalid/runner.pyz", "http://bucket.invalid/d-1.zip"]
    assert len(host.web.posts) == 1
