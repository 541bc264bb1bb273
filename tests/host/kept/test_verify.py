"""What the document that only looks finds on a host, run by a real shell under every Python that is here."""

import hashlib
import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from host.posix.copy import copy
from host.step import verify_document
from host.verify import LINE_BYTES
from local.ssm.content import check_content
from local.ssm.documents import Documents, check_parameters, filled_in
from local.ssm.model import SsmError
from tests.host.conftest import GROUP_ID, IN_PLACE, Host, Step, appspec, pythons, revision, script
from tests.host.random.test_crash import tree

NONE = {"changed": 0, "missing": 0, "added": 0, "permissions": 0, "byScripts": 0}


def looked(host: Host, deployment: str, python: str | None = None) -> dict[str, Any]:
    """As SSM's agent runs it."""
    version = Documents().create("d", verify_document()).version(None)
    given = check_parameters(version, {"GroupId": [GROUP_ID], "DeploymentId": [deployment]})
    (step,) = filled_in(version, given)
    text = step.script.replace("for python in ", f"for python in {python} ") if python else step.script
    environment = {**os.environ, "STEPDEPLOY_ROOT": str(host.root)}
    ran = subprocess.run(["/bin/sh", "-c", text], capture_output=True, text=True, env=environment)
    assert ran.returncode == 0, ran.stderr
    assert len(ran.stdout) <= LINE_BYTES + 1
    told: dict[str, Any] = json.loads(ran.stdout)
    return told


@pytest.fixture
def srv(tmp_path: Path) -> Path:
    return tmp_path / "srv" / "app"


def release(srv: Path, text: str, **more: Any) -> bytes:
    files = {"appspec.yml": appspec({"app": srv}, **more), "app/a": text, "app/in/b": "b", "app/link": "-> a"}
    for hooks in more.get("hooks", {}).values():
        files.update({each["location"]: script(each["does"]) for each in hooks})
    return revision(files)


def deploy(host: Host, told: dict[str, Any]) -> Step:
    """And wait: a change is told from those of the deployment's own scripts by the clock of the file system."""
    step = host.deploy(told)
    time.sleep(0.02)
    return step


def test_the_document_is_one_that_ssm_takes() -> None:
    check_content(verify_document())
    assert len(json.dumps(verify_document())) < 64 * 1024
    version = Documents().create("d", verify_document()).version(None)
    for bad in ("", "a b", "$(reboot)", "'; reboot; '", "../x"):
        with pytest.raises(SsmError):
            check_parameters(version, {"GroupId": [GROUP_ID], "DeploymentId": [bad]})


@pytest.mark.parametrize("python", pythons().values(), ids=pythons())
def test_what_is_installed_is_as_it_was_installed(host: Host, srv: Path, python: str) -> None:
    deploy(host, host.told("d-1", release(srv, "1")))
    told = looked(host, "d-1", python)
    assert told == {
        "stepdeploy": 1, "event": "Verify", "group": GROUP_ID, "deployment": "d-1", "installed": "d-1",
        "events": dict.fromkeys(IN_PLACE, "Succeeded"), "isWhole": True, "isBusy": False, "files": 6, "counts": NONE,
        "paths": [],
    }  # fmt: skip


def test_it_changes_nothing(host: Host, srv: Path) -> None:
    deploy(host, host.told("d-1", release(srv, "1")))
    before = tree(host.root.parent)
    looked(host, "d-1")
    assert tree(host.root.parent) == before


def write(srv: Path) -> None:
    (srv / "a").write_text("2")


def cut(srv: Path) -> None:
    os.truncate(srv / "in" / "b", 0)


def replace_by_folder(srv: Path) -> None:
    (srv / "a").unlink()
    (srv / "a").mkdir()


def lead_elsewhere(srv: Path) -> None:
    (srv / "link").unlink()
    (srv / "link").symlink_to("in/b")


def remove(srv: Path) -> None:
    (srv / "in" / "b").unlink()


def add(srv: Path) -> None:
    (srv / "in" / "new").write_text("")


@pytest.mark.parametrize(
    ("change", "how", "path"),
    [
        (write, "changed", "a"),
        (cut, "changed", "in/b"),
        (replace_by_folder, "changed", "a"),
        (lead_elsewhere, "changed", "link"),
        (remove, "missing", "in/b"),
        (add, "added", "in/new"),
    ],
)
def test_drift_is_found(host: Host, srv: Path, change: Callable[[Path], None], how: str, path: str) -> None:
    deploy(host, host.told("d-1", release(srv, "1")))
    change(srv)
    told = looked(host, "d-1")
    assert told["counts"] == {**NONE, how: 1}
    assert told["paths"] == [[how, str(srv / path)]]


