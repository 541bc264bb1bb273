"""The runner killed at every call that changes a file: whatever is left, the next run of the event finishes the job.

DownloadBundle and Install of a second revision over an installed first one. Each of their changing calls is two points:
just before it and just after it. One test goes through all of them in a row; those that begin anew at each try some of
them each day, and all by `make soak`. The runs are forks of one process that has imported the runner.
"""

import json
import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.host.conftest import GROUP_ID, Host, Step, appspec, read_step, revision, script
from tests.soak import some

KILLED = 137
TRIED = 10  # points of each
EVENTS = ("DownloadBundle", "Install")
OLDER = ("d-01", "d-02", "d-03", "d-04")  # revisions of before, of which the oldest are forgotten
# Reads one JSON line for each run and forks for it; answers with the line of how it ended and what it changed.
FORKS = """
import builtins, json, os, sys
sys.path.insert(0, sys.argv[1])
from host.__main__ import main
import gzip, shutil, host.bundle.zips, host.grammar, host.posix.download, host.posix.install, host.posix.unpack

NAMES = "mkdir rename replace unlink remove rmdir symlink link chmod chown utime truncate".split()
NAMES += "write fchmod fchown lchown copy_file_range sendfile".split()

def point(label):
    if len(points) == kill_at:
        os._exit(137)
    points.append(label)

def watched(name, call, changes=lambda *given, **named: True):
    def made(*given, **named):
        if not changes(*given, **named):
            return call(*given, **named)
        point("before {} {}".format(name, given))
        answer = call(*given, **named)
        point("after {} {}".format(name, given))
        return answer
    return made

def writes(file, mode="r", *given, **named):
    return not set(mode).isdisjoint("wax+")

def opens_to_write(path, flags, *given, **named):
    return flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)

for line in sys.stdin:
    event, told, kill_at, said = json.loads(line)
    ours, theirs = os.pipe()
    child = os.fork()
    if not child:
        os.close(ours)
        os.dup2(os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 1)
        points = []
        for name in NAMES:
            setattr(os, name, watched(name, getattr(os, name)))
        os.open = watched("os.open", os.open, opens_to_write)
        builtins.open = watched("open", builtins.open, writes)
        status = main(["run", event, told])
        os.write(theirs, json.dumps(points).encode())
        os._exit(status)
    os.close(theirs)
    with open(ours) as pipe:
        points = pipe.read()
    print(json.dumps([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), json.loads(points or "[]")]), flush=True)
"""

Tree = dict[str, tuple[str, int, bytes]]  # kind, mode, and content or target, by path


def tree(top: Path) -> Tree:
    """By `os.scandir`: most of the time of these tests was spent here."""
    found: Tree = {}
    waiting = [""]
    while waiting:
        inside = waiting.pop()
        for entry in os.scandir(top / inside):
            mode, name = stat.S_IMODE(entry.stat(follow_symlinks=False).st_mode), f"{inside}{entry.name}"
            if entry.is_symlink():
                found[name] = ("link", 0, os.fsencode(Path(entry.path).readlink()))
            elif entry.is_dir():
                found[name] = ("folder", mode, b"")
                waiting.append(f"{name}/")
            elif entry.name == "lock":  # says which process had the host last
                found[name] = ("file", mode, b"")
            else:
                found[name] = ("file", mode, Path(entry.path).read_bytes())
    return found


def is_partial(name: str) -> bool:
    return any(part.endswith("partial") for part in name.split("/"))


