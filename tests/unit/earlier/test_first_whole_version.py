"""What the first whole version wrote, read by this one: records, changes of the table's stream, events, and what its
executions call functions with. The file beside this one is what its functions made of two deployments.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from functions.aws.clients import client
from functions.aws.sqs import received
from functions.core.records import Application, Deployment, Group, Target
from functions.core.statuses import DeploymentStatus, LifecycleEventStatus, TargetStatus
from functions.engine.chat.outcomes import outcome_of
from functions.handlers import bake, finish, prepare, publish, run_segment, trigger
from functions.store.reading import record
from functions.store.records import deployments, groups, lock, targets
from functions.store.table.values import Item
from tests.conftest import LambdaContext, put_items
from tests.fakes.run_command import FakeRunCommand
from tests.fakes.step_functions import FakeStepFunctions
from tests.store import Store
from tests.unit.handlers.test_publish import NONE_AGAIN, Engine
from tests.unit.news import queued
from tests.unit.two_targets import EVENTS, World

WRITTEN: dict[str, Any] = json.loads(Path(__file__).with_name("first_whole_version.json").read_text())
FIRST, SECOND = "d-000000001", "d-000000002"
KINDS: dict[str, type] = {"APPLICATION": Application, "GROUP": Group, "DEPLOYMENT": Deployment, "TARGET": Target}


class Earlier(World):
    """The engine after an update, in the middle of a deployment."""

    def __init__(self, store: Store, ssm: FakeRunCommand, tokens: FakeStepFunctions, context: LambdaContext) -> None:
        self.store, self.ssm, self.tokens, self.context = store, ssm, tokens, context
        put_items(WRITTEN["running"])
        ssm.sent.append({})  # by that version
        ssm.invocations["c-0"] = {"CommandId": "c-0", "InstanceId": "i-0", "Comment": "", "Status": "InProgress"}

    def run(self, token: str, target: str = "i-0", *, minutes: float = 0) -> None:
        """As its state machine does."""
        event = {"deployment_id": FIRST, "target_id": target, "segment": 0, "task_token": token}
        run_segment.handler(event, self.context)

    def ends(self, command_id: str, target: str) -> None:
        """Its host has the earlier version's document and runner, whose line has no exit code, and no step Start."""
        said = {"stepdeploy": 1, "status": "Succeeded", "error_code": "Success", "cause": None, "script_name": ""}
        plugins = [
            {"Name": each, "Status": "Success", "StatusDetails": "Success", "Output": json.dumps(
                {**said, "event": each, "message": "Succeeded", "log_tail": ""})}
            for each in EVENTS
        ]  # fmt: skip
        self.ssm.end(command_id, "Success", plugins=plugins)
        self.report(command_id, target)


@pytest.fixture
def earlier(store: Store, services: None, context: LambdaContext, executing: None) -> Earlier:
    return Earlier(store, client("ssm"), client("stepfunctions"), context)


@pytest.mark.parametrize(
    "item", [*WRITTEN["running"], *WRITTEN["ended"]], ids=lambda item: f"{item['pk']} {item['sk']}"
)
def test_every_record_is_read(item: Item) -> None:
    kind = KINDS.get(item["sk"].partition("#")[0])
    if kind and item["pk"] != "APPLICATIONS":
        assert record(kind, item)


def test_a_deployment_that_it_began_goes_on_to_its_end(earlier: Earlier) -> None:
    assert lock.holder("shop/web") == FIRST and targets.command("c-0", "i-0") == (FIRST, 0)
    earlier.ends("c-0", "i-0")
    assert earlier.tokens.told == {"t-1": {"status": "Succeeded"}}
    assert {each.status for each in earlier.target().events} == {LifecycleEventStatus.SUCCEEDED}
    earlier.done("i-0")
    earlier.run("t-2", "i-1")
    assert earlier.ssm.sent[1]["Parameters"]["Instructions"]
    earlier.ssm.answer("c-1", EVENTS)
    earlier.report("c-1", "i-1")
    earlier.done("i-1")
    bake.handler({"deployment_id": FIRST, "stage": 0, "task_token": "t-b"}, earlier.context)
    ended = finish.handler({"deployment_id": FIRST}, earlier.context)
    assert (ended["deployment_id"], ended["status"]) == (FIRST, "Succeeded")
    assert {each.status for each in targets.of(FIRST)} == {TargetStatus.SUCCEEDED}
    group = groups.get("shop", "web")
    assert group and group.last_successful and group.last_successful.deployment_id == FIRST
    assert lock.holder("shop/web") == SECOND, "who waited has its turn"
    assert (found := deployments.get(SECOND)) and found.status is DeploymentStatus.CREATED


def test_what_its_execution_reads_of_prepare_is_there(earlier: Earlier) -> None:
    """A deployment that was decided before: what counts is the answer's form."""
    assert prepare.handler({"deployment_id": FIRST}, earlier.context).keys() >= {"deployment_id", "proceed", "stages"}


def test_the_changes_that_wait_in_the_stream_are_announced_as_it_would_have(
    earlier: Earlier, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_items(WRITTEN["ended"])
    engine = Engine(monkeypatch)
    assert publish.handler(WRITTEN["stream"], earlier.context) == NONE_AGAIN
    told = engine.events.read()
    assert sorted(map(_said, told)) == sorted(map(_said, WRITTEN["events"])) and len(told) == 4


def _said(event: dict[str, Any]) -> tuple[str, str, str]:
    detail = event["detail"]
    return event["detail-type"], detail.get("instanceId", detail["deploymentId"]), detail["state"]


def test_the_events_that_wait_for_slack_are_told(earlier: Earlier) -> None:
    put_items(WRITTEN["ended"])
    of_deployments = [each for each in WRITTEN["events"] if "instanceId" not in each["detail"]]
    told = [outcome_of(each) for each in received(queued(*of_deployments))]
    assert {(each.deployment.deployment_id, each.state) for each in told} == {(FIRST, "SUCCESS"), (SECOND, "START")}


def test_the_messages_that_wait_for_sns_are_sent(earlier: Earlier, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(monkeypatch)
    body = {"topic_arn": engine.topic, "subject": "s", "message": "m"}
    assert trigger.handler(queued(body), earlier.context) == NONE_AGAIN
    assert [each["Message"] for each in engine.messages.read()] == ["m"]
