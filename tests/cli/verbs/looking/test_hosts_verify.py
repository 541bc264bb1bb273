"""`stepdeploy hosts --verify`: every host is asked, and what it says is told with its exit status."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from cli.__main__ import main
from cli.account import verification
from tests.cli.verbs.looking import test_hosts
from tests.cli.verbs.looking.test_hosts import Captured
from tests.fakes.run_command import FakeRunCommand

fleet = test_hosts.fleet
NONE = {"changed": 0, "missing": 0, "added": 0, "permissions": 0, "byScripts": 0}
ALL = ("ApplicationStop", "DownloadBundle", "Install", "ValidateService")


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "_PAUSES", (0.0,))


def says(**changes: Any) -> dict[str, Any]:
    told = {"event": "Verify", "group": "uuid-of-web", "deployment": "d-000000001", "installed": "d-000000001"}
    whole = {"isWhole": True, "isBusy": False, "counts": NONE, "paths": [], "events": dict.fromkeys(ALL, "Succeeded")}
    return {**told, **whole, **changes}


def answering(monkeypatch: pytest.MonkeyPatch, told: dict[str, dict[str, Any]]) -> None:
    """Each host says this as soon as it is asked."""
    send = FakeRunCommand.on_send_command

    def at_once(self: FakeRunCommand, **request: Any) -> dict[str, Any]:
        answer = send(self, **request)
        for key, each in self.invocations.items():
            if each["InstanceId"] in told:
                output = json.dumps(told[each["InstanceId"]])
                self.end(key, "Success", plugins=[{"Name": "Verify", "Output": output}])
        return answer

    monkeypatch.setattr(FakeRunCommand, "on_send_command", at_once)


def test_each_host_is_told_with_what_has_changed(
    fleet: Callable[..., list[str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: Captured,
) -> None:
    new, broken, silent, empty = fleet(4, 3)
    drift = {"counts": {**NONE, "missing": 1}, "paths": [["missing", "/srv/a"]]}
    answering(monkeypatch, {new: says(counts={**NONE, "added": 2}), broken: says(**drift)})
    monkeypatch.setattr(verification, "SECONDS", 0.05)
    assert main(["hosts", "shop/web", "--verify", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["deploymentId"] == "d-000000001"
    by_id = {each["hostId"]: each for each in told["hosts"]}
    states = {each: by_id[each]["state"] for each in (new, broken, silent, empty)}
    assert states == {new: "NEW", broken: "BROKEN", silent: "UNKNOWN", empty: "UNTOUCHED"}
    assert by_id[broken]["paths"] == [{"change": "missing", "path": "/srv/a"}]
    assert by_id[silent]["reason"] == "no answer from it in time"
    assert main(["hosts", "shop/web", "--verify"]) == 1
    out = capsys.readouterr().out
    assert out.startswith("after d-000000001:\n") and "2 files added since" in out
    assert "1 missing since d-000000001 was installed" in out and ": missing: /srv/a" in out
    assert "4 hosts: 1 untouched, 1 new, 1 broken, 1 unknown" in out


def test_hosts_that_stand_as_they_should_are_exit_status_0(
    fleet: Callable[..., list[str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: Captured,
) -> None:
    ids = fleet(2, 2)
    answering(monkeypatch, dict.fromkeys(ids, says()))
    assert main(["hosts", "shop/web", "--verify"]) == 0
    assert "2 hosts: 2 new" in capsys.readouterr().out
