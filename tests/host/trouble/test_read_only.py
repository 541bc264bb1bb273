"""Disks that may only be read: told, and the previous release stays."""

from pathlib import Path

from tests.host.trouble.conftest import Disks, contents, failed, install, nothing, release, succeeded
from tests.host.trouble.test_forbidden import to_both


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
