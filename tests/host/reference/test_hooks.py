"""The rules of hooks in an AppSpec (E.6)."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from host.appspec import Hook
from host.grammar import parse
from host.lifecycle import LifecycleEvent
from tests.host.conftest import Host, appspec, revision, script
from tests.host.reference.rules import case, rule
from tests.host.test_appspec import HEAD


def hooks_of(text: str) -> Sequence[Hook]:
    return parse(f"{HEAD}hooks: {{BeforeInstall: [{text}]}}").hooks[LifecycleEvent.BEFORE_INSTALL]


@pytest.mark.parametrize(
    ("text", "hook"),
    [
        case("E.6 timeout: default", "{location: a}", Hook("a", timeout=3600)),
        case("E.6 timeout: null", "{location: a, timeout: }", Hook("a", timeout=3600)),
        case("E.6 timeout: text", "{location: a, timeout: '60'}", Hook("a", timeout=60)),
        case("E.6 timeout: an integer is made of it", "{location: a, timeout: 1.9}", Hook("a", timeout=1)),
        case("E.6 timeout: differs, not octal", "{location: a, timeout: 010}", Hook("a", timeout=10)),
        case("E.6 runas: default", "{location: a}", Hook("a", runas=None)),
        case("E.6 runas: a user", "{location: a, runas: www-data}", Hook("a", runas="www-data")),
        case("E.6 sudo: default", "{location: a}", Hook("a", sudo=False)),
        case("E.6 sudo: true", "{location: a, sudo: true}", Hook("a", sudo=True)),
    ],
)
def test_keys_of_a_hook(text: str, hook: Hook) -> None:
    assert hooks_of(text) == (hook,)


@rule("E.6 sum of timeouts: the hour and no more")
def test_timeouts_may_add_up_to_an_hour() -> None:
    assert len(hooks_of("{location: a, timeout: 1800}, {location: b, timeout: 1800}, {location: c}")) == 3


@rule("E.6 location: relative to the revision's root")
@pytest.mark.parametrize("location", ["bin/say.sh", "/bin/say.sh", "./bin/say.sh"])
def test_a_location_is_below_the_revision(host: Host, location: str) -> None:
    files = {"appspec.yml": appspec(hooks={"BeforeInstall": [{"location": location}]}), "bin/say.sh": script("exit 3")}
    step = host.deploy(host.told("d-1", revision(files)))
    assert (step.error_code, step.script_name) == ("ScriptFailed", location)


@rule("E.6 scripts in order: the first failure ends the event")
def test_scripts_run_one_after_the_other_up_to_the_first_failure(host: Host, tmp_path: Path) -> None:
    said = tmp_path / "said"
    spec = appspec(hooks={"BeforeInstall": [{"location": f"{name}.sh"} for name in "abc"]})
    files = {
        f"{name}.sh": script(f"echo {name} >>{said}", f"exit {end}") for name, end in (("a", 0), ("b", 5), ("c", 0))
    }
    step = host.deploy(host.told("d-1", revision({"appspec.yml": spec, **files})))
    assert (step.script_name, said.read_text().split()) == ("b.sh", ["a", "b"])


@rule("E.6 one location is one path: no arguments")
def test_a_location_with_a_space_is_one_path(host: Host) -> None:
    spec = appspec(hooks={"BeforeInstall": [{"location": "say.sh hello"}]})
    files = {"appspec.yml": spec, "say.sh": script("exit 3")}
    assert host.deploy(host.told("d-1", revision(files))).error_code == "ScriptMissing"
    files["say.sh hello"] = script("exit 4")
    assert host.deploy(host.told("d-2", revision(files))).message.endswith("exit code 4")
