"""RunSegment, command_status and TargetDone: a target's way, where all can come twice, late or not at all."""

from dataclasses import replace
from typing import Any

import boto3
import pytest

from functions.aws import clients, run_command
from functions.aws import table as table_module
from functions.aws.table import Table
from functions.core import stops
from functions.core.causes import Cause
from functions.core.creation import new_deployment
from functions.core.gate import Counters
from functions.core.records import Deployment, Target
from functions.core.segments import IN_PLACE
from functions.core.statuses import DeploymentStatus, LifecycleEventStatus, TargetStatus
from functions.handlers import command_status, run_segment, target_done
from tests.conftest import LambdaContext, pending, put_group, revision
from tests.fakes import FakeRunCommand, FakeTokens, refusal

NOW = "2026-11-23T10:00:00.000Z"
EVENTS = tuple(event.value for event in IN_PLACE)


class World:
    """A deployment of two targets, of which one may be out of service, with hosts and waiting states to play with."""

    def __init__(self, table: Table, ssm: FakeRunCommand, tokens: FakeTokens, context: LambdaContext) -> None:
        self.table, self.ssm, self.tokens, self.context = table, ssm, tokens, context
        pinned = revision(version="v", sha256="0" * 64, size=9)
        one = new_deployment(put_group(), pinned, deployment_id="d-000000001", now=NOW, requested_by="me")
        table.create(one, None, queue=True)
        one = replace(one, counters=Counters(total=2, allowed=1))
        table.begin(one, pending(one, "i-0", "i-1"), NOW)

    def run(self, token: str, target: str = "i-0") -> None:
        event = {"deployment_id": "d-000000001", "target_id": target, "segment": 0, "task_token": token}
        run_segment.handler(event, self.context)

    def report(self, command: str = "c-0", target: str = "i-0") -> None:
        detail = {"command-id": command, "instance-id": target, "status": "Success"}
        command_status.handler({"detail": detail}, self.context)

    def done(self, target: str = "i-0", **fields: Any) -> None:
        event = {"deployment_id": "d-000000001", "target_id": target, "segment_result": {"status": "Succeeded"}}
        target_done.handler({**event, **fields}, self.context)

    def target(self, target: str = "i-0") -> Target:
        found = self.table.target("d-000000001", target)
        assert found
        return found

    @property
    def deployment(self) -> Deployment:
        found = self.table.deployment("d-000000001")
        assert found
        return found


@pytest.fixture
def world(table: Table, context: LambdaContext, executing: None, monkeypatch: pytest.MonkeyPatch) -> World:
    fakes = {"ssm": FakeRunCommand(), "stepfunctions": FakeTokens()}
    real = clients.client
    for module in (run_command, table_module):
        monkeypatch.setattr(module, "client", lambda service: fakes.get(service) or real(service))
    for name in ("functions.aws.targets", "functions.aws.tokens", "functions.aws.revisions"):
        monkeypatch.setattr(f"{name}.client", lambda service: fakes.get(service) or real(service))
    boto3.client("s3").create_bucket(Bucket="assets")
    return World(table, fakes["ssm"], fakes["stepfunctions"], context)  # type: ignore[arg-type]


def test_the_command_is_sent_once_and_its_end_wakes_the_state(world: World) -> None:
    world.run("t-1")
    assert len(world.ssm.sent) == 1 and world.tokens.told == {}
    assert world.target().status is TargetStatus.IN_PROGRESS
    world.ssm.answer("c-0", EVENTS)
    world.report()
    assert world.tokens.told == {"t-1": {"status": "Succeeded"}}
    assert {event.status for event in world.target().events} == {LifecycleEventStatus.SUCCEEDED}


def test_a_failed_script_is_recorded_with_its_cause(world: World) -> None:
    world.run("t-1")
    world.ssm.answer("c-0", EVENTS[:5], "Failed")
    world.report()
    assert world.tokens.told == {"t-1": {"status": "Failed"}}
    failure = world.target().failure
    assert failure and failure.cause is Cause.SCRIPT and failure.event == "AfterInstall"


def test_a_repeated_event_changes_nothing(world: World) -> None:
    world.run("t-1")
    world.ssm.answer("c-0", EVENTS)
    world.report()
    first = world.target()
    world.report()
    assert replace(world.target(), last_updated_at="") == replace(first, last_updated_at="")


def test_an_event_that_comes_before_the_command_is_on_record_is_made_up_for(world: World) -> None:
    """The function looks once after it has stored the command."""
    send = world.ssm.send_command

    def send_and_end(**request: Any) -> dict[str, Any]:
        answer = send(**request)
        world.ssm.answer("c-0", EVENTS)
        world.report()  # nobody knows this command yet
        return answer

    world.ssm.send_command = send_and_end  # type: ignore[method-assign]
    world.run("t-1")
    assert world.tokens.told == {"t-1": {"status": "Succeeded"}}


def test_a_lost_event_is_made_up_for_by_the_next_reconcile(world: World) -> None:
    world.run("t-1")
    world.ssm.answer("c-0", EVENTS)
    world.run("t-2")
    assert world.tokens.told["t-2"] == {"status": "Succeeded"} and len(world.ssm.sent) == 1


def test_an_event_after_a_reconcile_wakes_the_newest_token(world: World) -> None:
    world.run("t-1")
    world.run("t-2")
    world.ssm.answer("c-0", EVENTS)
    world.report()
    assert world.tokens.told == {"t-2": {"status": "Succeeded"}} and len(world.ssm.sent) == 1


