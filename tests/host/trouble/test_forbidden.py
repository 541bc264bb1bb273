"""What may not be written or used, and that nothing is written elsewhere."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from host.lifecycle import START, LifecycleEvent
from host.posix.layout import AGENT, ROOT
from host.step import step_script
from tests.host.conftest import GROUP_ID, HOST_ID, IN_PLACE, NO_PROFILE, Host, appspec, read_step, revision, script
from tests.host.trouble.conftest import (
    TO_INSTALL,
    Disks,
    Started,
    contents,
    failed,
    install,
    nothing,
    release,
    succeeded,
)
from tests.signing import signed, trust

# Runs a program as `python PROGRAM ARGUMENTS...` does; what it changes goes to a file, a JSON line for each.
AUDITED = """
import json, os, runpy, sys

record = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
PATHS = {  # where an event has paths and the folders that they are relative to
    "os.mkdir": [(0, 2)], "os.rmdir": [(0, 1)], "os.remove": [(0, 1)], "os.rename": [(0, 2), (1, 3)],
    "os.symlink": [(1, 2)], "os.link": [(1, 3)], "os.chmod": [(0, 2)], "os.chown": [(0, 3)], "os.utime": [(0, 3)],
    "os.truncate": [(0, None)], "os.setxattr": [(0, None)], "os.removexattr": [(0, None)],
    "tempfile.mkstemp": [(0, None)], "tempfile.mkdtemp": [(0, None)], "shutil.rmtree": [(0, 1)],
    "shutil.copyfile": [(1, None)], "shutil.move": [(1, None)], "subprocess.Popen": [(0, None)],
}

def place(path, folder):
    if isinstance(path, int):
        return os.readlink("/proc/self/fd/%d" % path)
    above = os.getcwd() if folder in (None, -1) else os.readlink("/proc/self/fd/%d" % folder)
    head, name = os.path.split(os.path.join(above, os.fsdecode(path)))
    return os.path.join(os.path.realpath(head), name)

def watch(event, given):
    where = PATHS.get(event, ())
    if event == "open" and (given[2] or 0) & WRITING and not isinstance(given[0], int):
        where = [(0, None)]
    for path, folder in where:
        found = place(given[path], None if folder is None else given[folder] if len(given) > folder else None)
        os.write(record, (json.dumps([event, found]) + "\\n").encode())

sys.addaudithook(watch)
sys.argv = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def to_both(one: Path, two: Path, version: str) -> bytes:
    return revision({"appspec.yml": appspec({"a": one, "b": two}), "a": version, "b": version})


def test_a_destination_that_may_not_be_written_to_is_told(powerless: Started, srv: Path) -> None:
    srv.chmod(0o555)
    failed(install(powerless, "d-1", release(srv, a="1")), "DENIED", "Permission denied", srv)
    assert contents(srv) == {}
    failed(install(powerless, "d-2", release(srv / "new", a="1")), "DENIED", "Permission denied", srv)
    srv.chmod(0o755)
    succeeded(install(powerless, "d-3", release(srv, a="3")))
    srv.chmod(0o555)
    failed(install(powerless, "d-4", release(srv, a="4")), "DENIED", "Permission denied", srv)
    assert contents(srv) == {"a": b"3"}
    srv.chmod(0o755)
    succeeded(install(powerless, "d-5", release(srv, a="5")))
    assert contents(srv) == {"a": b"5"}