def test_a_change_that_keeps_size_and_time_is_found(host: Host, srv: Path) -> None:
    deploy(host, host.told("d-1", release(srv, "1")))
    before = (srv / "a").stat()
    (srv / "a").write_text("2")
    os.utime(srv / "a", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert looked(host, "d-1")["counts"] == {**NONE, "changed": 1}


def test_modes_are_held_against_the_appspec_where_it_gave_them(host: Host, srv: Path) -> None:
    given = [{"object": str(srv), "pattern": "a", "mode": "640", "type": ["file"]}]
    deploy(host, host.told("d-1", release(srv, "1", permissions=given)))
    assert looked(host, "d-1")["counts"] == NONE
    (srv / "in" / "b").chmod(0o600)
    assert looked(host, "d-1")["counts"] == NONE, "the AppSpec gave it none"
    (srv / "a").chmod(0o644)
    told = looked(host, "d-1")
    assert (told["counts"], told["paths"]) == ({**NONE, "permissions": 1}, [["permissions", str(srv / "a")]])


def test_what_scripts_of_the_deployment_configure_is_no_drift(host: Host, srv: Path) -> None:
    does = f"echo configured >{srv}/a; rm {srv}/in/b; echo >{srv}/made"
    hooks = {"AfterInstall": [{"location": "configure.sh", "does": does}]}
    spec = {"AfterInstall": [{"location": "configure.sh"}]}
    files = {"appspec.yml": appspec({"app": srv}, spec), "app/a": "1", "app/in/b": "b", "configure.sh": script(does)}
    assert hooks and deploy(host, host.told("d-1", revision(files))).exit == 0
    assert looked(host, "d-1")["counts"] == {**NONE, "byScripts": 3}
    (srv / "a").write_text("by hand")
    assert looked(host, "d-1")["counts"] == {**NONE, "byScripts": 2, "changed": 1}


def test_a_deployment_that_failed_before_install_leaves_the_old_files(host: Host, srv: Path) -> None:
    deploy(host, host.told("d-1", release(srv, "1")))
    spec = appspec({"app": srv}, {"BeforeInstall": [{"location": "no.sh"}]})
    deploy(host, host.told("d-2", revision({"appspec.yml": spec, "app/a": "2", "no.sh": script("exit 1")})))
    told = looked(host, "d-2")
    assert (told["installed"], told["counts"], told["isWhole"]) == ("d-1", NONE, True)
    assert told["events"] == {"ApplicationStop": "Succeeded", "DownloadBundle": "Succeeded", "BeforeInstall": "Failed"}
    assert looked(host, "d-3")["events"] == {}, "a deployment that never came here"


def test_an_install_that_was_cut_off_is_seen(host: Host, srv: Path) -> None:
    deploy(host, host.told("d-1", release(srv, "1")))
    notes = host.deployments / "deployment-instructions"
    (notes / f"{GROUP_ID}-cleanup.sha256").unlink()  # as break_seal leaves it
    (srv / "a").unlink()
    told = looked(host, "d-2")
    assert (told["installed"], told["isWhole"], told["counts"]["missing"]) == ("d-1", False, 1)


def test_a_host_without_anything(host: Host) -> None:
    told = looked(host, "d-1")
    assert (told["installed"], told["events"], told["isWhole"], told["isBusy"]) == (None, {}, True, False)
    assert "counts" not in told and "trouble" not in told


def test_what_an_older_version_installed_is_not_known(host: Host, srv: Path) -> None:
    deploy(host, host.told("d-1", release(srv, "1")))
    (host.folder("d-1") / "manifest.jsonl").unlink()
    told = looked(host, "d-1")
    assert told["installed"] == "d-1" and "counts" not in told and "trouble" not in told
    assert host.install("d-2", release(srv, "2")).exit == 0
    assert looked(host, "d-2")["counts"] == NONE


@pytest.mark.parametrize("record", ["manifest.jsonl", "journal.json"])
@pytest.mark.parametrize("damage", [b"", b"?\n", b'["file", "/etc/passwd", ""]\n'])
def test_damaged_records_are_told(host: Host, srv: Path, record: str, damage: bytes) -> None:
    deploy(host, host.told("d-1", release(srv, "1")))
    path = host.folder("d-1") / record
    path.write_bytes(damage)
    told = looked(host, "d-1")
    if record == "journal.json" and not damage:
        assert told["events"] == {}
    else:
        assert told["trouble"] == f"{path} is damaged"


def test_many_changes_are_counted_and_some_are_named(host: Host, srv: Path) -> None:
    names = [f"{number}-{'é' * 100}" for number in range(50)]
    deploy(host, host.told("d-1", revision({"appspec.yml": appspec({"app": srv}), **{f"app/{n}": "" for n in names}})))
    for name in names:
        (srv / name).write_text("changed")
    told = looked(host, "d-1")
    assert told["counts"]["changed"] == len(names) and 0 < len(told["paths"]) < len(names)


def test_a_deployment_that_has_the_host_is_told(host: Host) -> None:
    (host.root / "segment").mkdir(parents=True)
    (host.root / "segment" / "mark").write_text("m")
    (host.root / "lock").write_text(f"deployment d-1 of shop/web, process {os.getpid()}")
    assert looked(host, "d-1")["isBusy"]
    (host.root / "lock").write_text("deployment d-1 of shop/web, process 99999999")
    assert not looked(host, "d-1")["isBusy"], "it was killed"


@pytest.mark.parametrize("size", [0, 1, 64 * 1024, 64 * 1024 + 1, 3 * 1024 * 1024])
def test_a_copy_gives_the_sum_of_what_is_in_it(tmp_path: Path, size: int) -> None:
    content = os.urandom(size)
    (tmp_path / "a").write_bytes(content)
    assert copy(str(tmp_path / "a"), str(tmp_path / "b")) == hashlib.sha256(content).hexdigest()
    assert (tmp_path / "b").read_bytes() == content
