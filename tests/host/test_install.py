"""What Install puts there, removes and refuses."""

import grp
import os
import pwd
from pathlib import Path

import pytest

from tests.host.conftest import Host, appspec, revision, script
from tests.host.test_events import app


def test_install_copies_with_mode_time_links_and_empty_folders(host: Host, tmp_path: Path) -> None:
    srv = tmp_path / "srv"
    files = {
        "appspec.yml": appspec({"/": srv / "all", "app": srv / "app", "app/run.sh": srv / "bin"}),
        "app/run.sh": script("exit 0"),
        "app/.hidden": "x",
        "app/empty/": "",
        "app/current": "-> run.sh",
        "app/a b ": "space",
    }
    assert host.install("d-1", revision(files)).status == "Succeeded"
    assert (srv / "bin" / "run.sh").stat().st_mode & 0o777 == 0o755
    assert (srv / "app" / ".hidden").read_text() == "x" and (srv / "app" / "a b ").read_text() == "space"
    assert (srv / "app" / "empty").is_dir()
    assert (srv / "app" / "current").readlink().name == "run.sh"
    assert (srv / "all" / "appspec.yml").exists()


def test_the_next_install_removes_what_the_last_one_put_there_and_only_that(host: Host, tmp_path: Path) -> None:
    srv = tmp_path / "srv"
    first = {"appspec.yml": appspec({"app": srv}), "app/old/deep.txt": "1", "app/shared/a.txt": "1", "app/l\nine": "1"}
    assert host.install("d-1", revision(first, type="tar"), type="tar").exit == 0
    (srv / "shared" / "of-a-hook.txt").write_text("kept")
    assert host.install("d-2", revision({"appspec.yml": appspec({"app": srv}), "app/new.txt": "2"})).exit == 0
    assert sorted(p.relative_to(srv).as_posix() for p in srv.rglob("*")) == [
        "new.txt",
        "shared",
        "shared/of-a-hook.txt",
    ]


def test_disallow_refuses_a_foreign_file_and_leaves_the_old_release_in_place(host: Host, tmp_path: Path) -> None:
    srv = tmp_path / "srv"
    assert host.install("d-1", app(srv)).exit == 0
    (srv / "foreign.txt").write_text("mine")
    bundle = revision({"appspec.yml": appspec({"app": srv}), "app/version.txt": "2", "app/foreign.txt": "theirs"})
    step = host.install("d-2", bundle)
    assert (step.cause, step.error_code) == ("CONFLICT", "UnknownError")
    assert step.message == (
        f"The deployment failed because a specified file already exists at this location: {srv}/foreign.txt"
    )
    assert (srv / "version.txt").read_text() == "1" and (srv / "foreign.txt").read_text() == "mine"


@pytest.mark.parametrize(("behavior", "left"), [("OVERWRITE", "theirs"), ("RETAIN", "mine")])
def test_overwrite_and_retain(host: Host, tmp_path: Path, behavior: str, left: str) -> None:
    srv = tmp_path / "srv"
    srv.mkdir()
    (srv / "foreign.txt").write_text("mine")
    bundle = revision({"appspec.yml": appspec({"app": srv}), "app/foreign.txt": "theirs"})
    assert host.install("d-1", bundle, file_exists_behavior=behavior).exit == 0
    assert (srv / "foreign.txt").read_text() == left
    empty = revision({"appspec.yml": appspec()})
    assert host.install("d-2", empty).exit == 0
    assert (srv / "foreign.txt").exists() == (behavior == "RETAIN")


def test_the_appspec_beats_the_deployment(host: Host, tmp_path: Path) -> None:
    srv = tmp_path / "srv"
    srv.mkdir()
    (srv / "version.txt").write_text("mine")
    bundle = app(srv, file_exists_behavior="OVERWRITE")
    assert host.install("d-1", bundle).exit == 0
    assert (srv / "version.txt").read_text() == "1"


