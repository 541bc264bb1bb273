"""A deployment root without room, and what a log may take of it."""

import gzip
import json
import os
import re
from pathlib import Path

import pytest

from tests.host.conftest import GROUP_ID, Host, appspec, revision, script
from tests.host.trouble.conftest import (
    PAGE,
    TO_INSTALL,
    Disks,
    contents,
    failed,
    install,
    release,
    succeeded,
)

LOG_BYTES = 2 * 1024 * 1024
LOG_LIMIT = {"host.posix.script_log.MAX_LOG_BYTES": LOG_BYTES}


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
    step = disks.deploy(disks.told("d-5", release(srv, a=os.urandom(100 * PAGE))), TO_INSTALL)
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


def test_packed_revisions_go_where_install_needs_their_room(disks: Disks) -> None:
    place = disks.root / "srv"
    succeeded(disks.install("d-1", release(place, a="1")))
    told = disks.told("d-2", release(place, a=os.urandom(40 * PAGE)))
    succeeded(disks.run("DownloadBundle", told))
    packed = disks.seen(disks.folder("d-2")) / "bundle.tar"
    assert packed.exists()
    disks.leave(disks.root, 10)
    succeeded(disks.run("Install", told))
    assert not packed.exists()
