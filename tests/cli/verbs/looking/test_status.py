"""`stepdeploy status`: every group's hosts and revisions, and what is deployed now."""

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from cli.__main__ import main
from functions.core.new_deployment import summary
from functions.core.records import Counts, Deployment, Host
from functions.core.statuses import DeploymentStatus, TargetStatus
from functions.core.text.shapes import to_plain
from functions.store.keys import host_key
from tests.cli.conftest import launched
from tests.conftest import put_group, put_item, revision, stand_in
from tests.fakes.run_command import FakeRunCommand
from tests.served import Served
from tests.unit.api.test_deployments import put, record

Captured = pytest.CaptureFixture[str]
DAY = "2026-11-23T"


@pytest.fixture
def hosts(engine: Served) -> Iterator[list[str]]:
    """Five hosts of shop/web: three on the last good revision, one that a later deployment changed, one on which that
    one failed; and a sixth that is gone. The group's next deployment runs."""
    stand_in("ssm", FakeRunCommand())
    ids = sorted(launched(*["web-1"] * 5))
    good = deployed(1, "a" * 40, DeploymentStatus.SUCCEEDED)
    bad = deployed(2, "b" * 40, DeploymentStatus.STOPPED)
    running = deployed(3, "c" * 40, DeploymentStatus.IN_PROGRESS)
    record(replace(running, counts=Counts(total=5, succeeded=2)))
    put_group(last_successful=summary(good), last_attempted=summary(bad))
    for number, each in enumerate([*ids, "i-gone"]):
        one, status = (bad if number in (3, 4) else good), TargetStatus.SUCCEEDED
        if number == 4:
            status = TargetStatus.FAILED
        since = f"{DAY}0{1 if one is good else 2}:00:00.000Z"
        host = Host(target_id=each, deployment_id=one.deployment_id, status=status, since=since)
        put_item({**host_key("uuid-of-web", each).item, **to_plain(host)})
    yield ids


def deployed(number: int, commit: str, status: DeploymentStatus) -> Deployment:
    one = put(number, status=status)
    ended = f"{DAY}0{number}:30:00.000Z" if status.is_final else None
    pinned = revision(f"v{number}", version="v", etag="e")
    return record(replace(one, revision=pinned, metadata={"commit": commit}, complete_time=ended, requested_by="ann"))


def test_a_line_for_each_group_says_what_its_hosts_run_and_what_is_deployed(hosts: list[str], capsys: Captured) -> None:
    assert main(["status"]) == 0
    head, line = capsys.readouterr().out.splitlines()
    assert head.split() == ["GROUP", "STATE", "REVISION", "HOSTS", "SINCE", "(UTC)", "BY", "NOW"]
    group, state, name, on, _since, by, now = [cell.strip() for cell in line.split("  ") if cell.strip()]
    assert (group, state, name, by) == ("shop/web", "failed", "aaaaaaa", "ann")
    assert on == "3 of 5, 1 on bbbbbbb, 1 failed (web-1)"
    assert now == "d-000000003 InProgress 2/5"


@pytest.mark.parametrize("name", ["shop", "shop/web"])
def test_json_is_one_object_of_the_groups_that_are_asked_for(name: str, hosts: list[str], capsys: Captured) -> None:
    assert main(["status", name, "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)["groups"]
    assert (told["hosts"], told["current"], told["running"]) == (5, 3, ["d-000000003"])
    assert told["fleetNow"] == "3 on aaaaaaa, 1 on bbbbbbb, 1 failed (web-1)"


def test_hosts_calls_what_a_later_deployment_brought_newer_and_hides_who_is_gone(
    hosts: list[str], capsys: Captured
) -> None:
    assert main(["hosts", "shop/web"]) == 0
    out, err = capsys.readouterr()
    assert [line.split()[2] for line in out.splitlines()[1:6]] == ["current"] * 3 + ["newer", "failed"]
    assert "i-gone" not in out and err == "1 gone host left out: --gone lists those, too\n"
    assert main(["hosts", "shop/web", "--gone"]) == 0
    assert "i-gone" in capsys.readouterr().out


def test_show_says_what_the_fleet_is_now(hosts: list[str], capsys: Captured) -> None:
    assert main(["show", "d-000000002"]) == 0
    line = "  fleet now    3 on aaaaaaa, 1 on bbbbbbb, 1 failed (web-1)"
    assert line in capsys.readouterr().out.splitlines()


def test_without_groups_there_is_nothing_to_say(served: Served, capsys: Captured) -> None:
    assert main(["status"]) == 0
    assert capsys.readouterr() == ("", "no deployment groups\n")
