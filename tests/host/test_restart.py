"""A restart: the scripts of the revision that is installed stop and start it, and nothing is fetched or installed."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from host.lifecycle import RESTART
from tests.host.conftest import IN_PLACE, Host, appspec, revision, script

EVENTS = tuple(event.value for event in RESTART)
HOOKED = ("ApplicationStop", "AfterInstall", "ApplicationStart", "ValidateService")


def says(said: Path, name: str) -> bytes:
    """A revision whose hooks write that they ran, in which deployment."""
    hooks = {event: [{"location": f"{event}.sh"}] for event in HOOKED}
    files = {f"{event}.sh": script(f"echo {name} $LIFECYCLE_EVENT $DEPLOYMENT_ID >>{said}") for event in HOOKED}
    return revision({"appspec.yml": appspec(None, hooks), **files})


def restart(host: Host, deployment: str, **changes: Any) -> dict[str, Any]:
    """Of whatever is there: the instructions have no address of a revision."""
    told = host.told(deployment, b"nothing", events=list(EVENTS), is_restart=True, **changes)
    return {**told, "bundle": {**told["bundle"], "url": ""}}


def test_it_stops_starts_and_validates_by_the_scripts_of_what_is_installed(host: Host, tmp_path: Path) -> None:
    said = tmp_path / "said"
    assert host.deploy(host.told("d-1", says(said, "v1"))).exit == 0
    assert host.deploy(host.told("d-2", says(said, "v2"))).exit == 0
    said.write_text("")
    for number in (3, 4):
        assert host.deploy(restart(host, f"d-{number}"), EVENTS).exit == 0
    assert said.read_text().splitlines() == [f"v2 {event} d-{number}" for number in (3, 4) for event in EVENTS]
    assert not host.archive("d-3").exists()
    assert host.deploy(host.told("d-5", says(said, "v3"))).exit == 0
    assert "v2 ApplicationStop d-5" in said.read_text(), "the revision that was restarted is still the installed one"


def test_its_journal_lets_nothing_run_twice(host: Host, tmp_path: Path) -> None:
    said = tmp_path / "said"
    assert host.deploy(host.told("d-1", says(said, "v1"))).exit == 0
    said.write_text("")
    for _ in range(2):
        assert host.deploy(restart(host, "d-2"), EVENTS).exit == 0
    assert said.read_text().splitlines() == [f"v1 {event} d-2" for event in EVENTS]


@pytest.mark.parametrize(("events", "needed"), [(EVENTS[1:], "ApplicationStop"), (EVENTS[2:], "ApplicationStart")])
def test_nothing_starts_that_was_not_stopped(host: Host, tmp_path: Path, events: tuple[str, ...], needed: str) -> None:
    """SSM's agent goes on with the next step after one that was ended from outside."""
    assert host.deploy(host.told("d-1", says(tmp_path / "said", "v1"))).exit == 0
    step = host.deploy(restart(host, "d-2"), events)
    assert step.exit == 1 and f"{needed} did not run to its end" in step.message


def test_a_host_without_the_revision_is_told_before_anything_is_stopped(host: Host, tmp_path: Path) -> None:
    step = host.deploy(restart(host, "d-1"), EVENTS)
    assert (step.event, step.exit, step.cause) == ("ApplicationStop", 1, "APPSPEC")
    assert "no revision of this deployment group is installed here to restart: deploy one" in step.message
    said = tmp_path / "said"
    assert host.deploy(host.told("d-2", says(said, "v1"))).exit == 0
    said.write_text("")
    shutil.rmtree(host.archive("d-2"))
    assert "is installed here to restart" in host.deploy(restart(host, "d-3"), EVENTS).message
    assert said.read_text() == ""


def test_a_script_that_was_lost_fails_the_restart(host: Host, tmp_path: Path) -> None:
    """Before Install a deployment passes over the lost script of a previous revision; a restart is of that revision."""
    assert host.deploy(host.told("d-1", says(tmp_path / "said", "v1"))).exit == 0
    (host.archive("d-1") / "ApplicationStart.sh").unlink()
    step = host.deploy(restart(host, "d-2"), EVENTS)
    assert (step.event, step.exit, step.error_code) == ("ApplicationStart", 1, "ScriptMissing")


def test_the_folders_of_many_restarts_do_not_stay(host: Host, tmp_path: Path) -> None:
    assert host.deploy(host.told("d-0", says(tmp_path / "said", "v1")), IN_PLACE).exit == 0
    for number in range(1, 8):
        assert host.deploy(restart(host, f"d-{number}"), EVENTS).exit == 0
    kept = {path.name for path in host.folder("d-0").parent.iterdir()}
    assert "d-0" in kept and len(kept) <= 6
