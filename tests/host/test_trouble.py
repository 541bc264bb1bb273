"""A host in trouble: full and read-only disks, other people's things in the way, no permission, damaged records.

Of each the operator is told the cause and the place. The user's own things stay, so does the previous release wherever
Install could know beforehand, and the next deployment works once the trouble is over. The disks are small ones in a
mount namespace, which ends with its test.
"""

import gzip
import io
import json
import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from host.lifecycle import START, LifecycleEvent
from host.posix.layout import AGENT, ROOT
from host.report import Report
from host.step import begin_script, step_script
from tests.host.conftest import (
    GROUP_ID,
    HOST_ID,
    IN_PLACE,
    NO_PROFILE,
    Host,
    Step,
    appspec,
    read_step,
    revision,
    script,
)
from tests.host.test_crash import is_partial, tree
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


def test_however_full_the_deployment_root_is_a_download_is_whole_or_told(disks: Disks, srv: Path) -> None:
    succeeded(disks.install("d-first", release(srv, a="first")))
    downloaded = set()
    for room in (0, 2, 5, 7, 30):
        disks.leave(disks.root, room)
        told = disks.told(f"d-{room}", release(srv, a="a", b=os.urandom(3 * PAGE), c=b"c" * PAGE))
        step = disks.run("DownloadBundle", told)
        archive = disks.seen(disks.archive(f"d-{room}"))
        if step.exit:
            failed(step, "DISK")
            assert disks.run("Install", told).status == "Failed"
        else:
            assert (archive / "app" / "c").read_bytes() == b"c" * PAGE
        downloaded.add(step.exit)
        assert not archive.with_name("deployment-archive.partial").exists()
        disks.resize(disks.root)
    assert downloaded == {0, 1}
    succeeded(disks.install("d-last", release(srv, a="last")))
    assert contents(srv) == {"a": b"last"}


def test_a_full_deployment_root_is_told_with_the_place(disks: Disks, srv: Path) -> None:
    disks.leave(disks.root, 4)
    failed(disks.install("d-1", release(srv, a=os.urandom(20 * PAGE))), "DISK", disks.root)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(os.urandom(80 * PAGE), id="packed"),
        pytest.param(b"a" * 80 * PAGE, id="unpacked"),
    ],
)
def test_a_revision_that_is_too_large_leaves_the_room_to_the_next(disks: Disks, srv: Path, content: bytes) -> None:
    disks.resize(disks.root, 64 * PAGE)
    failed(disks.install("d-1", release(srv, a=content)), "DISK")
    step = disks.install("d-2", release(srv, a="2"))
    assert step.status == "Succeeded", step.message


def test_a_deployment_root_without_room_for_the_plan_is_told_before_anything_is_removed(
    disks: Disks, srv: Path
) -> None:
    succeeded(install(disks, "d-1", release(srv, a="1")))
    told = disks.told("d-2", release(srv, **{f"a{number}": "2" for number in range(100)}))
    succeeded(disks.run("DownloadBundle", told))
    disks.leave(disks.root, 1)
    failed(disks.run("Install", told), "DISK")
    assert contents(srv) == {"a": b"1"}


