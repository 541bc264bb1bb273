"""Every function that writes, called twice at once: whatever the second call does between two writes of the first one,
targets that have ended stay as they are, the counts are exact, one deployment of a group runs, a target has one
command, and the first call ends well or in a way that its caller repeats.

The first call is held before each of its writes in turn; a change of what a function writes changes the test with it.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

import pytest

from functions.aws import executions
from functions.aws.clients import client
from functions.core.declaration import load
from functions.core.errors import Conflict, InvalidInput
from functions.core.new_deployment import new_deployment
from functions.core.records import Alarms, Counts, Deployment, GroupSettings
from functions.core.statuses import AutoRollbackEvent, DeploymentStatus, TargetStatus
from functions.core.text.shapes import from_plain
from functions.engine import declare
from functions.handlers import (
    bake,
    command_status,
    execution_status,
    find_lost,
    finish,
    launch,
    prepare,
    rollback,
    run_segment,
    start,
    stop,
    target_done,
)
from functions.settings import settings
from functions.store.records import deployments, groups, lock, places, targets
from host.lifecycle import IN_PLACE
from tests.calls import recording
from tests.conftest import BUCKET, WEB, LambdaContext, all_items, pending, put_group, put_item, revision
from tests.fakes.run_command import FakeRunCommand
from tests.fakes.step_functions import FakeStepFunctions
from tests.rollout import begin, end_target
from tests.store import Store
from tests.unit.core.test_declaration import group as declared_group
from tests.unit.handlers.test_prepare import alarm, archive
from tests.unit.inbox import Inbox
from tests.unit.news import queued, stream
from tests.unit.two_targets import World, world  # noqa: F401 - a fixture

NOW = "2026-11-23T10:00:00.000Z"
ID = "d-TWICE0001"
EVENTS = tuple(event.value for event in IN_PLACE)
WRITES = ("PutItem", "UpdateItem", "DeleteItem", "BatchExecuteStatement", "TransactWriteItems")
SETTINGS = GroupSettings(
    tag_groups=(WEB,), alarms=Alarms(names=("errors",)), auto_rollback=tuple(AutoRollbackEvent), bake_seconds=60
)


class Stage:
    """A group with running instances, and what is played on it: everything is as new at each `set_up`."""

    def __init__(self, around: World) -> None:
        self.store, self.context = around.store, around.context
        self.ssm: FakeRunCommand = around.ssm
        self.tokens: FakeStepFunctions = around.tokens
        made = client("ec2").run_instances(
            ImageId="ami-12c6146b",
            MinCount=3,
            MaxCount=3,
            TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "role", "Value": "web"}]}],
        )
        self.ids = sorted(each["InstanceId"] for each in made["Instances"])
        put = client("s3").put_object(Bucket=BUCKET, Key="shop/web/v1.zip", Body=archive())
        self.version = put["VersionId"]
        alarm("errors", "OK")

    def set_up(self) -> None:
        self.store.clear()
        for made in (self.ssm.sent, self.ssm.invocations, self.ssm.cancelled, self.tokens.told):
            made.clear()
        put_group(settings=SETTINGS)
        put_item({"pk": "ALARM#errors", "sk": "GROUP#shop/web"})

    def create(self, deployment_id: str = ID, **fields: Any) -> Deployment:
        group = groups.get("shop", "web")
        assert group
        pinned = revision(version=self.version, **fields)
        one = new_deployment(group, pinned, deployment_id=deployment_id, now=NOW, requested_by="me")
        lock.create(one, None, queue=True)
        return one

    def begin(self, deployment_id: str = ID) -> None:
        one = self.create(deployment_id, sha256=sha256(deployment_id.encode()).hexdigest(), size=9)
        begun = replace(one, counts=Counts(total=3, max_out_of_service=2))
        assert begin(begun, pending(one, *self.ids), NOW)

    def send(self, number: int = 0, token: str = "t") -> None:
        event = {"deployment_id": ID, "target_id": self.ids[number], "task_token": token}
        run_segment.handler(event, self.context)

    def succeed(self, number: int = 0) -> None:
        """The host has done what its command asked for."""
        self.ssm.answer(f"c-{number}", EVENTS)

    def end_target(self, number: int = 0) -> None:
        self.send(number)
        self.succeed(number)
        self.report(number)
        event = {"deployment_id": ID, "target_id": self.ids[number], "segment_result": {"status": "Succeeded"}}
        target_done.handler(event, self.context)

    def report(self, number: int = 0) -> None:
        detail = {"command-id": f"c-{number}", "instance-id": self.ids[number], "status": "Success"}
        command_status.handler({"detail": detail}, self.context)

    def good_one_before(self) -> None:
        """The group has a revision to go back to."""
        self.begin("d-BEFORE001")
        group, one = groups.get("shop", "web"), deployments.get("d-BEFORE001")
        assert one
        counts = replace(one.counts, skipped=3)
        lock.close(replace(one, status=DeploymentStatus.SUCCEEDED, counts=counts, complete_time=NOW), group, None)
        for each in list(targets.of("d-BEFORE001")):
            end_target(each, TargetStatus.SKIPPED, NOW)

    def ended(self) -> dict[tuple[str, str], TargetStatus]:
        return {
            (item["pk"], item["sk"]): TargetStatus(item["status"])
            for item in all_items()
            if str(item["sk"]).startswith("TARGET#") and TargetStatus(item["status"]).is_final
        }

    def assert_sound(self) -> None:
        items = all_items()
        known = {i["deployment_id"]: from_plain(Deployment, i) for i in items if i["sk"] == "DEPLOYMENT"}
        held = next((item for item in items if item["sk"] == "LOCK"), {})
        running = [
            each
            for each, one in known.items()
            if one.status in (DeploymentStatus.CREATED, DeploymentStatus.IN_PROGRESS)
        ]
        assert running == ([held["holder"]] if "holder" in held else []), "one holds the lock"
        for deployment_id, one in known.items():
            fleet = [each.status for each in targets.of(deployment_id)]
            counts = places.counted(one).counts
            if one.status is not DeploymentStatus.CREATED:
                assert Counter(fleet) == +Counter(
                    {
                        TargetStatus.PENDING: counts.pending,
                        TargetStatus.IN_PROGRESS: counts.in_progress,
                        TargetStatus.SUCCEEDED: counts.succeeded,
                        TargetStatus.FAILED: counts.failed,
                        TargetStatus.SKIPPED: counts.skipped,
                    }
                ), "the counts are exact"
            assert not one.status.is_final or all(each.is_final for each in fleet), "every target has an end"
        commands = Counter(each["Comment"] for each in self.ssm.sent)
        assert all(count == 1 for count in commands.values()), "a target has one command"


@dataclass(frozen=True)
class Case:
    """A function's call, what is there before it, and what else happens before the first call goes on."""

    before: Callable[[Stage], Any]
    call: Callable[[Stage], Any]
    then: Callable[[Stage], Any] = field(default=lambda stage: None)
    repeated: tuple[type[Exception], ...] = (Conflict,)  # what the caller repeats, or a person is told
    writes: int = 1  # at least


