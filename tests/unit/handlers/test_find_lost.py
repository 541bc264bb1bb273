"""find_lost, and Stop: deployments whose event never came go on, or end."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from functions.aws import executions
from functions.aws.clients import client
from functions.aws.clock import timestamp
from functions.aws.fleet import ssm
from functions.core.errors import Conflict
from functions.core.new_deployment import new_deployment
from functions.core.records import Alarms, Counts, Deployment, GroupSettings, SegmentRun
from functions.core.rollout import stop_mark
from functions.core.statuses import AutoRollbackEvent, DeploymentErrorCode, DeploymentStatus, TargetStatus
from functions.engine.ending import stop as engine_stop
from functions.handlers import find_lost, finish, rollback, stop
from functions.store.keys import deployment_indexes, deployment_key
from functions.store.records import deployments, groups, lock, places, revisions, targets
from tests.conftest import ENVIRONMENT, LambdaContext, pending, put_group, put_item, revision
from tests.fakes.service import refusal
from tests.rollout import begin, begin_target, end_target, hold
from tests.store import Store
from tests.unit.handlers.test_prepare import alarm

LONG_AGO = "2026-11-23T10:00:00.000Z"


@dataclass
class World:
    store: Store
    machine: str
    context: LambdaContext
    cancelled: list[str]

    def create(self, number: int = 1, at: str = LONG_AGO, **settings: Any) -> Deployment:
        group = groups.get("shop", "web") or put_group(settings=GroupSettings(**settings))
        one = new_deployment(group, revision(f"v{number}"), deployment_id=f"d-{number:09}", now=at, requested_by="me")
        lock.create(one, None, queue=True)
        return self.read(number)

    def begin(self, number: int = 1, at: str = LONG_AGO, **settings: Any) -> Deployment:
        """With an execution, and a command in flight on one of two hosts."""
        one = self.create(number, at, **settings)
        executions.start(one.deployment_id)
        one = replace(one, counts=Counts(total=2, max_out_of_service=1))
        assert begin(one, pending(one, "i-1", "i-2"), at)
        first, _ = targets.of(one.deployment_id)
        begin_target(first, at)
        targets.store_command(first, 0, "c-1", SegmentRun(command_id="c-1"), expires_at=1)
        return self.read(number)

    def succeed(self, number: int = 1, **settings: Any) -> Deployment:
        """A good one, whose revision is in use."""
        one = self.begin(number, **settings)
        first, second = targets.of(one.deployment_id)
        end_target(first, TargetStatus.SUCCEEDED, LONG_AGO)
        begin_target(second, LONG_AGO)
        _, second = targets.of(one.deployment_id)
        end_target(second, TargetStatus.SUCCEEDED, LONG_AGO)
        revisions.used("shop", "web", one.revision, one.deployment_id, LONG_AGO)
        finish.handler({"deployment_id": one.deployment_id}, self.context)
        return self.read(number)

    def read(self, number: int = 1) -> Deployment:
        found = deployments.get(f"d-{number:09}")
        assert found
        return found

    def arn(self, number: int = 1) -> str:
        return f"{self.machine.replace(':stateMachine:', ':execution:')}:d-{number:09}"

    def abort(self, number: int = 1) -> None:
        client("stepfunctions").stop_execution(executionArn=self.arn(number))

    def executions(self) -> list[str]:
        found = client("stepfunctions").list_executions(stateMachineArn=self.machine)["executions"]
        return sorted(each["name"] for each in found)

    def find(self) -> None:
        find_lost.handler({}, self.context)

    def assert_ended(self, number: int = 1, words: str = "The execution of the deployment ended ABORTED") -> None:
        """Invariant 3."""
        one = self.read(number)
        assert one.status is DeploymentStatus.FAILED and one.failure and words in one.failure.message
        statuses = [each.status for each in targets.of(one.deployment_id)]
        assert statuses == [TargetStatus.FAILED, TargetStatus.SKIPPED]
        assert self.cancelled == ["c-1"] and lock.holder("shop/web") is None


@pytest.fixture
def world(store: Store, services: None, context: LambdaContext, monkeypatch: pytest.MonkeyPatch) -> World:
    cancelled: list[str] = []
    monkeypatch.setattr(ssm, "cancel", lambda command_id, instance_id: cancelled.append(command_id))
    return World(store, ENVIRONMENT["STATE_MACHINE_ARN"], context, cancelled)


@pytest.fixture
def asked(world: World) -> Callable[[str], list[str]]:
    """What was asked of a service, by its operations."""
    world.store.operations.clear()
    return lambda service: client(service).operations


def test_a_deployment_whose_execution_was_aborted_unheard_is_ended(world: World) -> None:
    world.begin()
    world.find()
    assert world.read().status is DeploymentStatus.IN_PROGRESS, "it runs"
    world.abort()
    world.find()
    world.assert_ended()
    world.find()
    world.assert_ended()


def test_one_whose_execution_is_not_known_any_more_is_ended(world: World) -> None:
    world.begin(at=LONG_AGO)
    client("stepfunctions").forget()
    world.find()
    world.assert_ended(words="The execution of the deployment does not exist")


def test_one_that_has_just_begun_is_left_alone(world: World) -> None:
    world.begin(at=timestamp(datetime.now(UTC)))
    world.abort()
    world.find()
    assert world.read().status is DeploymentStatus.IN_PROGRESS, "its event may still come"


def test_a_created_deployment_that_nobody_launched_starts_once(world: World) -> None:
    world.create()
    world.find()
    world.find()
    assert world.executions() == ["d-000000001"] and world.read().status is DeploymentStatus.CREATED


@pytest.mark.parametrize("holder", [None, "ended"])
@pytest.mark.parametrize("waiting", [True, False])
def test_one_that_waits_for_nobody_has_its_turn(world: World, holder: str | None, waiting: bool) -> None:
    """A lock as no transaction leaves it: mended by hand, or out of a backup."""
    first = world.create(1)
    lock.close(replace(first, status=DeploymentStatus.FAILED, complete_time=LONG_AGO), None, None)
    put_item({"pk": "LOCK#shop/web", "sk": "LOCK", "holder": "d-000000001"})
    world.create(2)
    item = {"pk": "LOCK#shop/web", "sk": "LOCK"}
    put_item(item | ({"holder": "d-000000001"} if holder else {}) | ({"waiting": "d-000000002"} if waiting else {}))
    assert world.read(2).status is DeploymentStatus.QUEUED
    world.find()
    assert world.read(2).status is DeploymentStatus.CREATED and lock.holder("shop/web") == "d-000000002"
    world.find()
    assert world.executions() == ["d-000000002"]


def test_one_that_waits_for_a_running_deployment_goes_on_waiting(world: World) -> None:
    world.begin(1)
    world.create(2)
    world.find()
    assert world.read(2).status is DeploymentStatus.QUEUED and lock.holder("shop/web") == "d-000000001"


def test_an_alarm_whose_event_was_lost_stops_what_watches_it(world: World) -> None:
    alarm("errors", "OK")
    world.begin(alarms=Alarms(names=("errors", "unknown")))
    world.find()
    assert world.read().stop is None
    alarm("errors", "ALARM")
    world.find()
    mark = world.read().stop
    assert mark and mark.code is DeploymentErrorCode.ALARM_ACTIVE and world.cancelled == ["c-1"]
    world.find()
    assert world.cancelled == ["c-1"]


def test_one_that_cannot_be_ended_keeps_no_other_waiting(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Invariant 8."""
    world.begin()
    world.abort()
    other = new_deployment(put_group("other"), revision(), deployment_id="d-OTHER0000", now=LONG_AGO, requested_by="me")
    lock.create(other, None, queue=True)
    newer = replace(other, deployment_id="d-NEWER0000")
    item = {**deployment_key("d-NEWER0000").item, **deployment_indexes(newer), "status": "Created", "creator": "new"}
    put_item(item)
    find = executions.find

    def broken(deployment_id: str) -> executions.Execution | None:
        if deployment_id == "d-OTHER0000":
            raise refusal("ThrottlingException", "DescribeExecution")
        return find(deployment_id)

    monkeypatch.setattr(executions, "find", broken)
    with pytest.raises(Exception, match="ThrottlingException"):
        world.find()
    world.assert_ended()