def test_whatever_is_made_is_on_record_however_full_the_deployment_root_is(disks: Disks, srv: Path) -> None:
    named = [f"{number:03}{'x' * 100}" for number in range(60 * PAGE // 4096)]  # more than a page of the record
    few, many = release(srv, a="few"), release(srv, **dict.fromkeys(named, ""))
    ended = set()
    succeeded(install(disks, "d-few", few))
    for room in (3, 4, 5, 6, 7, 30):
        told = disks.told(f"d-{room}-many", many)
        succeeded(disks.run("DownloadBundle", told))
        disks.leave(disks.root, room)
        ended.add(disks.run("Install", told).cause)
        disks.resize(disks.root)
        succeeded(install(disks, f"d-{room}-few", few))
        assert contents(srv) == {"a": b"few"}, f"with room for {room} pages"
    assert ended == {None, "DISK"}


def test_a_script_does_not_wait_for_a_full_disk(disks: Disks, srv: Path) -> None:
    spec = appspec(hooks={"BeforeInstall": [{"location": "hook.sh", "timeout": 20}]})
    files = {"appspec.yml": spec, "hook.sh": script("seq 100000", f"touch {srv}/done")}
    told = disks.told("d-1", revision(files))
    succeeded(disks.run("DownloadBundle", told))
    disks.leave(disks.root, 4)
    assert disks.run("BeforeInstall", told).error_code != "ScriptTimedOut"
    assert (srv / "done").exists()


def endless(srv: Path, lines: int) -> bytes:
    """A revision whose BeforeInstall prints as many lines of 100 bytes, numbered at their ends."""
    prints = f"awk 'BEGIN {{ for (n = 1; n <= {lines}; n++) printf \"%0*d\\n\", 99, n }}'"
    spec = appspec({"app": srv}, {"BeforeInstall": [{"location": "hook.sh"}]})
    return revision({"appspec.yml": spec, "hook.sh": script(prints), "app/a": "1"})


def posted_log(host: Host) -> list[str]:
    ((_, body),) = host.web.posts
    start = body.index(b"\r\n\r\n", body.index(b'name="file"')) + 4
    return gzip.decompress(body[start : body.rindex(b"\r\n--")]).decode().splitlines()


LOG_BYTES = 2 * 1024 * 1024
LOG_LIMIT = {"host.posix.script_log.MAX_LOG_BYTES": LOG_BYTES}


def test_a_log_without_end_takes_its_room_and_no_more(disks: Disks, srv: Path) -> None:
    """The disk has room for the log's limit, and for less than a tenth of what the script prints."""
    disks.limits.update(LOG_LIMIT)
    disks.resize(disks.root, 3 * LOG_BYTES)
    lines = 30 * LOG_BYTES // 100
    logs = {"url": f"{disks.web.url}/logs", "fields": {}, "key_prefix": "k/"}
    told = disks.told("d-1", endless(srv, lines), logs=logs)
    succeeded(disks.deploy(told, ("ApplicationStop", "DownloadBundle", "BeforeInstall")))
    folder = disks.seen(disks.folder("d-1") / "logs")
    sizes = {path.name: path.stat().st_size for path in folder.iterdir()}
    assert set(sizes) == {"scripts.log", "scripts.log.1"} and max(sizes.values()) <= LOG_BYTES
    dropped, *posted = posted_log(disks)
    assert re.search(r"the log has a limit: \d+ bytes that were said before this are dropped", dropped)
    numbers = [int(line[-99:]) for line in posted]
    assert numbers == list(range(lines - len(numbers) + 1, lines + 1)) and len(numbers) * 130 > LOG_BYTES
    succeeded(disks.run("Install", told))
    succeeded(disks.install("d-2", release(srv, a="2")))


def test_what_fits_is_posted_whole_over_a_change_of_files(disks: Disks, srv: Path) -> None:
    disks.limits.update(LOG_LIMIT)
    disks.resize(disks.root, 3 * LOG_BYTES)
    lines = LOG_BYTES * 3 // 2 // 130
    logs = {"url": f"{disks.web.url}/logs", "fields": {}, "key_prefix": "k/"}
    told = disks.told("d-1", endless(srv, lines), logs=logs)
    succeeded(disks.deploy(told, ("DownloadBundle", "BeforeInstall")))
    assert (disks.seen(disks.folder("d-1")) / "logs" / "scripts.log.1").exists()
    assert [line[20:] for line in posted_log(disks)][:2] == ["LifecycleEvent - BeforeInstall", "Script - hook.sh"]
    assert [int(line[-99:]) for line in posted_log(disks)[2:]] == list(range(1, lines + 1))


def fill(disks: Disks) -> None:
    """Leave no byte and no page free on the deployment root's disk."""
    disks.do("sh", "-c", f"cat /dev/zero >{disks.root}/theirs 2>/dev/null; true")


def test_a_full_disk_keeps_no_event_from_its_journal(disks: Disks, srv: Path) -> None:
    """Invariant 4: what has run is on record, so that it is not run again."""
    spec = appspec({"app": srv}, {event: [{"location": "hook.sh"}] for event in ("BeforeInstall", "AfterInstall")})
    full = f"cat /dev/zero >{disks.root}/theirs"
    files = {"appspec.yml": spec, "hook.sh": script(f"echo >>{srv}/count", f"{full} 2>/dev/null", "exit 0")}
    told = disks.told("d-1", revision({**files, "app/a": "1"}), file_exists_behavior="OVERWRITE")
    succeeded(disks.run("DownloadBundle", told))
    for _ in range(2):
        succeeded(disks.run("BeforeInstall", told))
    assert (srv / "count").read_text() == "\n"
    journal = json.loads(disks.seen(disks.folder("d-1") / "journal.json").read_text())
    assert set(journal) == {"DownloadBundle", "BeforeInstall"}


def test_a_full_disk_costs_old_revisions_and_no_deployment(disks: Disks, srv: Path) -> None:
    size = 40 * PAGE
    for number in range(1, 5):
        succeeded(disks.install(f"d-{number}", release(srv, a=os.urandom(size))))
    fill(disks)
    step = disks.deploy(disks.told("d-5", release(srv, a=os.urandom(size))), TO_INSTALL)
    succeeded(step)
    group = disks.seen(disks.deployments / GROUP_ID)
    left = {path.name for path in group.iterdir()}
    assert left >= {"d-4", "d-5"} and "d-1" not in left


def test_what_is_installed_is_never_given_up_for_room(disks: Disks, srv: Path) -> None:
    succeeded(disks.install("d-1", release(srv, a="1")))
    for number in (2, 3):
        told = disks.told(f"d-{number}", release(srv, a=os.urandom(20 * PAGE)))
        succeeded(disks.run("DownloadBundle", told))
    disks.leave(disks.root, 4)
    failed(disks.install("d-4", release(srv, a=os.urandom(200 * PAGE))), "DISK", disks.root)
    assert (disks.seen(disks.archive("d-1")) / "app" / "a").read_text() == "1"
    assert not disks.seen(disks.folder("d-2")).exists() and not disks.seen(disks.folder("d-3")).exists()


def test_the_archive_is_not_kept_beside_what_was_in_it(host: Host, srv: Path) -> None:
    succeeded(host.install("d-1", release(srv, a="1")))
    assert sorted(path.name for path in host.folder("d-1").iterdir()) == ["deployment-archive", "journal.json", "logs"]


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


def test_a_read_only_destination_is_told_and_keeps_the_previous_release(disks: Disks, srv: Path) -> None:
    disks.mount(srv)
    disks.protect(srv)
    failed(install(disks, "d-1", release(srv, a="1", b="1")), "DISK", "Read-only file system", srv)
    disks.protect(srv, "rw")
    succeeded(install(disks, "d-2", release(srv, a="2", b="2")))
    disks.protect(srv)
    failed(install(disks, "d-3", release(srv, a="3", c="3")), "DISK", "Read-only file system", srv)
    assert contents(disks.seen(srv)) == {"a": b"2", "b": b"2"}
    disks.protect(srv, "rw")
    succeeded(install(disks, "d-4", release(srv, a="4")))
    assert contents(disks.seen(srv)) == {"a": b"4"}


def test_one_read_only_destination_of_two_keeps_the_previous_release_in_both(disks: Disks, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for place in (one, two):
        place.mkdir()
        disks.mount(place)
    succeeded(install(disks, "d-1", to_both(one, two, "1")))
    disks.protect(one)
    failed(install(disks, "d-2", to_both(one, two, "2")), "DISK", one)
    assert [contents(disks.seen(place)) for place in (one, two)] == [{"a": b"1"}, {"b": b"1"}]


def test_a_read_only_deployment_root_is_told_and_nothing_is_changed(disks: Disks, srv: Path) -> None:
    succeeded(disks.install("d-1", release(srv, a="1")))
    told = disks.told("d-2", release(srv, a="2"))
    succeeded(disks.run("DownloadBundle", told))
    disks.protect(disks.root)
    failed(disks.run("Install", told), "DISK", "Read-only file system", disks.root)
    failed(disks.run("DownloadBundle", disks.told("d-3", nothing())), "DISK", "Read-only file system", disks.root)
    assert contents(srv) == {"a": b"1"}
    disks.protect(disks.root, "rw")
    succeeded(disks.run("Install", told))
    succeeded(disks.install("d-3", release(srv, a="3")))


# Other people's things in the way


def folder_for_a_file(srv: Path) -> None:
    (srv / "d" / "a").unlink()
    (srv / "d" / "a").mkdir()
    (srv / "d" / "a" / "mine").write_text("mine")


def file_for_a_folder(srv: Path) -> None:
    shutil.rmtree(srv / "d")
    (srv / "d").write_text("mine")


def file_for_an_empty_folder(srv: Path) -> None:
    (srv / "e").rmdir()
    (srv / "e").write_text("mine")


def dangling_link_for_a_file(srv: Path) -> None:
    (srv / "d" / "a").unlink()
    (srv / "d" / "a").symlink_to(srv / "nowhere")


def dangling_link_for_a_folder(srv: Path) -> None:
    shutil.rmtree(srv / "d")
    (srv / "d").symlink_to(srv / "nowhere")


def link_for_a_file(srv: Path) -> None:
    (srv / "d" / "a").unlink()
    (srv / "d" / "a").symlink_to(srv / "theirs")
    (srv / "theirs").mkdir()
    (srv / "theirs" / "mine").write_text("mine")


def link_for_a_folder(srv: Path) -> None:
    """As somebody does who needs room on another disk."""
    (srv / "d").rename(srv / "moved")
    (srv / "d").symlink_to(srv / "moved")
    (srv / "moved" / "mine").write_text("mine")


@pytest.mark.parametrize(
    ("replace", "behavior", "message", "kept"),
    [
        pytest.param(folder_for_a_file, "DISALLOW", "already exists at this location: {srv}/d/a", ["d/a/mine"]),
        pytest.param(folder_for_a_file, "OVERWRITE", "{srv}/d/a is there and is a folder", ["d/a/mine"]),
        pytest.param(file_for_a_folder, "DISALLOW", "{srv}/d exists and is not a folder", ["d"]),
        pytest.param(file_for_a_folder, "OVERWRITE", "{srv}/d exists and is not a folder", ["d"]),
        pytest.param(file_for_an_empty_folder, "DISALLOW", "{srv}/e", ["e"]),
        pytest.param(dangling_link_for_a_file, "DISALLOW", "", []),
        pytest.param(dangling_link_for_a_folder, "DISALLOW", "{srv}/d", ["d"]),
        pytest.param(link_for_a_file, "DISALLOW", "", ["theirs/mine"]),
        pytest.param(link_for_a_folder, "DISALLOW", "", ["d", "moved/mine"]),
    ],
)
def test_what_has_come_in_the_previous_release_s_place_is_the_user_s(
    host: Host, srv: Path, replace: Callable[[Path], None], behavior: str, message: str, kept: list[str]
) -> None:
    def installed(deployment: str) -> Step:
        content = {"d/a": deployment, "d/sub/b": deployment, "e/": "", "z": deployment}
        return install(host, deployment, release(srv, **content), file_exists_behavior=behavior)

    succeeded(installed("d-1"))
    replace(srv)
    before = tree(srv)
    step = installed("d-2")
    if message:
        failed(step, "CONFLICT", message.format(srv=srv))
        assert tree(srv) == before
    else:
        succeeded(step)
        assert (srv / "d" / "a").read_text() == "d-2"
    succeeded(install(host, "d-3", nothing()))
    after = tree(srv)
    assert {name: after.get(name) for name in kept} == {name: before[name] for name in kept}
    assert not (srv / "z").exists()


@pytest.mark.parametrize(
    ("kind", "behavior"),
    [
        ("file", "DISALLOW"),
        ("file", "OVERWRITE"),
        ("file", "RETAIN"),
        ("dangling link", "OVERWRITE"),
        ("link to a file", "OVERWRITE"),
    ],
)
def test_what_has_always_stood_where_a_folder_should_go_is_a_conflict(
    host: Host, tmp_path: Path, srv: Path, kind: str, behavior: str
) -> None:
    (tmp_path / "theirs").write_text("mine")
    if kind == "file":
        (srv / "d").write_text("mine")
    else:
        (srv / "d").symlink_to(tmp_path / ("theirs" if kind == "link to a file" else "nowhere"))
    before = tree(tmp_path / "srv")
    step = install(host, "d-1", release(srv, **{"a": "1", "d/a": "1"}), file_exists_behavior=behavior)
    failed(step, "CONFLICT", srv / "d")
    assert tree(tmp_path / "srv") == before


def test_a_link_to_a_folder_of_the_user_s_is_a_folder(host: Host, tmp_path: Path, srv: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "mine").write_text("mine")
    (srv / "d").symlink_to(tmp_path / "theirs")
    succeeded(install(host, "d-1", release(srv, **{"d/a": "1"})))
    assert contents(tmp_path / "theirs") == {"a": b"1", "mine": b"mine"}
    succeeded(install(host, "d-2", nothing()))
    assert contents(tmp_path / "theirs") == {"mine": b"mine"} and (srv / "d").is_symlink()


# No permission


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


# Damaged records


@dataclass
class Records:
    """What is on record of a release that is installed."""

    host: Host
    srv: Path

    @property
    def cleanup(self) -> Path:
        return self._of("-cleanup")

    @property
    def plan(self) -> Path:
        return self._of("-install.json")

    @property
    def marker(self) -> Path:
        return self._of("_last_successful_install")

    @property
    def seal(self) -> Path:
        return self._of("-cleanup.sha256")

    def unseal(self) -> None:
        """As a runner without seals leaves them."""
        self.seal.unlink()

    def _of(self, kind: str) -> Path:
        return self.host.deployments / "deployment-instructions" / (GROUP_ID + kind)

    def release(self, deployment: str) -> bytes:
        return release(self.srv, **{"a": deployment, "d/b": deployment})

    def deploy(self, deployment: str) -> Step:
        return self.host.deploy(self.host.told(deployment, self.release(deployment)), TO_INSTALL)

    def install(self, deployment: str, **changes: Any) -> Step:
        return install(self.host, deployment, self.release(deployment), **changes)

    def is_installed(self, deployment: str) -> bool:
        return contents(self.srv) == {"a": deployment.encode(), "d": b"", "d/b": deployment.encode()}


@pytest.fixture
def records(host: Host, srv: Path) -> Records:
    records = Records(host, srv)
    succeeded(records.install("d-1"))
    return records


@pytest.mark.parametrize("line", [b"garbage", b"\xff", b"null", b'{"a": 1}', b'"relative"', b""], ids=repr)
def test_a_damaged_line_of_the_cleanup_file_is_told_and_changes_nothing(records: Records, line: bytes) -> None:
    records.unseal()
    lines = records.cleanup.read_bytes().splitlines(keepends=True)
    records.cleanup.write_bytes(b"".join([lines[0], line + b"\n", *lines[1:]]))
    damaged = records.cleanup.read_bytes()
    step = records.install("d-2")
    failed(step, "ENGINE", f"{records.cleanup}, the list", "is damaged at line 2: nothing was changed")
    assert "Error:" not in step.message
    assert records.is_installed("d-1") and records.cleanup.read_bytes() == damaged
    records.cleanup.write_bytes(b"".join(lines))
    succeeded(records.install("d-3"))


@pytest.mark.parametrize("line", [b"garbage", b"null"], ids=repr)
def test_a_damaged_cleanup_file_is_never_taken_for_an_empty_one(records: Records, line: bytes) -> None:
    records.unseal()
    lines = records.cleanup.read_bytes().splitlines(keepends=True)
    damaged = b"".join([lines[0], line + b"\n", *lines[1:]])
    records.cleanup.write_bytes(damaged)
    failed(records.install("d-2"), "ENGINE")
    assert records.is_installed("d-1") and records.cleanup.read_bytes() == damaged
    records.cleanup.write_bytes(b"".join(lines))
    succeeded(records.install("d-3"))
    assert records.is_installed("d-3")


@pytest.mark.parametrize("lose", [Path.unlink, lambda path: path.write_bytes(b"")], ids=["gone", "empty"])
def test_a_lost_cleanup_file_makes_of_the_release_files_of_the_user_s(
    records: Records, lose: Callable[[Path], object]
) -> None:
    records.unseal()
    lose(records.cleanup)
    failed(records.install("d-2"), "CONFLICT", records.srv / "a")
    assert records.is_installed("d-1")
    succeeded(records.install("d-3", file_exists_behavior="OVERWRITE"))
    assert records.is_installed("d-3")


def test_a_label_s_record_outlives_the_tool_that_could_remove_it(records: Records) -> None:
    records.unseal()
    records.host.environment["PATH"] = str(records.srv)
    with records.cleanup.open("a") as file:
        file.write(json.dumps(["semanage", str(records.srv / "a")]) + "\n")
    assert records.install("d-2").status == "Succeeded"
    assert records.is_installed("d-2")


@pytest.mark.parametrize("body", [None, b"", b"{"], ids=["gone", "empty", "cut"])
def test_install_json_is_for_people_only(records: Records, body: bytes | None) -> None:
    if body is None:
        records.plan.unlink()
    else:
        records.plan.write_bytes(body)
    succeeded(records.install("d-2"))
    assert records.is_installed("d-2") and records.plan.read_bytes()


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(None, id="gone"),
        pytest.param(b"", id="empty"),
        pytest.param(b"/nowhere/at/all", id="of nothing"),
        pytest.param(bytes(40), id="zeros"),
        pytest.param(b"\xff\xfe", id="binary"),
    ],
)
def test_a_damaged_marker_is_no_lock_out(records: Records, body: bytes | None) -> None:
    if body is None:
        records.marker.unlink()
    else:
        records.marker.write_bytes(body)
    assert records.deploy("d-2").status == "Succeeded"
    assert records.is_installed("d-2")
    assert records.marker.read_text() == str(records.host.folder("d-2"))


CUT = [b"", b'{"DownloadBundle": {"rep', b"[]"]


def install_with_journal(records: Records, journal: bytes) -> Step:
    told = records.host.told("d-2", records.release("d-2"))
    succeeded(records.host.run("DownloadBundle", told))
    (records.host.folder("d-2") / "journal.json").write_bytes(journal)
    return records.host.run("Install", told)


@pytest.mark.parametrize("journal", CUT, ids=repr)
def test_a_damaged_journal_ends_its_deployment_and_no_other(records: Records, journal: bytes) -> None:
    failed(install_with_journal(records, journal), "ENGINE")
    assert records.is_installed("d-1")
    succeeded(records.install("d-3"))
    assert records.is_installed("d-3")


@pytest.mark.parametrize("journal", CUT, ids=repr)
def test_a_damaged_journal_is_told_with_its_place(records: Records, journal: bytes) -> None:
    step = install_with_journal(records, journal)
    failed(step, "ENGINE", records.host.folder("d-2") / "journal.json")
    assert "Error:" not in step.message


# Where it writes

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
        bootstrap = str(Path(__file__).parents[2] / "host" / "bootstrap.py")
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