@dataclass
class Mortal:
    """A host on which the first revision is installed, the second is about to be, and the third is unpacked.

    All of it lies in one folder, `place`, so that it can be put back as it was.
    """

    host: Host
    place: Path
    forks: "subprocess.Popen[str]"
    told: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def prepared(self) -> Path:
        return self.place.with_name("prepared")

    @property
    def files(self) -> Path:
        """What revisions are installed to; the runner's own files lie elsewhere."""
        return self.place / "files"

    def prepare(self, before: str) -> None:
        """Everything that comes before the event `before` of the second revision."""
        shutil.rmtree(self.place, ignore_errors=True)
        etc = self.files / "etc"
        etc.mkdir(parents=True)
        (etc / "theirs").write_text("the user's own")
        for number, name in enumerate(OLDER):
            archive = self.host.archive(name)
            archive.mkdir(parents=True)
            (archive / "a.txt").write_text(name)
            (archive.parent / "journal.json").write_text("{}")
            for path in (archive.parent / "journal.json", archive.parent):
                os.utime(path, (1_700_000_000 + number, 1_700_000_000 + number))
        self.run("DownloadBundle", "d-1")
        self.run("Install", "d-1")
        self.run("DownloadBundle", "d-3")
        for event in EVENTS[: EVENTS.index(before)]:
            self.run(event, "d-2")
        shutil.copytree(self.place, self.prepared, symlinks=True)

    def restore(self) -> None:
        shutil.rmtree(self.place)
        shutil.copytree(self.prepared, self.place, symlinks=True)

    def fork(self, event: str, deployment: str, kill_at: int | None = None) -> tuple[Step | None, list[str]]:
        """How a run ended, None when it was killed; and the points that it passed when it was not."""
        assert self.forks.stdin and self.forks.stdout
        said = self.place.with_name("said")
        instructions = self.host.command(event, self.told[deployment])[-1]
        self.forks.stdin.write(json.dumps([event, instructions, kill_at, str(said)]) + "\n")
        self.forks.stdin.flush()
        status, points = json.loads(self.forks.stdout.readline())
        if status == KILLED:
            assert said.read_bytes() == b""
            return None, points
        return read_step(subprocess.CompletedProcess([event], status, said.read_bytes(), b"")), points

    def run(self, event: str, deployment: str) -> list[str]:
        step, points = self.fork(event, deployment)
        assert step and (step.exit, step.status) == (0, "Succeeded"), step
        return points

    def kill(self, event: str, kill_at: int) -> None:
        step, _ = self.fork(event, "d-2", kill_at)
        assert step is None


@pytest.fixture
def mortal(host: Host, tmp_path: Path) -> Iterator[Mortal]:
    place = tmp_path / "place"
    host.root = place / "stepdeploy"
    command = [host.python, "-I", "-c", FORKS, str(host.code)]
    environment = {**os.environ, "STEPDEPLOY_ROOT": str(host.root), "STEPDEPLOY_STEP_SECONDS": "120"}
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as forks:  # its input is closed in the end, and so it ends
        mortal = Mortal(host, place, forks)
        for deployment, bundle in revisions(mortal.files).items():
            mortal.told[deployment] = host.told(deployment, bundle)
        yield mortal


def revisions(files: Path) -> dict[str, bytes]:
    """The third goes to other places than those before: nothing of theirs may stay."""
    srv = files / "srv"
    permissions: list[dict[str, object]] = [
        {"object": str(srv), "pattern": "*.txt", "mode": 640, "type": ["file"]},
        {"object": str(srv), "mode": 750, "type": ["directory"]},
    ]
    first = {
        "appspec.yml": appspec({"app": srv, "run.sh": files / "etc"}),
        "run.sh": script("echo 1"),
        "app/a.txt": "first",
        "app/link": "-> a.txt",
        "app/old/b.txt": "first",
        "app/none/": "",
    }
    second = {
        "appspec.yml": appspec({"app": srv, "run.sh": files / "etc"}, permissions=permissions),
        "run.sh": script("echo 2"),
        "app/a.txt": "the second",
        "app/link": "-> new/c.txt",
        "app/new/c.txt": "the second",
        "app/empty/": "",
    }
    third = {"appspec.yml": appspec({"last.txt": files / "other"}), "last.txt": "the third, at last"}
    return {"d-1": revision(first), "d-2": revision(second), "d-3": revision(third)}


@dataclass
class Undisturbed:
    """What there is when nobody kills anything."""

    before: Tree
    after: Tree  # the event
    installed: Tree  # the second revision, the runner's own files with it
    last: Tree  # the third revision's files, where it is the only one ever installed
    points: list[str]  # of the event


