"""What surrounds a script: what it leaves running, what /etc/profile gives it."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.host.conftest import Host
from tests.host.test_events import alive, hooked
from tests.host.test_reference_execution import let_others_in, said, variables
from tests.host.test_segment import deploy, says

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root may run scripts as somebody else")


def until(seen: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not seen():
        assert time.monotonic() < deadline, "not seen in time"
        time.sleep(0.05)


# -- what a script leaves running


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Path]:
    """Where a script leaves the id of a child, which is ended."""
    place = tmp_path / "child"
    yield place
    os.kill(int(place.read_text()), signal.SIGKILL)


TALKING = "(while sleep 0.2; do echo alive; echo troubled >&2; done) & echo $! >{}"


@pytest.mark.parametrize("runas", [None, pytest.param("nobody", marks=ROOT_ONLY)])
def test_a_child_that_a_script_leaves_lives_on_and_what_it_says_is_kept(
    host: Host, daemon: Path, runas: str | None
) -> None:
    daemon.touch(mode=0o666)
    daemon.chmod(0o666)
    let_others_in(daemon.parent)
    how = {"runas": runas} if runas else {}
    told = host.told("d-1", hooked("ApplicationStart", "echo begun", TALKING.format(daemon), **how))
    assert [each.exit for each in deploy(host, told)] == [0] * len(told["events"])  # their process ends with the last
    kept = [host.folder("d-1") / "logs" / f"ApplicationStart.{stream}" for stream in ("stdout", "stderr")]
    sizes = [path.stat().st_size if path.exists() else 0 for path in kept]
    until(lambda: all(path.exists() and path.stat().st_size > size for path, size in zip(kept, sizes, strict=True)))
    assert alive(int(daemon.read_text()))
    assert set(kept[0].read_text().splitlines()) == {"alive"}
    assert {path.stat().st_mode & 0o777 for path in kept} == {0o600}
    assert [str(path) in host.script_log("d-1") for path in kept] == [True, True]


def test_a_child_that_says_more_than_is_kept_lives_on(host: Host, daemon: Path, tmp_path: Path) -> None:
    over = tmp_path / "over"
    talks = f"(sleep 2; head -c 20000000 /dev/zero; echo >{over}; exec sleep 60) & echo $! >{daemon}"
    assert host.deploy(host.told("d-1", hooked("ApplicationStart", talks))).exit == 0
    until(over.exists, 20)
    kept = host.folder("d-1") / "logs" / "ApplicationStart.stdout"
    assert 0 < kept.stat().st_size <= 16 * 1024 * 1024
    assert alive(int(daemon.read_text()))


def test_a_child_that_never_stops_talking_does_not_hold_its_event(host: Host, daemon: Path) -> None:
    started = time.monotonic()
    assert host.deploy(host.told("d-1", hooked("BeforeInstall", f"yes & echo $! >{daemon}"))).exit == 0
    assert time.monotonic() - started < 15


# -- /etc/profile


@pytest.fixture
def profile(host: Host, tmp_path: Path) -> Path:
    path = tmp_path / "profile"
    host.environment["STEPDEPLOY_PROFILE"] = str(path)
    return path


def test_a_script_has_what_the_profile_sets_exported_or_not(host: Host, profile: Path) -> None:
    more = profile.with_name("java.sh")
    more.write_text("JAVA_HOME=/usr/lib/jvm/17\nexport PATH=/opt/tools:$PATH\nexport LINES_OF='a\nb=c'\n")
    profile.write_text(f"echo hello; echo oops >&2\n. {more}\ncd /tmp\nDEPLOYMENT_ID=theirs\nSHLVL=9\n")
    found = variables(said(host, "d-1", "BeforeInstall", "env"))
    assert found["JAVA_HOME"] == "/usr/lib/jvm/17"
    assert found["PATH"].startswith("/opt/tools:")
    assert found["LINES_OF"] == "a" and found["b"] == "c"  # two lines of one value
    assert (found["DEPLOYMENT_ID"], found["PWD"]) == ("d-1", "/")
    assert "9" not in found.get("SHLVL", "")
    assert not [name for name in found if name.startswith("STEPDEPLOY_")]
    assert "hello" not in host.script_log("d-1")


def test_the_profile_is_read_once_in_a_segment(host: Host, profile: Path, tmp_path: Path) -> None:
    profile.write_text(f"echo >>{tmp_path}/read\n")
    told = host.told("d-1", says(tmp_path / "said", "v1"))
    assert [each.exit for each in deploy(host, told)] == [0] * len(told["events"])
    assert len((tmp_path / "said").read_text().splitlines()) == 3
    assert (tmp_path / "read").read_text() == "\n"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("export A=1\nexit 3\n", "ended the shell: its variables are left out"),
        ("export A=1\nsleep 60\n", "took longer than 10 seconds: its variables are left out"),
        ("export A=1\nif then fi\n", "syntax error"),
        ("export A=1\nno-such-command\n", "not found"),
    ],
)
def test_a_broken_profile_is_a_warning(host: Host, profile: Path, content: str, says: str) -> None:
    profile.write_text(content)
    lines = said(host, "d-1", "BeforeInstall", "echo done")
    assert any(line.startswith(str(profile)) and says in line for line in lines)
    assert "[stdout]done" in lines


def test_what_the_profile_leaves_running_holds_nothing_up(host: Host, profile: Path, daemon: Path) -> None:
    profile.write_text(f"export A=1\nsleep 60 & echo $! >{daemon}\n")
    started = time.monotonic()
    assert "[stdout]1" in said(host, "d-1", "BeforeInstall", "echo $A")
    assert time.monotonic() - started < 9