def uploaded() -> dict[str, Any]:
    return {
        "time": "2026-11-23T10:00:00Z",
        "detail": {"bucket": {"name": BUCKET}, "object": {"key": "shop/web/v1.zip", "version-id": "v", "etag": "e"}},
    }


def in_turn(*acts: Callable[[Stage], object]) -> Callable[[Stage], None]:
    def act(stage: Stage) -> None:
        for each in acts:
            each(stage)

    return act


def in_flight(stage: Stage) -> None:
    stage.begin()
    stage.send()


def all_done(stage: Stage) -> None:
    stage.begin()
    for number in range(3):
        stage.end_target(number)


def one_failed(stage: Stage) -> None:
    stage.good_one_before()
    stage.begin()
    stage.send()


def free_lock(stage: Stage) -> None:
    stage.create("d-BEFORE001")
    stage.create()
    for item in all_items():
        if item["sk"] == "LOCK":
            put_item({"pk": item["pk"], "sk": "LOCK"})
        if item.get("deployment_id") == "d-BEFORE001":
            put_item({**item, "status": "Failed"})


def target_event(stage: Stage) -> dict[str, Any]:
    return {"deployment_id": ID, "target_id": stage.ids[0], "segment_result": {"status": "Succeeded"}}


DECLARATION = load(
    declared_group("alarmConfiguration: {alarms: [{name: a}]}").replace(
        "applications:",
        "deploymentConfigs: {Most: {minimumHealthyHosts: {type: HOST_COUNT, value: 1}}}\napplications:",
        1,
    )
)

