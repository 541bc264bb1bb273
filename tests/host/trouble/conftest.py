"""Disks and users that fail the runner, and what tests do with them."""

import io
import json
import os
import shlex
import shutil
import stat
import subprocess
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from host.report import Report
from tests.host.conftest import (
    Host,
    Step,
    appspec,
    revision,
)
from tests.host.random.test_crash import tree

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


def ways_to_unshare(*kinds: str) -> list[list[str]]:
    """Commands that give namespaces: as root, and as anybody."""
    as_root = [["unshare", *kinds]] if os.geteuid() == 0 else []
    return [*as_root, ["unshare", *kinds, "--map-root-user"]]


def enter(way: list[str], process: int) -> list[str]:
    """What enters the namespaces that such a command gave to a process."""
    user = ["--user", "--preserve-credentials"]
    kinds = [each for option in way[1:] for each in (user if option == "--map-root-user" else [option])]
    return ["nsenter", f"--target={process}", *kinds, "--"]


@pytest.fixture
def disks(host: Host) -> Iterator[Disks]:
    """Mounted: the deployment root."""
    if not all(map(shutil.which, ("unshare", "nsenter", "mount"))):
        pytest.skip("needs unshare, nsenter and mount")
    host.root.mkdir()
    said = []
    for command in ways_to_unshare("--mount"):
        with subprocess.Popen(
            [*command, "sh"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as shell:  # its input is closed in the end, and so it ends
            disks = Disks(host.root, host.runner, host.web, by=enter(command, shell.pid), shell=shell)
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


@pytest.fixture
def powerless(host: Host) -> Iterator[Started]:
    """A host whose runner may no more than the files' owner may, whoever runs it."""
    drop = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--"] if os.geteuid() == 0 else []
    if drop and (not shutil.which("setpriv") or subprocess.run([*drop, "true"], capture_output=True).returncode):
        pytest.skip("root cannot do without its capabilities here: that needs setpriv")
    yield Started(host.root, host.runner, host.web, by=drop)
    for folder, below, _ in os.walk(host.root.parent):
        for name in below:
            Path(folder, name).chmod(0o755)  # before it is walked into
