"""What surrounds a script: what it leaves running, what /etc/profile gives it."""

import os
import resource
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from host.posix.keeper import KEPT_MIB
from tests.host.conftest import Host, pythons
from tests.host.reference.test_execution import let_others_in, said, variables
from tests.host.test_events import alive, hooked
from tests.host.test_segment import deploy, says

EVERY_PYTHON = pytest.mark.parametrize("python", pythons().values(), ids=pythons().keys())
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


def test_of_a_child_that_says_much_the_newest_is_kept(host: Host, daemon: Path) -> None:
    talks = "(sleep 2; head -c 20000000 /dev/zero; echo last; exec sleep 60)"
    assert host.deploy(host.told("d-1", hooked("ApplicationStart", f"{talks} & echo $! >{daemon}"))).exit == 0
    kept = host.folder("d-1") / "logs" / "ApplicationStart.stdout"
    until(lambda: kept.exists() and kept.read_bytes().endswith(b"last\n"), 20)
    older = kept.with_name("ApplicationStart.stdout.1")
    assert 0 < kept.stat().st_size < older.stat().st_size == KEPT_MIB << 20
    assert {path.stat().st_mode & 0o777 for path in (kept, older)} == {0o600}
    assert not Path(f"{older}.1").exists()
    assert alive(int(daemon.read_text()))


def test_a_child_outlives_the_folder_of_its_revision(host: Host, daemon: Path, tmp_path: Path) -> None:
    over = tmp_path / "over"
    talks = "(sleep 2; head -c 30000000 /dev/zero; head -c 300000 /dev/zero; echo >{}; exec sleep 60) & echo $! >{}"
    assert host.deploy(host.told("d-1", hooked("ApplicationStart", talks.format(over, daemon)))).exit == 0
    shutil.rmtree(host.folder("d-1"))
    until(over.exists, 20)
    assert alive(int(daemon.read_text())) and not host.folder("d-1").exists()


def test_what_reads_on_ends_with_what_it_reads_and_holds_nothing_of_the_segment(host: Host, daemon: Path) -> None:
    """Neither the lock on the host nor a pipe of a step: the next deployment begins at once."""
    told = host.told("d-1", hooked("ApplicationStart", TALKING.format(daemon)))
    assert [each.exit for each in deploy(host, told)] == [0] * 7
    path = host.folder("d-1") / "logs" / "ApplicationStart.stdout"
    readers = [int(place.parent.name) for place in Path("/proc").glob("[0-9]*/cmdline") if says_of(place, path)]
    (reader,) = readers
    links = {str(link.readlink()).partition(":")[0] for link in Path(f"/proc/{reader}/fd").iterdir()}
    assert links <= {"/dev/null", "pipe", str(path)}
    second = host.told("d-2", hooked("BeforeInstall", "exit 0"), host_wait_seconds=0)
    assert [each.exit for each in deploy(host, second)] == [0] * 7
    os.kill(int(daemon.read_text()), signal.SIGKILL)
    until(lambda: not alive(reader))


def says_of(place: Path, path: Path) -> bool:
    try:
        return os.fsencode(path) in place.read_bytes().split(b"\0")
    except OSError:
        return False


def test_what_has_left_the_family_of_a_script_that_is_late_lives_on(host: Host, daemon: Path) -> None:
    """It is no child of the script's any more when the time is over."""
    talks = f"(setsid sh -c 'echo $$ >{daemon}; while sleep 0.2; do echo alive; done' &)"
    told = host.told("d-1", hooked("ApplicationStart", talks, "sleep 60", timeout=2))
    assert host.deploy(told).error_code == "ScriptTimedOut"
    kept = host.folder("d-1") / "logs" / "ApplicationStart.stdout"
    until(lambda: kept.exists() and "alive" in kept.read_text())
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
        ("export A=1\nsleep 60\n", "took longer than 2 seconds: its variables are left out"),
        ("export A=1\nif then fi\n", "syntax error"),
        ("export A=1\nno-such-command\n", "not found"),
        ("export A=1\nno-such-command\ntrue\n", "not found"),
        ("export A=1\nno-such-command\nset -x\nSECRET='so\nhidden'\n", "not found"),
        ("export A=1\ntrap 'sleep 60' EXIT\necho trapped >&2\n", "trapped"),
    ],
)
def test_a_broken_profile_is_a_warning(host: Host, profile: Path, content: str, says: str) -> None:
    host.limits["host.posix.profile.SECONDS"] = 2
    profile.write_text(content)
    lines = said(host, "d-1", "BeforeInstall", "echo done")
    assert any(line.startswith(str(profile)) and says in line for line in lines)
    assert "[stdout]done" in lines and "hidden" not in "".join(lines)


@EVERY_PYTHON
def test_what_the_profile_leaves_running_holds_nothing_up_and_lives_on(
    host: Host, profile: Path, daemon: Path, python: str
) -> None:
    host.python = python
    profile.write_text(f"export A=1\n(while sleep 0.2; do echo alive >&2; done) & echo $! >{daemon}\n")
    started = time.monotonic()
    assert "[stdout]1" in said(host, "d-1", "BeforeInstall", "echo $A")
    assert time.monotonic() - started < 9
    kept = host.folder("d-1") / "logs" / "BeforeInstall.profile"
    until(lambda: kept.exists() and "alive" in kept.read_text())
    assert alive(int(daemon.read_text())) and str(kept) in host.script_log("d-1")


def test_what_hangs_in_the_profile_is_ended(host: Host, profile: Path, tmp_path: Path) -> None:
    child = tmp_path / "child"
    host.limits.update({"host.posix.profile.SECONDS": 1, "host.posix.watchdog.KILL_SECONDS": 1})
    profile.write_text(f"(trap '' TERM HUP; echo $$; exec sleep 60) & echo $! >{child}\nwait\n")
    assert "[stdout]done" in said(host, "d-1", "BeforeInstall", "echo done")
    assert not alive(int(child.read_text()))


@EVERY_PYTHON
def test_scripts_have_the_umask_and_the_limits_of_the_profile(host: Host, profile: Path, python: str) -> None:
    host.python = python
    profile.write_text("umask 027\nulimit -n 200\nulimit -S -s 4096\n")
    hard = resource.getrlimit(resource.RLIMIT_STACK)[1]
    whole = "unlimited" if hard == resource.RLIM_INFINITY else str(hard // 1024)
    lines = said(host, "d-1", "BeforeInstall", "umask; ulimit -n; ulimit -s; ulimit -H -s")
    assert lines[2:] == [f"[stdout]{each}" for each in ("0027", "200", "4096", whole)]
    assert host.archive("d-1").stat().st_mode & 0o777 == 0o755, "the runner's own are as they were"


def test_a_script_does_not_take_itself_for_the_shell_that_read_the_profile(host: Host, profile: Path) -> None:
    """Many a script asks by these what runs it."""
    profile.write_text("A=1\nf() { echo hello; }\nunset GONE\nAWS_SECRET_ACCESS_KEY=1\n")
    host.environment["GONE"] = "1"
    environ = "tr '\\0' '\\n' </proc/$$/environ"  # what dash was given; it passes on no functions
    lines = said(host, "d-1", "BeforeInstall", environ)
    found = variables(lines)
    assert found["A"] == "1" and "hello" in "".join(lines)
    assert not found.keys() & {"BASH", "BASH_VERSION", "IFS", "UID", "PS4", "GONE", "AWS_SECRET_ACCESS_KEY"}