def test_a_function_killed_after_sending_finds_its_command_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Invariant 4: nothing is sent twice."""
    with monkeypatch.context() as killed:
        killed.setattr(Table, "store_command", boom)
        with pytest.raises(RuntimeError, match="killed"):
            world.run("t-1")
    world.run("t-2")
    world.ssm.answer("c-0", EVENTS)
    world.report()
    assert len(world.ssm.sent) == 1 and world.tokens.told == {"t-2": {"status": "Succeeded"}}


def boom(*arguments: Any, **named: Any) -> None:
    raise RuntimeError("killed")


def test_the_second_target_waits_until_the_first_is_done(world: World) -> None:
    """Invariant 1."""
    world.run("t-1")
    world.run("t-2", "i-1")
    assert world.tokens.told == {"t-2": {"status": "Wait"}} and len(world.ssm.sent) == 1
    world.ssm.answer("c-0", EVENTS)
    world.report()
    world.done()
    world.run("t-3", "i-1")
    assert len(world.ssm.sent) == 2


def test_after_too_many_failures_the_rest_is_skipped(world: World) -> None:
    world.run("t-1")
    world.ssm.answer("c-0", EVENTS[:1], "Failed")
    world.report()
    world.done(segment_result={"status": "Failed"})
    world.run("t-2", "i-1")
    assert world.tokens.told["t-2"] == {"status": "Skipped"}
    world.done("i-1", segment_result={"status": "Skipped"})
    assert world.deployment.counters == Counters(total=2, allowed=1, out=1, failed=1, skipped=1, started=1)


def test_a_stopping_deployment_starts_no_target(world: World) -> None:
    world.table.mark_stop("d-000000001", stops.by_person("me", NOW))
    world.run("t-1")
    assert world.tokens.told == {"t-1": {"status": "Skipped"}} and not world.ssm.sent


def test_a_command_sent_while_an_alarm_stops_the_deployment_is_cancelled(world: World) -> None:
    send = world.ssm.send_command

    def send_while_stopping(**request: Any) -> dict[str, Any]:
        world.table.mark_stop("d-000000001", stops.by_alarms(["errors"], NOW))
        return send(**request)

    world.ssm.send_command = send_while_stopping  # type: ignore[method-assign]
    world.run("t-1")
    assert world.ssm.cancelled == ["c-0"]


@pytest.mark.parametrize(
    ("code", "cause"),
    [("InvalidInstanceId", Cause.UNREACHABLE), ("AccessDeniedException", Cause.DENIED)],
)
def test_a_host_that_takes_no_command_fails_at_once(world: World, code: str, cause: Cause) -> None:
    world.ssm.refuses = refusal(code)
    world.run("t-1")
    assert world.tokens.told == {"t-1": {"status": "Failed"}}
    failure = world.target().failure
    assert failure and failure.cause is cause


def test_a_throttled_send_is_left_to_the_state_machines_retry(world: World) -> None:
    world.ssm.refuses = refusal("ThrottlingException")
    with pytest.raises(Exception, match="ThrottlingException"):
        world.run("t-1")
    world.ssm.refuses = None
    world.run("t-2")
    assert len(world.ssm.sent) == 1


@pytest.mark.parametrize("ping", ["ConnectionLost", "Inactive", ""])  # "": terminated, SSM knows it no more
def test_a_host_that_went_away_during_its_command_fails_as_unreachable(world: World, ping: str) -> None:
    world.run("t-1")
    world.ssm.ping["i-0"] = ping
    world.run("t-2")
    assert world.tokens.told["t-2"] == {"status": "Failed"} and world.ssm.cancelled == ["c-0"]
    failure = world.target().failure
    assert failure and failure.cause is Cause.UNREACHABLE


@pytest.mark.parametrize("code", ["InvalidInstanceId", "InvalidCommandId"])
def test_a_command_that_ssm_knows_no_more_needs_no_cancelling(world: World, code: str) -> None:
    world.run("t-1")
    world.ssm.ping["i-0"] = ""
    world.ssm.cannot_cancel = refusal(code, "CancelCommand")
    world.run("t-2")
    assert world.tokens.told["t-2"] == {"status": "Failed"}


def test_an_engine_error_fails_the_target_and_cancels_its_command(world: World) -> None:
    world.run("t-1")
    world.done(error={"Error": "Lambda.Unknown", "Cause": "out of memory"}, segment_result=None)
    target = world.target()
    assert target.status is TargetStatus.FAILED and target.failure and target.failure.cause is Cause.ENGINE
    assert world.ssm.cancelled == ["c-0"] and world.deployment.status is DeploymentStatus.IN_PROGRESS


def test_what_the_host_has_done_counts_though_the_engine_stumbled_over_saying_so(world: World) -> None:
    world.run("t-1")
    world.ssm.answer("c-0", EVENTS)
    world.report()
    world.done(error={"Error": "Lambda.Unknown", "Cause": "out of memory"}, segment_result=None)
    assert world.target().status is TargetStatus.SUCCEEDED and world.target().failure is None


def test_a_target_ends_once(world: World) -> None:
    world.run("t-1")
    world.done()
    world.done(segment_result={"status": "Failed"})
    assert world.target().status is TargetStatus.SUCCEEDED
    assert world.deployment.counters == Counters(total=2, allowed=1, succeeded=1, started=1)