def test_permissions_apply_to_what_this_deployment_created_only(host: Host, tmp_path: Path) -> None:
    srv = tmp_path / "srv"
    (srv / "before").mkdir(parents=True)
    (srv / "before").chmod(0o711)
    (srv / "foreign").write_text("")
    (srv / "foreign").chmod(0o604)
    permissions: list[dict[str, object]] = [
        {"object": str(srv), "type": ["directory"], "mode": 750},
        {
            "object": str(srv),
            "type": ["file"],
            "mode": "4750",
            "except": ["keep.txt"],
            "owner": pwd.getpwuid(os.getuid()).pw_name,  # whoever runs this may give files to nobody else
            "group": grp.getgrgid(os.getgid()).gr_name,
        },
    ]
    files = {
        "appspec.yml": appspec({"app": srv}, permissions=permissions),
        "app/made/deep.txt": "", "app/keep.txt": "", "app/before/x.txt": "",
    }  # fmt: skip
    srv.chmod(0o701)
    assert host.install("d-1", revision(files)).exit == 0
    modes = {p.relative_to(tmp_path).as_posix(): oct(p.stat().st_mode & 0o7777) for p in [srv, *srv.rglob("*")]}
    assert modes == {
        "srv": "0o701", "srv/before": "0o711", "srv/foreign": "0o604", "srv/made": "0o750",
        "srv/made/deep.txt": "0o4750", "srv/keep.txt": "0o644", "srv/before/x.txt": "0o4750",
    }  # fmt: skip


@pytest.mark.parametrize("first", ["file", "folder"])
def test_a_place_that_is_a_file_and_a_folder_is_told_before_the_old_release_goes(
    host: Host, tmp_path: Path, first: str
) -> None:
    srv = tmp_path / "srv"
    host.install("d-1", app(srv))
    sources = {"a": srv, "b": srv / "a"} if first == "file" else {"b": srv / "a", "a": srv}
    step = host.install("d-2", revision({"appspec.yml": appspec(sources), "a": "file", "b": "below"}))
    assert step.cause == "CONFLICT" and f"{srv}/a both as a file and as a folder" in step.message
    assert (srv / "version.txt").read_text() == "1"


def test_an_unknown_owner_is_told_before_the_old_release_goes(host: Host, tmp_path: Path) -> None:
    srv = tmp_path / "srv"
    host.install("d-1", app(srv))
    step = host.install("d-2", app(srv, "2", permissions=[{"object": str(srv), "owner": "no-such-user"}]))
    assert step.cause == "APPSPEC" and "no-such-user" in step.message
    assert (srv / "version.txt").read_text() == "1"


@pytest.mark.parametrize(("entry", "kind"), [("user:nobody-there:rwx", "user"), ("d:g:no-such-group:7", "group")])
def test_an_unknown_name_in_acls_is_told_before_the_old_release_goes(
    host: Host, tmp_path: Path, entry: str, kind: str
) -> None:
    target = tmp_path / "srv"
    host.deploy(host.told("d-1", app(target)))
    acls = [{"object": str(target), "type": ["file"] if kind == "user" else ["directory"], "acls": [entry]}]
    spec = appspec({"app": target}, permissions=acls)
    step = host.deploy(host.told("d-2", revision({"appspec.yml": spec, "app/new/version.txt": "2"})))
    assert step.cause == "APPSPEC" and f"permissions[0]: the host has no {kind} 'no" in step.message
    assert (target / "version.txt").read_text() == "1"


def test_a_missing_source_is_told_before_the_old_release_goes(host: Host, tmp_path: Path) -> None:
    srv = tmp_path / "srv"
    host.install("d-1", app(srv))
    step = host.install("d-2", revision({"appspec.yml": appspec({"gone": srv})}))
    assert step.cause == "APPSPEC" and "gone" in step.message
    assert (srv / "version.txt").read_text() == "1"


def test_a_file_where_a_folder_should_be_is_a_conflict(host: Host, tmp_path: Path) -> None:
    (tmp_path / "srv").write_text("")
    step = host.install("d-1", app(tmp_path / "srv"))
    assert step.cause == "CONFLICT" and str(tmp_path / "srv") in step.message


def test_links_to_folders_are_followed_and_copied_as_folders(host: Host, tmp_path: Path) -> None:
    files = {"appspec.yml": appspec({"app": tmp_path / "srv"}), "app/real/x.txt": "x", "app/linked": "-> real"}
    assert host.install("d-1", revision(files)).exit == 0
    assert (tmp_path / "srv" / "linked" / "x.txt").read_text() == "x"
    assert not (tmp_path / "srv" / "linked").is_symlink()