def test_it_costs_few_requests_however_many_deployments_run(world: World, asked: Callable[[str], list[str]]) -> None:
    world.find()
    assert (world.store.operations, asked("stepfunctions"), asked("cloudwatch")) == (["Query"] * 7, [], [])
    alarm("errors", "OK")
    put_group("web", settings=GroupSettings(alarms=Alarms(names=("errors",))))
    for number in range(5):
        group = put_group(f"g{number}", settings=GroupSettings(alarms=Alarms(names=("errors",))))
        one = new_deployment(group, revision(), deployment_id=f"d-{number:09}", now=LONG_AGO, requested_by="me")
        lock.create(one, None, queue=True)
        executions.start(one.deployment_id)
    for made in (world.store, client("stepfunctions"), client("cloudwatch")):
        made.operations.clear()
    world.find()
    assert world.store.operations == ["Query"] * 7
    assert (asked("stepfunctions"), asked("cloudwatch")) == (["ListExecutions"], ["DescribeAlarms"])


# -- Stop looks itself


def test_stop_ends_a_deployment_whose_execution_is_over(world: World) -> None:
    world.begin()
    world.abort()
    assert stop.handler({"deployment_id": "d-000000001"}, world.context)["status"] == "Succeeded"
    one = world.read()
    assert one.status is DeploymentStatus.STOPPED and lock.holder("shop/web") is None
    assert world.cancelled == ["c-1"]


def test_stop_ends_a_deployment_that_never_started(world: World) -> None:
    world.create()
    assert stop.handler({"deployment_id": "d-000000001"}, world.context)["status"] == "Succeeded"
    assert world.read().status is DeploymentStatus.STOPPED


