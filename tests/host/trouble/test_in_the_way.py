"""What stands where a revision should go."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.host.conftest import Host, Step
from tests.host.random.test_crash import tree
from tests.host.trouble.conftest import (
    contents,
    failed,
    install,
    nothing,
    release,
    succeeded,
)


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