@pytest.mark.parametrize("mode", [0o555, 0], ids=["not written to", "not entered"])
def test_one_forbidden_destination_of_two_keeps_the_previous_release_in_both(
    powerless: Started, tmp_path: Path, mode: int
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for place in (one, two):
        place.mkdir()
    succeeded(install(powerless, "d-1", to_both(one, two, "1")))
    one.chmod(mode)
    failed(install(powerless, "d-2", to_both(one, two, "2")), "DENIED", one)
    one.chmod(0o755)
    assert contents(one) == {"a": b"1"} and contents(two) == {"b": b"1"}


def test_a_file_that_may_not_be_given_away_is_told_and_undone_by_the_next(powerless: Started, srv: Path) -> None:
    give: list[dict[str, object]] = [{"object": str(srv), "owner": "nobody" if os.geteuid() == 0 else "root"}]
    bundle = revision({"appspec.yml": appspec({"app": srv}, permissions=give), "app/a": "1"})
    failed(install(powerless, "d-1", bundle), "DENIED", "Operation not permitted", srv / "a")
    succeeded(install(powerless, "d-2", nothing()))
    assert contents(srv) == {}


@pytest.mark.parametrize(
    ("forbidden", "mode"),
    [
        ("deployment-root", 0o555),
        (f"deployment-root/{GROUP_ID}", 0o555),
        ("deployment-root/deployment-instructions", 0),
        (f"deployment-root/deployment-instructions/{GROUP_ID}-cleanup", 0),
        ("lock", 0o444),
    ],
)
def test_what_may_not_be_used_of_the_deployment_root_is_told(
    powerless: Started, srv: Path, forbidden: str, mode: int
) -> None:
    succeeded(install(powerless, "d-1", release(srv, a="1")))
    place = powerless.root / forbidden
    usual = place.stat().st_mode
    if forbidden == "deployment-root":
        shutil.rmtree(place / GROUP_ID)
    place.chmod(mode)
    step = powerless.deploy(powerless.told("d-2", release(srv, a="2")), TO_INSTALL)
    failed(step, "DENIED", "Permission denied", place)
    assert contents(srv) == {"a": b"1"}
    place.chmod(usual)
    succeeded(install(powerless, "d-3", release(srv, a="3")))
    assert contents(srv) == {"a": b"3"}


@pytest.mark.parametrize("type", ["zip", "tgz"])
def test_it_writes_nowhere_but_in_its_deployment_root_and_the_destinations(
    host: Host, srv: Path, tmp_path: Path, type: str
) -> None:
    changed, empty = tmp_path / "changed", tmp_path / "empty"
    empty.mkdir(mode=0o555)
    host.root.mkdir()
    environment = {"PATH": os.environ["PATH"], "STEPDEPLOY_ROOT": str(host.root), "AWS_SSM_INSTANCE_ID": HOST_ID}
    environment["STEPDEPLOY_PROFILE"] = NO_PROFILE
    environment.update({name: str(empty) for name in ("HOME", "TMPDIR", "TEMP", "TMP", "XDG_CACHE_HOME")})
    hooks: dict[str, list[dict[str, object]]] = {
        event: [{"location": "hook.sh"}] for event in IN_PLACE if event not in ("DownloadBundle", "Install")
    }
    logs = {"url": f"{host.web.url}/logs", "fields": {}, "key_prefix": "k/"}

    def run(command: list[str], told: dict[str, Any]) -> "subprocess.CompletedProcess[bytes]":
        return subprocess.run(command, input=signed(told).encode(), env=environment, cwd=empty, capture_output=True)

    def deploy(told: dict[str, Any]) -> None:
        """As a host's steps do, but for the audit."""
        bootstrap = str(Path(__file__).parents[3] / "host" / "bootstrap.py")
        trusted = trust(told["runner"]["sha256"])
        audited = [host.python, "-I", "-S", "-c", AUDITED, str(changed), bootstrap]
        begun = run([*audited, START, *trusted], told)
        assert (begun.returncode, begun.stdout) == (0, b""), begun
        for event in told["events"]:
            ask = "\n".join(step_script(LifecycleEvent(event)))
            succeeded(read_step(run(["sh", "-c", ask.replace("{{ Instructions }}", signed(told))], told)))

    for number in range(2):
        permissions: list[dict[str, object]] = [{"object": str(srv), "type": ["file"], "mode": 640}]
        files = {f"app/{name}": str(number) for name in range(600 if type == "zip" else 3)}  # enough for more processes
        files.update({"app/d/e/": "", "app/d/link": "-> ../1", "hook.sh": script("echo $LIFECYCLE_EVENT")})
        files["appspec.yml"] = appspec({"app": srv / "app", "hook.sh": srv}, hooks, permissions)
        events = list(TO_INSTALL if number else IN_PLACE)
        deploy(host.told(f"d-{number}", revision(files, type=type), type=type, logs=logs, events=events))
        assert (srv / "app" / "d" / "link").read_text() == str(number)
    found = [json.loads(line) for line in changed.read_text().splitlines()]
    assert {event for event, _ in found} >= {
        "open", "os.mkdir", "os.rmdir", "os.remove", "os.rename", "os.symlink", "os.chmod", "os.utime",
        "tempfile.mkdtemp", "shutil.rmtree", "subprocess.Popen",
    }  # fmt: skip
    assert {path for event, path in found if event == "subprocess.Popen"} == {str(host.archive("d-0") / "hook.sh")}
    ours = [f"{place}/" for place in (host.root, srv)]
    outside = {path for _, path in found if not f"{path}/".startswith(tuple(ours)) and not is_python_s(path)}
    assert outside <= {os.devnull}
    assert {path.name for path in tmp_path.iterdir()} == {"changed", "empty", "srv", host.root.name}
    assert list(empty.iterdir()) == []


def is_python_s(path: str) -> bool:
    """Compiled code of the standard library, where an installation lacks it."""
    return path.startswith(sys.base_prefix + "/") and "/__pycache__/" in path


def test_without_a_root_of_its_own_it_is_at_home_below_opt(disks: Disks, srv: Path) -> None:
    opt = Path(ROOT).parent
    if not opt.is_dir() or any(Path(path).is_relative_to(opt) for path in (sys.base_prefix, sys.prefix, disks.runner)):
        pytest.skip(f"a disk at {opt} cannot be, or would hide this Python")
    disks.mount(opt)
    disks.environment["STEPDEPLOY_ROOT"] = ""
    succeeded(disks.install("d-1", release(srv, a="1")))
    assert sorted(path.name for path in disks.seen(opt).iterdir()) == [Path(AGENT).name, Path(ROOT).name]
    (link,) = disks.seen(Path(AGENT)).iterdir()
    assert (link.name, os.fspath(link.readlink())) == ("deployment-root", f"{ROOT}/deployment-root")