CASES = {
    "prepare": Case(
        Stage.create,
        lambda stage: prepare.handler({"deployment_id": ID}, stage.context),
        then=lambda stage: stage.end_target(),
        writes=3,
    ),
    "prepare, stopped": Case(
        Stage.create,
        lambda stage: prepare.handler({"deployment_id": ID}, stage.context),
        then=lambda stage: stop.handler({"deployment_id": ID}, stage.context),
        writes=3,
    ),
    "prepare, ended": Case(
        Stage.create,
        lambda stage: prepare.handler({"deployment_id": ID}, stage.context),
        then=lambda stage: finish.handler({"deployment_id": ID, "error": {"Error": "Boom"}}, stage.context),
        writes=3,
    ),
    "run_segment": Case(Stage.begin, Stage.send, writes=2),
    "run_segment, ended": Case(
        in_turn(in_flight, Stage.succeed),
        lambda stage: stage.send(token="t-2"),
        then=Stage.report,
        writes=2,
    ),
    "command_status": Case(in_turn(in_flight, Stage.succeed), Stage.report),
    "target_done": Case(
        in_turn(in_flight, Stage.succeed, Stage.report),
        lambda stage: target_done.handler(target_event(stage), stage.context),
    ),
    "bake": Case(
        all_done, lambda stage: bake.handler({"deployment_id": ID, "stage": 0, "task_token": "b"}, stage.context)
    ),
    "finish": Case(all_done, lambda stage: finish.handler({"deployment_id": ID}, stage.context)),
    "finish, sweeping": Case(
        one_failed,
        lambda stage: finish.handler({"deployment_id": ID, "error": {"Error": "Boom"}}, stage.context),
        writes=2,
    ),
    "execution_status": Case(
        one_failed,
        lambda stage: execution_status.handler({"detail": {"name": ID, "status": "ABORTED"}}, stage.context),
        writes=2,
    ),
    "execution_status, not begun": Case(
        Stage.create,
        lambda stage: execution_status.handler({"detail": {"name": ID, "status": "ABORTED"}}, stage.context),
        then=lambda stage: prepare.handler({"deployment_id": ID}, stage.context),
        writes=2,
    ),
    "stop by an alarm": Case(
        in_turn(in_flight, lambda stage: alarm("errors", "ALARM")),
        lambda stage: stop.handler({"detail": {"alarmName": "errors"}}, stage.context),
    ),
    "start": Case(lambda stage: None, lambda stage: start.handler(queued(uploaded()), stage.context), writes=2),
    "stop": Case(in_flight, lambda stage: stop.handler({"deployment_id": ID, "cancel": True}, stage.context)),
    "stop, waiting": Case(
        in_turn(lambda stage: stage.begin("d-BEFORE001"), Stage.create),
        lambda stage: stop.handler({"deployment_id": ID}, stage.context),
        repeated=(InvalidInput,),
    ),
    "rollback": Case(
        in_turn(Stage.good_one_before, in_flight),
        lambda stage: rollback.handler({"application": "shop", "group": "web"}, stage.context),
    ),
    "rollback of none": Case(
        in_turn(Stage.good_one_before, Stage.begin, lambda stage: finish.handler({"deployment_id": ID}, stage.context)),
        lambda stage: rollback.handler({"application": "shop", "group": "web"}, stage.context),
        repeated=(InvalidInput,),
    ),
    "launch": Case(Stage.create, lambda stage: launch.handler(stream(found(stage)), stage.context), writes=0),
    "declare": Case(lambda stage: None, lambda stage: declare.apply(DECLARATION), writes=3),
    "find_lost, ended": Case(in_flight, lambda stage: find_lost.handler({}, stage.context), writes=2),
    "find_lost, free lock": Case(free_lock, lambda stage: find_lost.handler({}, stage.context)),
    "find_lost, not started": Case(Stage.create, lambda stage: find_lost.handler({}, stage.context), writes=0),
}


def found(stage: Stage) -> Deployment:
    deployment = deployments.get(ID)
    assert deployment
    return deployment


@pytest.fixture
def stage(
    world: World,  # noqa: F811
    context: LambdaContext,
    monkeypatch: pytest.MonkeyPatch,
) -> Stage:
    monkeypatch.setenv("UPLOAD_QUEUE_URL", Inbox("uploads").url)
    settings.cache_clear()
    return Stage(world)


@contextmanager
def held(store: Store, number: int, act: Callable[[], object]) -> Iterator[list[str]]:
    """Within, `act` runs before the write of that number; the writes that were made, each by its operation."""
    made: list[str] = []
    acting: list[bool] = []

    def before(operation: str) -> None:
        if acting or operation not in (*WRITES, "StartExecution"):
            return
        made.append(operation)
        if len(made) == number:
            acting.append(True)
            recording.outside(act)
            acting.clear()

    store.before_request = lambda operation, members: before(operation)
    client("stepfunctions").before = before
    yield made


def twice(stage: Stage, case: Case, number: int) -> int:
    """The second call, before the first one's write of that number; how many writes the first one made."""
    stage.set_up()
    case.before(stage)
    ended: dict[tuple[str, str], TargetStatus] = {}

    def second() -> None:
        case.call(stage)
        case.then(stage)
        ended.update(stage.ended())

    with held(stage.store, number, second) as made:
        try:
            case.call(stage)
        except case.repeated:
            if Conflict in case.repeated:
                case.call(stage)
    assert stage.ended().items() >= ended.items(), "a target that has ended stays as it is"
    stage.assert_sound()
    return len(made)


@pytest.mark.parametrize("name", CASES)
def test_a_function_that_runs_twice_at_once_does_no_harm(
    stage: Stage, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Invariants 1 to 4."""
    if name.startswith("find_lost"):
        over = executions.Execution(status="ABORTED")
        lost = over if name == "find_lost, ended" else None
        monkeypatch.setattr(executions, "find", lambda deployment_id: lost)
    number = 1
    while twice(stage, CASES[name], number) >= number:
        number += 1
    assert number > CASES[name].writes, "the function was held"
