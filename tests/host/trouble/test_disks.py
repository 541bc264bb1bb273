"""A host in trouble: full and read-only disks, other people's things in the way, no permission, damaged records.

Of each the operator is told the cause and the place. The user's own things stay, so does the previous release wherever
Install could know beforehand, and the next deployment works once the trouble is over. The disks are small ones in a
mount namespace, which ends with its test.
"""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from host.lifecycle import LifecycleEvent
from host.step import begin_script, step_script
from tests.host.conftest import (
    HOST_ID,
    Host,
    Step,
    read_step,
)
from tests.host.random.test_crash import is_partial
from tests.host.trouble.conftest import (
    PAGE,
    PLENTY,
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