def undisturbed(mortal: Mortal, event: str) -> Undisturbed:
    etc = mortal.files / "etc"
    etc.mkdir(parents=True)
    (etc / "theirs").write_text("the user's own")
    for each in EVENTS:
        mortal.run(each, "d-3")
    last = tree(mortal.files)
    mortal.prepare(event)
    before = tree(mortal.place)
    points = mortal.run(event, "d-2")
    after = tree(mortal.place)
    finish(mortal, event)
    return Undisturbed(before, after, tree(mortal.place), last, points)


def finish(mortal: Mortal, event: str) -> None:
    for later in EVENTS[EVENTS.index(event) + 1 :]:
        mortal.run(later, "d-2")


def assert_nothing_is_half_written(mortal: Mortal, usual: Undisturbed, where: str) -> None:
    found = tree(mortal.place)
    for name, (kind, _, content) in found.items():
        if is_partial(name) or name.endswith("-cleanup"):  # the one file that grows, line by line
            continue
        either = [(known[name][0], known[name][2]) for known in (usual.before, usual.after) if name in known]
        if name.endswith("/d-2/bundle.tar"):  # until it is unpacked
            either.append(("file", mortal.host.web.files["/d-2.zip"]))
        assert (kind, content) in either, f"{name} {where}"
    archive = mortal.host.archive("d-2")
    if archive.exists():
        inside = archive.relative_to(mortal.place).as_posix() + "/"
        whole = {name: entry for name, entry in usual.after.items() if name.startswith(inside)}
        assert {name: entry for name, entry in found.items() if name.startswith(inside)} == whole, where


@pytest.mark.parametrize("event", EVENTS)
def test_an_event_that_is_killed_anywhere_is_finished_by_its_next_run(mortal: Mortal, event: str) -> None:
    usual = undisturbed(mortal, event)
    assert {name for name in usual.installed if is_partial(name)} == set()
    for point in some(TRIED, range(len(usual.points))):
        where = f"after a kill {usual.points[point]}"
        mortal.restore()
        mortal.kill(event, point)
        assert_nothing_is_half_written(mortal, usual, where)
        mortal.run(event, "d-2")
        assert tree(mortal.place) == usual.after, where
        finish(mortal, event)
        assert tree(mortal.place) == usual.installed, where
        mortal.run("Install", "d-3")
        assert tree(mortal.files) == usual.last, where


@pytest.mark.parametrize("event", EVENTS)
def test_a_deployment_that_was_killed_and_given_up_leaves_nothing_to_the_next(mortal: Mortal, event: str) -> None:
    usual = undisturbed(mortal, event)
    for point in some(TRIED, range(len(usual.points))):
        mortal.restore()
        mortal.kill(event, point)
        mortal.run("Install", "d-3")
        assert tree(mortal.files) == usual.last, f"after a kill {usual.points[point]}"


@pytest.mark.parametrize("event", EVENTS)
def test_an_event_that_is_killed_again_and_again_gets_done(mortal: Mortal, event: str) -> None:
    """Each run one point later than the one before, on what that left, until one comes to its end."""
    usual = undisturbed(mortal, event)
    mortal.restore()
    for point in range(2 * len(usual.points)):  # a run after a kill has more to remove
        step, _ = mortal.fork(event, "d-2", point)
        if step:
            break
        assert_nothing_is_half_written(mortal, usual, f"after a kill at point {point}, the last of as many")
    assert step and (step.exit, step.status) == (0, "Succeeded"), step
    assert tree(mortal.place) == usual.after
    finish(mortal, event)
    mortal.run("Install", "d-3")
    assert tree(mortal.files) == usual.last


def test_the_kills_cover_every_kind_of_change(mortal: Mortal) -> None:
    """The points are those of real runs: if one of these calls vanished from them, the wrapping no longer works."""
    points = [label for event in EVENTS for label in points_of(mortal, event)]
    made = {label.split()[1] for label in points}
    assert made >= {"open", "mkdir", "replace", "rename", "unlink", "rmdir", "symlink", "utime", "write"}
    assert any(GROUP_ID + "-cleanup" in label for label in points)


def points_of(mortal: Mortal, event: str) -> list[str]:
    mortal.prepare(event)
    points = mortal.run(event, "d-2")
    shutil.rmtree(mortal.prepared)
    return points
