"""The rules of what is there already (E.4)."""

from pathlib import Path

import pytest

from tests.host.conftest import Host, appspec, revision
from tests.host.reference.rules import case, rule
from tests.host.reference.test_appspec import RECORD, instructions, names, release, tools
from tests.host.test_appspec import HEAD


@rule("E.4 step 6, marker")
def test_only_an_install_that_ended_well_is_marked(host: Host, tmp_path: Path) -> None:
    assert host.install("d-1", release(tmp_path / "srv", "x")).exit == 0
    marker = instructions(host, "_last_successful_install")
    assert marker.read_text() == str(host.folder("d-1"))
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "x").write_text("")
    assert host.install("d-2", release(tmp_path / "foreign", "x")).cause == "CONFLICT"
    assert marker.read_text() == str(host.folder("d-1"))


@rule("E.4 files of another group")
def test_another_group_s_file_is_a_conflict(host: Host, tmp_path: Path) -> None:
    assert host.install("d-1", release(tmp_path / "srv", "x")).exit == 0
    told = host.told("d-2", release(tmp_path / "srv", "x"))
    told["deployment_group_id"] = "another"
    step = host.deploy(told, ("DownloadBundle", "Install"))
    assert step.message.endswith(f"a specified file already exists at this location: {tmp_path}/srv/x")


@rule("E.4 OVERWRITE by a link: differs, it works")
def test_a_link_overwrites_too(host: Host, tmp_path: Path) -> None:
    srv = tmp_path / "srv"
    srv.mkdir()
    (srv / "current").write_text("mine")
    files = {"appspec.yml": appspec({"app": srv}), "app/x": "new", "app/current": "-> x"}
    assert host.install("d-1", revision(files), file_exists_behavior="OVERWRITE").exit == 0
    assert (srv / "current").is_symlink() and (srv / "current").read_text() == "new"


@pytest.mark.parametrize(
    ("behavior", "there", "cause"),
    [
        case("E.4 what exists: a directory where a file goes", "DISALLOW", "directory", "CONFLICT"),
        case("E.4 what exists: a directory where a file goes is retained", "RETAIN", "directory", None),
        case("E.4 what exists: not a dangling link", "DISALLOW", "dangling", None),
    ],
)
def test_what_is_in_the_way_of_a_file(host: Host, tmp_path: Path, behavior: str, there: str, cause: str | None) -> None:
    place = tmp_path / "srv" / "x"
    place.parent.mkdir()
    if there == "directory":
        place.mkdir()
    else:
        place.symlink_to("nowhere")
    assert host.install("d-1", release(place.parent, "x"), file_exists_behavior=behavior).cause == cause
    assert place.is_dir() if there == "directory" else place.read_text() == "new" and not place.is_symlink()


@rule("E.4 half an Install", "E.4 cleanup of contexts")
def test_what_a_failed_install_had_made_stays_until_the_next_removes_it(host: Host, tmp_path: Path) -> None:
    srv = tmp_path / "srv"
    log = tools(host, tmp_path, semanage=RECORD, restorecon="exit 1")
    labels = [{"object": str(srv), "context": {"type": "t"}}]
    assert host.install("d-1", release(srv, "x", permissions=labels)).exit == 1
    assert names(srv) == ["x"]
    log.unlink()
    assert host.install("d-2", revision({"appspec.yml": HEAD})).exit == 0
    assert not srv.exists()
    assert log.read_text() == f"semanage fcontext -d {srv}/x\n"


@rule("E.4 cleanup of files: one that is gone already", "E.4 cleanup of links: not what they name")
def test_files_and_links_are_removed_if_they_are_there(host: Host, tmp_path: Path) -> None:
    srv = tmp_path / "srv"
    files = {"appspec.yml": appspec({"app": srv}), "app/x": "", "app/link": "-> data"}
    assert host.install("d-1", revision(files)).exit == 0
    (srv / "x").unlink()
    (srv / "data").write_text("of a hook")
    assert host.install("d-2", revision({"appspec.yml": HEAD})).exit == 0
    assert names(srv) == ["data"]
