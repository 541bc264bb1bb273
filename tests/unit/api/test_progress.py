"""Targets that run now: their events as SSM has them, wherever targets are told with events."""

import io
import json
import threading
from dataclasses import replace
from typing import Any

import pytest

from functions.core.records import SegmentRun, Target
from functions.core.rollout.command_result import pending_events
from functions.core.statuses import TargetStatus
from functions.core.text.shapes import to_plain
from functions.engine.running import progress
from functions.store.keys import target_key
from tests.conftest import all_items, put_item, stand_in
from tests.fakes.service import refusal
from tests.unit.api.conftest import Api
from tests.unit.two_targets import EVENTS, World

ID = "d-000000001"


def events(api: Api, target_id: str = "i-0") -> list[str]:
    """The statuses of a target's events, which all operations tell alike."""
    asked = {"deploymentId": ID}
    told = [
        api("GetDeploymentTarget", **asked, targetId=target_id)["deploymentTarget"]["instanceTarget"],
        api("BatchGetDeploymentTargets", **asked, targetIds=[target_id])["deploymentTargets"][0]["instanceTarget"],
        api("GetDeploymentInstance", **asked, instanceId=target_id)["instanceSummary"],
        api("BatchGetDeploymentInstances", **asked, instanceIds=[target_id])["instancesSummary"][0],
    ]
    assert all(each["lifecycleEvents"] == told[0]["lifecycleEvents"] for each in told)
    return [event["status"] for event in told[0]["lifecycleEvents"]]


def put_running(number: int) -> str:
    """A target whose command was sent."""
    target_id = f"i-{number + 10}"
    run = SegmentRun(command_id=f"c-{number + 10}", task_token="t")
    target = Target(
        deployment_id=ID,
        target_id=target_id,
        status=TargetStatus.IN_PROGRESS,
        events=pending_events(),
        segments={"0": run},
    )
    put_item({**target_key(ID, target_id).item, **to_plain(target)})
    return target_id


def test_a_running_target_is_told_event_by_event(api: Api, world: World) -> None:
    world.run("t-1")
    assert events(api) == ["InProgress", *["Pending"] * 6]
    world.ssm.answer("c-0", EVENTS[:3], "InProgress")
    assert events(api) == [*["Succeeded"] * 3, "InProgress", *["Pending"] * 3]
    assert world.target().events == ()  # nothing is written


def test_reading_writes_nothing(api: Api, world: World) -> None:
    world.run("t-1")
    world.ssm.answer("c-0", EVENTS[:3], "InProgress")
    before = all_items()
    events(api)
    assert all_items() == before


def test_a_command_that_has_ended_shows_so_before_its_event_arrives_and_after(api: Api, world: World) -> None:
    world.run("t-1")
    world.ssm.answer("c-0", EVENTS)
    assert events(api) == ["Succeeded"] * 7
    world.report()
    asked = world.ssm.lists
    assert events(api) == ["Succeeded"] * 7
    assert world.ssm.lists == asked  # the record knows


def test_one_target_is_one_call_and_those_that_do_not_run_are_none(api: Api, world: World) -> None:
    world.run("t-1")
    before = world.ssm.lists
    api("GetDeploymentTarget", deploymentId=ID, targetId="i-0")
    assert world.ssm.lists == before + 1
    api("BatchGetDeploymentTargets", deploymentId=ID, targetIds=["i-1", "i-0", "i-1"])
    assert world.ssm.lists == before + 2
    api("GetDeploymentTarget", deploymentId=ID, targetId="i-1")
    api("ListDeploymentTargets", deploymentId=ID)
    assert world.ssm.lists == before + 2


def test_a_target_that_was_let_go_but_has_no_command_is_told_from_the_record(api: Api, world: World) -> None:
    target_id = put_running(0)
    bare = replace(world.target(target_id), segments={})
    put_item({**target_key(ID, target_id).item, **to_plain(bare)})
    assert events(api, target_id) == ["Pending"] * 7
    assert world.ssm.lists == 0


@pytest.mark.parametrize("code", ["ThrottlingException", "AccessDeniedException", "InternalServerError"])
def test_when_ssm_refuses_the_record_is_told_and_the_log_says_so(
    api: Api,
    world: World,
    logged: io.StringIO,
    code: str,
) -> None:
    target_id = put_running(0)
    world.ssm.cannot_list = refusal(code, "ListCommandInvocations")
    assert events(api, target_id) == ["Pending"] * 7
    line = json.loads(logged.getvalue().splitlines()[0])
    assert (line["level"], line["target_ids"]) == ("WARNING", [target_id]) and code in line["errors"][0]


def test_a_command_that_ssm_has_forgotten_leaves_the_record(api: Api, world: World) -> None:
    assert events(api, put_running(0)) == ["Pending"] * 7


class Crowd:
    """An SSM that answers so many calls together, and none before."""

    def __init__(self, calls: int) -> None:
        self.at_once = threading.Barrier(calls)
        self.most = 0
        self._now = 0
        self._lock = threading.Lock()

    def list_command_invocations(self, **request: Any) -> dict[str, Any]:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        self.at_once.wait(timeout=300)
        with self._lock:
            self._now -= 1
        plugin = {"Name": "ApplicationStop", "Status": "InProgress"}
        return {"CommandInvocations": [{"Status": "InProgress", "CommandPlugins": [plugin]}]}


def test_a_batch_is_asked_for_four_at_a_time(api: Api, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [put_running(number) for number in range(24)]
    crowd = stand_in("ssm", Crowd(4))
    told = api("BatchGetDeploymentTargets", deploymentId=ID, targetIds=ids)["deploymentTargets"]
    assert crowd.most == 4
    assert [each["instanceTarget"]["targetId"] for each in told] == ids
    assert {each["instanceTarget"]["lifecycleEvents"][0]["status"] for each in told} == {"InProgress"}


def test_a_reader_does_not_wait_for_an_ssm_that_hangs(
    api: Api,
    world: World,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hang = threading.Event()

    class Hanging:
        def list_command_invocations(self, **request: Any) -> dict[str, Any]:
            hang.wait(timeout=300)
            return {"CommandInvocations": []}

    ids = [put_running(number) for number in range(8)]
    stand_in("ssm", Hanging())
    monkeypatch.setattr(progress, "_SECONDS", 0.1)
    told = api("BatchGetDeploymentTargets", deploymentId=ID, targetIds=ids)["deploymentTargets"]
    assert not hang.is_set()
    hang.set()
    assert {event["status"] for each in told for event in each["instanceTarget"]["lifecycleEvents"]} == {"Pending"}
