"""A host in trouble: full and read-only disks, other people's things in the way, no permission, damaged records.

Of each the operator is told the cause and the place. The user's own things stay, so does the previous release wherever
Install could know beforehand, and the next deployment works once the trouble is over. The disks are small ones in a
mount namespace, which ends with its test.
"""

import io
import json
import os
import shlex
import shutil
import stat
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from host.lifecycle import LifecycleEvent
from host.report import Report
from host.step import begin_script, step_script
from tests.host.conftest import (
    HOST_ID,
    Host,
    Step,
    appspec,
    read_step,
    revision,
)
from tests.host.random.test_crash import is_partial, tree
from tests.signing import signed, trust

PAGE = os.sysconf("SC_PAGE_SIZE")  # what a tmpfs gives at a time
PLENTY = 1024 * PAGE
TO_INSTALL = ("ApplicationStop", "DownloadBundle", "Install")


@dataclass
class Started(Host):
    """A host whose runner is started by way of another command."""

    by: list[str] = field(default_factory=list)

    def command(self, event: str, told: dict[str, Any], *more: str) -> list[str]:
        return [*self.by, *super().command(event, told, *more)]


class NoNamespace(Exception):
    """This machine gives none."""


@dataclass
class Disks(Started):
    """A host in a mount namespace of its own, that of a shell which mounts what it is told."""

    shell: "subprocess.Popen[str] | None" = None

    def do(self, *command: str) -> None:
        assert self.shell and self.shell.stdin and self.shell.stdout
        try:
            self.shell.stdin.write(f"{shlex.join(command)} 2>&1; echo =$?\n")
            self.shell.stdin.flush()
        except BrokenPipeError:
            pass
        said = ""
        for line in self.shell.stdout:
            if line == "=0\n":
                return
            said += line
            if line.startswith("="):
                break
        raise NoNamespace(said)

    def mount(self, path: Path, size: int = PLENTY, *options: str) -> None:
        self.do("mount", "-t", "tmpfs", "-o", ",".join((f"size={size}", "mode=755", *options)), "none", str(path))

    def resize(self, path: Path, size: int = PLENTY) -> None:
        self.do("mount", "-t", "tmpfs", "-o", f"remount,size={size}", "none", str(path))

    def leave(self, path: Path, pages: int) -> None:
        """Room for as many pages, and no more."""
        disk = os.statvfs(self.seen(path))
        self.resize(path, (disk.f_blocks - disk.f_bfree) * disk.f_frsize + pages * PAGE)

    def protect(self, path: Path, how: str = "ro") -> None:
        self.do("mount", "-o", f"remount,bind,{how}", str(path))

    def seen(self, path: Path) -> Path:
        """A path of the namespace, as it is reached from here."""
        assert self.shell
        return Path(f"/proc/{self.shell.pid}/root{path}")