def test_stop_leaves_what_runs_or_may_just_start_to_its_execution(world: World) -> None:
    world.begin()
    assert stop.handler({"deployment_id": "d-000000001"}, world.context)["status"] == "Pending"
    other = new_deployment(
        put_group("other"), revision(), deployment_id="d-OTHER0000", now=timestamp(), requested_by=""
    )
    lock.create(other, None, queue=True)
    assert stop.handler({"deployment_id": "d-OTHER0000"}, world.context)["status"] == "Pending"


def test_a_stop_counts_although_nobody_can_look_at_the_execution(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(deployment_id: str) -> None:
        raise refusal("ThrottlingException", "DescribeExecution")

    world.begin()
    monkeypatch.setattr(executions, "find", broken)
    assert stop.handler({"deployment_id": "d-000000001"}, world.context)["status"] == "Pending"
    assert world.read().stop


def test_an_alarm_ends_a_deployment_whose_execution_is_over(world: World) -> None:
    world.begin(alarms=Alarms(names=("errors",)))
    world.abort()
    put_item({"pk": "ALARM#errors", "sk": "GROUP#shop/web"})
    alarm("errors", "ALARM")
    stop.handler({"detail": {"alarmName": "errors"}}, world.context)
    assert world.read().status is DeploymentStatus.STOPPED and lock.holder("shop/web") is None


def test_a_rollback_of_a_deployment_whose_execution_is_over_starts_at_once(world: World) -> None:
    good = world.begin(1, auto_rollback=frozenset(AutoRollbackEvent))
    group = groups.get("shop", "web")
    lock.close(replace(good, status=DeploymentStatus.SUCCEEDED, complete_time=LONG_AGO), group, None)
    world.begin(2)
    world.abort(2)
    rollback.handler({"application": "shop", "group": "web"}, world.context)
    one = world.read(2)
    assert one.status is DeploymentStatus.STOPPED and one.rollback
    assert lock.holder("shop/web") == one.rollback.rollback_deployment_id


def test_an_end_that_meets_a_new_stop_is_decided_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever ends it first read it without the mark; the next look ends it."""
    one = world.begin()
    world.abort()
    close, marked = lock.close, stop_mark.by_person("ann", LONG_AGO)

    def stopped_first(*arguments: Any, **named: Any) -> bool:
        monkeypatch.setattr(lock, "close", close)
        deployments.mark_stop(one.deployment_id, marked)
        return close(*arguments, **named)

    monkeypatch.setattr(lock, "close", stopped_first)
    with pytest.raises(Conflict):
        engine_stop.end_if_left(one)
    world.find()
    assert world.read().status is DeploymentStatus.STOPPED


@pytest.mark.parametrize("who", ["find_lost", "stop", "alarm"])
def test_whatever_ends_a_deployment_unheard_starts_its_rollback(world: World, who: str) -> None:
    good = world.succeed(alarms=Alarms(names=("errors",)), auto_rollback=tuple(AutoRollbackEvent))
    one = world.begin(2)
    world.abort(2)
    put_item({"pk": "ALARM#errors", "sk": "GROUP#shop/web"})
    if who == "find_lost":
        world.find()
    elif who == "stop":
        stop.handler({"deployment_id": one.deployment_id, "auto_rollback": True}, world.context)
    else:
        alarm("errors", "ALARM")
        stop.handler({"detail": {"alarmName": "errors"}}, world.context)
    told = world.read(2).rollback
    back = deployments.get(told.rollback_deployment_id or "") if told else None
    assert back and back.revision.key == good.revision.key
    assert lock.holder("shop/web") == back.deployment_id


def test_an_alarm_whose_event_was_lost_ends_a_bake(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    alarm("errors", "ALARM")
    one = world.begin(alarms=Alarms(names=("errors",)))
    hold(one.deployment_id, "t-1")
    world.find()
    assert client("stepfunctions").told == {"t-1": {"status": "Over"}}


def test_groups_that_are_deployed_to_are_measured_and_each_in_one_line(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of two hosts one is out of service; a second deployment waits."""
    world.begin(1, at=timestamp())
    world.create(2, at=timestamp())
    find_lost.handler({}, world.context)
    lines = [json.loads(each) for each in capsys.readouterr().out.splitlines() if "CloudWatchMetrics" in each]
    (line,) = [each for each in lines if "_aws" in each]
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert list(map(sorted, directive["Dimensions"])) == [["application", "group", "service"]]
    measured = {each["Name"]: line[each["Name"]] for each in directive["Metrics"]}
    assert measured == {"HealthyHosts": [1.0], "PromisedHosts": [1.0], "DeploymentsQueued": [1.0]}
    assert (line["application"], line["group"]) == ("shop", "web")


def test_groups_that_cannot_be_measured_keep_nothing_from_being_found(
    world: World, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def throttled(*_: object) -> None:
        raise refusal("ThrottlingException", "BatchGetItem")

    world.create(1)
    monkeypatch.setattr(places, "counted_all", throttled)
    find_lost.handler({}, world.context)
    assert caplog.messages == ["its execution was never started", "groups are not measured"]


def test_where_nothing_is_deployed_nothing_is_measured(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    find_lost.handler({}, world.context)
    assert "CloudWatchMetrics" not in capsys.readouterr().out