@pytest.fixture
def disks(host: Host) -> Iterator[Disks]:
    """Mounted: the deployment root."""
    if not all(map(shutil.which, ("unshare", "nsenter", "mount"))):
        pytest.skip("needs unshare, nsenter and mount")
    as_root = [["unshare", "--mount"]] if os.geteuid() == 0 else []
    host.root.mkdir()
    said = []
    for command in (*as_root, ["unshare", "--mount", "--map-root-user"]):
        with subprocess.Popen(
            [*command, "sh"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as shell:  # its input is closed in the end, and so it ends
            user = ["--user", "--preserve-credentials"] if "--map-root-user" in command else []
            enter = ["nsenter", f"--target={shell.pid}", "--mount", *user, "--"]
            disks = Disks(host.root, host.runner, host.web, by=enter, shell=shell)
            try:
                disks.mount(host.root)
            except NoNamespace as error:
                said.append(f"{shlex.join(command)}: {error}".strip())
                shell.communicate()
                continue
            yield disks
            return
    pytest.skip(f"needs a mount namespace, as root or as an unprivileged user: {said}")


@pytest.fixture
def srv(tmp_path: Path) -> Path:
    """Where revisions go."""
    (tmp_path / "srv").mkdir()
    return tmp_path / "srv"


def release(place: Path, **files: "str | bytes") -> bytes:
    return revision({"appspec.yml": appspec({"app": place}), **{f"app/{name}": what for name, what in files.items()}})


def nothing() -> bytes:
    return revision({"appspec.yml": appspec()})


def install(host: Host, deployment: str, bundle: bytes, **changes: Any) -> Step:
    """Install alone, of a revision that is unpacked already, which takes half the time."""
    folder = host.folder(deployment)
    folder = host.seen(folder) if isinstance(host, Disks) else folder
    with zipfile.ZipFile(io.BytesIO(bundle)) as archive:
        for entry in archive.infolist():
            made = Path(archive.extract(entry, folder / "deployment-archive"))
            if stat.S_ISLNK(entry.external_attr >> 16):  # which zipfile takes for a file
                target = made.read_text()
                made.unlink()
                made.symlink_to(target)
    downloaded = Report("DownloadBundle").plain()
    (folder / "journal.json").write_text(json.dumps({"DownloadBundle": {"report": downloaded}}))
    return host.run("Install", host.told(deployment, bundle, **changes))


def contents(place: Path) -> dict[str, bytes]:
    """Of everything below; folders and links have none."""
    return {name: what if kind == "file" else b"" for name, (kind, _, what) in tree(place).items()}


def failed(step: Step, cause: str, *named: object) -> None:
    assert (step.exit, step.status, step.cause) == (1, "Failed", cause), step
    assert "Traceback" not in step.message
    for each in named:
        assert str(each) in step.message


def succeeded(step: Step) -> None:
    assert (step.exit, step.status) == (0, "Succeeded"), step


# Full disks


def test_a_destination_without_room_is_told_before_anything_is_removed(disks: Disks, srv: Path) -> None:
    disks.mount(srv, 64 * PAGE)
    succeeded(install(disks, "d-1", release(srv, a="1" * 10 * PAGE)))
    step = install(disks, "d-2", release(srv, a=os.urandom(80 * PAGE)))
    failed(step, "DISK", f"{srv} has {54 * PAGE} bytes free, {70 * PAGE} are needed: nothing was changed")
    assert contents(disks.seen(srv)) == {"a": b"1" * 10 * PAGE}
    disks.resize(srv)
    succeeded(install(disks, "d-3", release(srv, a=os.urandom(80 * PAGE))))


def fill_up_during_install(disks: Disks, srv: Path) -> Step:
    """Somebody still reads what the previous release had, which keeps its room taken when it is removed."""
    disks.mount(srv, 64 * PAGE)
    succeeded(install(disks, "d-1", release(srv, b=os.urandom(40 * PAGE))))
    with disks.seen(srv / "b").open("rb"):
        return install(disks, "d-2", release(srv, a="2", b=os.urandom(41 * PAGE), c="2"))


def test_a_disk_that_fills_up_during_install_gets_nothing_half_copied(disks: Disks, srv: Path) -> None:
    failed(fill_up_during_install(disks, srv), "DISK")
    assert "b" not in contents(disks.seen(srv))
    assert not [name for name in contents(disks.seen(srv)) if is_partial(name)]
    succeeded(install(disks, "d-3", release(srv, b="3")))
    assert contents(disks.seen(srv)) == {"b": b"3"}


def test_a_disk_that_fills_up_during_install_is_told_with_the_place(disks: Disks, srv: Path) -> None:
    failed(fill_up_during_install(disks, srv), "DISK", srv / "b")


def use_up_inodes(disks: Disks, srv: Path) -> Step:
    disks.mount(srv, PLENTY, "nr_inodes=20")
    succeeded(install(disks, "d-1", release(srv, a="1")))
    return install(disks, "d-2", release(srv, **{f"a{number}": "2" for number in range(30)}))


def test_a_disk_without_inodes_is_a_full_disk(disks: Disks, srv: Path) -> None:
    failed(use_up_inodes(disks, srv), "DISK", srv)
    assert not [name for name in contents(disks.seen(srv)) if is_partial(name)]
    succeeded(install(disks, "d-3", release(srv, a="3")))
    assert contents(disks.seen(srv)) == {"a": b"3"}


def test_missing_inodes_are_found_before_anything_is_removed(disks: Disks, srv: Path) -> None:
    failed(use_up_inodes(disks, srv), "DISK")
    assert contents(disks.seen(srv)) == {"a": b"1"}


def install_beyond_a_limit(host: Host, srv: Path) -> Step:
    succeeded(install(host, "d-1", release(srv, a="1")))
    limit = ["sh", "-c", 'ulimit -f 100 && exec "$@"', "sh"]  # blocks of 512 or 1,024 bytes, as shells differ
    limited = Started(host.root, host.runner, host.web, by=limit)
    return install(limited, "d-2", release(srv, a=b"2" * 200_000))


def test_a_file_that_is_larger_than_files_may_be_is_not_half_copied(host: Host, srv: Path) -> None:
    assert install_beyond_a_limit(host, srv).status == "Failed"
    assert contents(srv) == {}
    succeeded(install(host, "d-3", release(srv, a="3")))


def test_a_file_that_is_larger_than_files_may_be_is_the_disk_s_fault(host: Host, srv: Path) -> None:
    failed(install_beyond_a_limit(host, srv), "DISK")


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda disks: disks.protect(disks.root), id="read-only"),
        pytest.param(lambda disks: disks.leave(disks.root, 2), id="full"),
    ],
)
def test_a_disk_that_takes_no_runner_is_told_with_the_place(disks: Disks, spoil: Callable[[Disks], None]) -> None:
    told = disks.told("d-1", nothing())
    trusted = trust(told["runner"]["sha256"])
    lines = "\n".join([*begin_script(trusted), *step_script(LifecycleEvent.APPLICATION_STOP)])
    command = [*disks.by, "sh", "-c", lines.replace("{{ Instructions }}", signed(told))]
    environment = {**os.environ, "STEPDEPLOY_ROOT": str(disks.root), "AWS_SSM_INSTANCE_ID": HOST_ID}
    spoil(disks)
    step = read_step(subprocess.run(command, env=environment, capture_output=True))
    failed(step, "DISK", disks.root)
    disks.protect(disks.root, "rw")
    disks.resize(disks.root)
    succeeded(read_step(subprocess.run(command, env=environment, capture_output=True)))


# Read-only disks


# Other people's things in the way


# No permission


# Damaged records


# Where it writes
