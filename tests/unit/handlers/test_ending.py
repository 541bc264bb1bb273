"""finish, execution_status, stop and rollback: how deployments end, on record."""

import io
import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from functions.aws import ssm as aws_ssm
from functions.core.causes import Cause
from functions.core.command_result import pending_events
from functions.core.errors import InvalidInput, Unreadable
from functions.core.gate import Counters
from functions.core.new_deployment import new_deployment
from functions.core.records import Alarms, Deployment, GroupSettings, SegmentRun, TargetFailure
from functions.core.statuses import (
    AutoRollbackEvent,
    Creator,
    DeploymentErrorCode,
    DeploymentStatus,
    TargetStatus,
)
from functions.engine import create
from functions.handlers import command_status, execution_status, finish, rollback, stop
from functions.store import deployments, groups, lock, preparing, targets
from functions.store.keys import deployment_key
from tests.conftest import LambdaContext, all_items, pending, put_group, put_item, revision, stand_in
from tests.fakes.cloudwatch import FakeAlarms
from tests.fakes.run_command import FakeRunCommand
from tests.fakes.service import refusal
from tests.fakes.step_functions import FakeStepFunctions
from tests.store import Store
from tests.unit.inbox import Inbox

pytestmark = pytest.mark.usefixtures("executing")

NOW = "2026-11-23T10:00:00.000Z"
SETTINGS = GroupSettings(alarms=Alarms(names=("errors",)), auto_rollback=tuple(AutoRollbackEvent))


@pytest.fixture
def cancelled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Commands that SSM was asked to cancel."""
    ssm = stand_in("ssm", FakeRunCommand())
    return ssm.cancelled


def running(number: int = 1, hosts: int = 2, started: int = 1) -> Deployment:
    """A deployment with some targets let go, each with a command in flight."""
    group = groups.get("shop", "web") or put_group(settings=SETTINGS)
    one = new_deployment(group, revision(f"v{number}"), deployment_id=f"d-{number:09}", now=NOW, requested_by="me")
    lock.create(one, None, queue=True)
    one = replace(one, counters=Counters(total=hosts, allowed=hosts))
    fleet = [replace(each, events=pending_events()) for each in pending(one, *(f"i-{n}" for n in range(hosts)))]
    preparing.begin(one, fleet, NOW)
    for target in list(targets.of(one.deployment_id))[:started]:
        targets.take_out_of_service(target, NOW)
        command = f"c-{target.target_id}"
        targets.store_command(target, 0, command, SegmentRun(command_id=command), expires_at=1)
    return read(one.deployment_id)


def read(deployment_id: str) -> Deployment:
    one = deployments.get(deployment_id)
    assert one
    return one


def succeed_all(one: Deployment) -> None:
    for target in targets.of(one.deployment_id):
        if target.status is TargetStatus.PENDING:
            targets.take_out_of_service(target, NOW)
    for target in list(targets.of(one.deployment_id)):
        targets.finish(target, TargetStatus.SUCCEEDED, NOW)


def done(number: int, context: LambdaContext) -> Deployment:
    one = running(number)
    succeed_all(one)
    finish.handler({"deployment_id": one.deployment_id}, context)
    return read(one.deployment_id)


def test_finish_ends_a_good_deployment_and_frees_the_group(store: Store, context: LambdaContext) -> None:
    one = done(1, context)
    assert one.status is DeploymentStatus.SUCCEEDED and one.complete_time and one.failure is None
    assert lock.holder("shop/web") is None


def test_finish_twice_ends_it_once(store: Store, context: LambdaContext) -> None:
    one = done(1, context)
    assert finish.handler({"deployment_id": one.deployment_id}, context)["status"] == "Succeeded"
    assert read(one.deployment_id) == one


def test_a_failed_deployment_rolls_back_to_the_last_good_revision(store: Store, context: LambdaContext) -> None:
    good = done(1, context)
    bad = running(2)
    finish.handler({"deployment_id": bad.deployment_id}, context)
    bad = read(bad.deployment_id)
    assert bad.status is DeploymentStatus.FAILED and bad.rollback and bad.rollback.rollback_deployment_id
    back = read(bad.rollback.rollback_deployment_id)
    assert back.creator is Creator.ROLLBACK and back.revision == good.revision
    assert back.status is DeploymentStatus.CREATED and lock.holder("shop/web") == back.deployment_id
    assert back.rollback and back.rollback.rollback_triggering_deployment_id == bad.deployment_id
    assert back.settings.alarms.watched == ()


def test_without_an_earlier_success_there_is_no_rollback_and_the_record_says_so(
    store: Store, context: LambdaContext
) -> None:
    bad = running()
    finish.handler({"deployment_id": bad.deployment_id}, context)
    bad = read(bad.deployment_id)
    assert bad.rollback and bad.rollback.rollback_deployment_id is None
    assert bad.rollback.rollback_message and "has no earlier successful revision" in bad.rollback.rollback_message


def test_finish_gives_every_target_an_end(store: Store, context: LambdaContext) -> None:
    """Invariant 3."""
    one = running(hosts=3, started=1)
    finish.handler({"deployment_id": one.deployment_id, "error": {"Error": "Boom", "Cause": "because"}}, context)
    first, *others = targets.of(one.deployment_id)
    assert first.status is TargetStatus.FAILED and first.failure and "(Boom)" in first.failure.message
    assert {target.status for target in others} == {TargetStatus.SKIPPED}
    ends = [[(event.status, bool(event.end_time)) for event in each.events] for each in (first, *others)]
    assert ends == [[("Unknown", True)] * 7, [("Skipped", True)] * 7, [("Skipped", True)] * 7]
    assert read(one.deployment_id).counters == Counters(total=3, allowed=3, out=1, failed=1, skipped=2, started=1)


def test_an_aborted_execution_ends_its_deployment(store: Store, context: LambdaContext, cancelled: list[str]) -> None:
    one = running()
    event = {"detail": {"name": one.deployment_id, "status": "ABORTED", "error": None, "cause": None}}
    execution_status.handler(event, context)
    ended = read(one.deployment_id)
    assert ended.status is DeploymentStatus.FAILED and ended.failure
    assert "The execution of the deployment ended ABORTED" in ended.failure.message
    assert cancelled == ["c-i-0"] and lock.holder("shop/web") is None


def test_a_target_that_changes_while_its_deployment_ends_is_ended_too(
    store: Store, context: LambdaContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Invariant 3."""
    one, finish_targets = running(hosts=3), targets.finish_all

    def raced(endings: Any, now: str) -> bool:
        monkeypatch.setattr(targets, "finish_all", finish_targets)
        targets.take_out_of_service(endings[-1][0], NOW)  # between the sweep's read and its write
        return finish_targets(endings, now)

    monkeypatch.setattr(targets, "finish_all", raced)
    finish.handler({"deployment_id": one.deployment_id}, context)
    assert read(one.deployment_id).status.is_final
    assert all(target.status.is_final for target in targets.of(one.deployment_id))


def test_commands_that_cannot_be_cancelled_do_not_keep_a_deployment_from_its_end(
    store: Store, context: LambdaContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Invariant 3."""
    one = running()
    stand_in("ssm", FakeRunCommand())
    monkeypatch.setattr(aws_ssm, "cancel", throttled)
    with pytest.raises(TimeoutError):
        execution_status.handler({"detail": {"name": one.deployment_id, "status": "ABORTED"}}, context)
    assert read(one.deployment_id).status is DeploymentStatus.FAILED and lock.holder("shop/web") is None
    again: list[str] = []
    monkeypatch.setattr(aws_ssm, "cancel", lambda command_id, instance_id: again.append(command_id))
    execution_status.handler({"detail": {"name": one.deployment_id, "status": "ABORTED"}}, context)
    assert again == ["c-i-0"]


@pytest.mark.parametrize("handler", [command_status.handler, stop.handler, execution_status.handler])
@pytest.mark.parametrize("event", [{"detail": {}}, {"detail": None}, {"detail": {"name": "d-1", "command-id": "c"}}])
def test_an_event_without_its_fields_is_set_aside(
    store: Store, context: LambdaContext, undelivered: Inbox, handler: Any, event: dict[str, Any]
) -> None:
    """Invariant 8."""
    handler(event, context)
    (letter,) = undelivered.read()
    assert json.loads(letter["event"]) == event and letter["why"]


def test_a_deployment_of_a_newer_version_keeps_no_other_from_being_stopped(
    store: Store, context: LambdaContext, cancelled: list[str]
) -> None:
    """Invariant 8."""
    one = running()
    put_item({**deployment_key("d-NEWER0000").item, "deployment_id": "d-NEWER0000", "status": "Paused"})
    put_item({"pk": "LOCK#shop/newer", "sk": "LOCK", "holder": "d-NEWER0000"})
    for key in ("shop/newer", "shop/web"):
        put_item({"pk": "ALARM#errors", "sk": f"GROUP#{key}"})
    with pytest.raises(Unreadable, match="d-NEWER0000 DEPLOYMENT is not a Deployment that this version"):
        stop.handler(to_alarm("errors"), context)
    assert read(one.deployment_id).stop and cancelled == ["c-i-0"]


def throttled(*command: str) -> None:
    raise TimeoutError


def test_a_group_that_cannot_be_stopped_keeps_no_other_from_stopping(
    store: Store, context: LambdaContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Invariant 8."""
    one = running()
    other = put_group("other", settings=SETTINGS)
    two = new_deployment(other, revision(), deployment_id="d-OTHER0000", now=NOW, requested_by="me")
    lock.create(two, None, queue=True)
    for key in ("shop/other", "shop/web"):
        put_item({"pk": "ALARM#errors", "sk": f"GROUP#{key}"})
    stand_in("ssm", FakeRunCommand())
    monkeypatch.setattr(aws_ssm, "cancel", throttled)
    with pytest.raises(TimeoutError):
        stop.handler(to_alarm("errors"), context)
    assert read(one.deployment_id).stop and read("d-OTHER0000").stop


@pytest.fixture(autouse=True)
def alarms(environment: None) -> FakeAlarms:
    """CloudWatch, with its history."""
    return stand_in("cloudwatch", FakeAlarms({"errors": "ALARM", "other": "ALARM"}))


def minutes_ago(minutes: int) -> datetime:
    return datetime.fromisoformat(NOW) - timedelta(minutes=minutes)


FORGED: dict[str, tuple[str, list[tuple[int, str]]]] = {  # its state now, and what it became so many minutes ago
    "there is no such alarm": ("", []),
    "an alarm that is well": ("OK", [(-1, "OK")]),
    "one that rang before the deployment": ("OK", [(5, "ALARM"), (1, "OK")]),
}


@pytest.mark.parametrize(("state", "history"), FORGED.values(), ids=FORGED)
def test_who_may_call_the_function_cannot_pass_for_an_alarm(
    store: Store,
    context: LambdaContext,
    cancelled: list[str],
    alarms: FakeAlarms,
    state: str,
    history: list[tuple[int, str]],
) -> None:
    """Invariant 12: a group with allowedPrincipals takes no direct call, and so none in an alarm's clothes."""
    put_group(settings=replace(SETTINGS, allowed_principals=("arn:aws:iam::123456789012:role/release",)))
    one = running()
    put_item({"pk": "ALARM#errors", "sk": "GROUP#shop/web"})
    with pytest.raises(InvalidInput, match="may not deploy to shop/web"):
        stop.handler({"deployment_id": one.deployment_id}, context)
    alarms.states = {"errors": state} if state else {}
    alarms.history = [(minutes_ago(minutes), became) for minutes, became in history]
    stop.handler({**to_alarm("errors"), "deployment_id": one.deployment_id}, context)
    assert read(one.deployment_id).stop is None and not cancelled


def test_an_alarm_that_is_well_again_before_its_event_comes_counts(
    store: Store, context: LambdaContext, cancelled: list[str], alarms: FakeAlarms
) -> None:
    one = running()
    put_item({"pk": "ALARM#errors", "sk": "GROUP#shop/web"})
    alarms.states = {"errors": "OK"}
    alarms.history = [(minutes_ago(-1), "ALARM"), (minutes_ago(-2), "OK")]
    stop.handler(to_alarm("errors"), context)
    assert read(one.deployment_id).stop and cancelled == ["c-i-0"]


def test_an_event_waits_for_a_cloudwatch_that_cannot_be_asked(
    store: Store, context: LambdaContext, alarms: FakeAlarms
) -> None:
    """Lambda calls the function again, and keeps the event in the dead-letter queue after that."""
    one = running()
    put_item({"pk": "ALARM#errors", "sk": "GROUP#shop/web"})
    alarms.refuses = refusal("ThrottlingException", "DescribeAlarms")
    with pytest.raises(ClientError):
        stop.handler(to_alarm("errors"), context)
    assert read(one.deployment_id).stop is None


def test_an_alarm_that_nothing_watches_asks_nobody(store: Store, context: LambdaContext, alarms: FakeAlarms) -> None:
    alarms.refuses = refusal("ThrottlingException", "DescribeAlarms")
    stop.handler(to_alarm("unwatched"), context)


def to_alarm(name: str) -> dict[str, Any]:
    return {"detail": {"alarmName": name, "state": {"value": "ALARM"}}}


def test_an_alarm_of_the_group_stops_its_deployment_and_cancels_what_runs(
    store: Store, context: LambdaContext, cancelled: list[str]
) -> None:
    one = running()
    put_item({"pk": "ALARM#errors", "sk": "GROUP#shop/web"})
    stop.handler(to_alarm("errors"), context)
    stopping = read(one.deployment_id)
    assert stopping.stop and stopping.stop.code is DeploymentErrorCode.ALARM_ACTIVE and cancelled == ["c-i-0"]
    finish.handler({"deployment_id": one.deployment_id}, context)
    assert read(one.deployment_id).status is DeploymentStatus.STOPPED


def test_a_second_call_cancels_what_the_first_did_not_live_to_cancel(
    store: Store, context: LambdaContext, cancelled: list[str]
) -> None:
    one = running()
    put_item({"pk": "ALARM#errors", "sk": "GROUP#shop/web"})
    stop.handler(to_alarm("errors"), context)
    stop.handler(to_alarm("errors"), context)
    assert cancelled == ["c-i-0", "c-i-0"]
    assert read(one.deployment_id).stop


def test_an_alarm_cancels_what_a_person_had_let_run_on(
    store: Store, context: LambdaContext, cancelled: list[str]
) -> None:
    one = running()
    stop.handler({"deployment_id": one.deployment_id, "requested_by": "ann"}, context)
    assert not cancelled
    put_item({"pk": "ALARM#errors", "sk": "GROUP#shop/web"})
    stop.handler(to_alarm("errors"), context)
    mark = read(one.deployment_id).stop
    assert mark and mark.cancel and mark.by == "ann" and cancelled == ["c-i-0"]


def test_another_alarm_stops_nothing(store: Store, context: LambdaContext, cancelled: list[str]) -> None:
    one = running()
    stop.handler(to_alarm("other"), context)
    assert read(one.deployment_id).stop is None and not cancelled


def test_an_alarm_does_not_stop_a_rollback(store: Store, context: LambdaContext, cancelled: list[str]) -> None:
    """Invariant 6: it runs to its end although the alarm is still in ALARM."""
    done(1, context)
    bad = running(2)
    finish.handler({"deployment_id": bad.deployment_id}, context)
    put_item({"pk": "ALARM#errors", "sk": "GROUP#shop/web"})
    stop.handler(to_alarm("errors"), context)
    holder = lock.holder("shop/web")
    assert holder and read(holder).stop is None


def test_a_persons_stop_lets_running_scripts_end(store: Store, context: LambdaContext, cancelled: list[str]) -> None:
    one = running()
    answer = stop.handler({"deployment_id": one.deployment_id, "reason": "wrong day", "requested_by": "ann"}, context)
    assert answer["status"] == "Pending" and not cancelled
    marked = read(one.deployment_id)
    assert marked.stop and marked.stop.message == "Stopped by ann: wrong day"


def test_a_waiting_deployment_stops_at_once(store: Store, context: LambdaContext) -> None:
    running(1)
    group = groups.get("shop", "web")
    assert group
    waiting = new_deployment(group, revision(), deployment_id="d-WAITING00", now=NOW, requested_by="me")
    lock.create(waiting, None, queue=True)
    assert stop.handler({"deployment_id": "d-WAITING00"}, context)["status"] == "Succeeded"
    assert read("d-WAITING00").status is DeploymentStatus.STOPPED


def test_stopping_what_is_over_or_unknown_is_an_error(store: Store, context: LambdaContext) -> None:
    one = done(1, context)
    with pytest.raises(InvalidInput, match="already completed"):
        stop.handler({"deployment_id": one.deployment_id}, context)
    with pytest.raises(InvalidInput, match="there is no such deployment"):
        stop.handler({"deployment_id": "d-NOTTHERE0"}, context)


@pytest.mark.parametrize("field", ["cancel", "auto_rollback"])
def test_a_stop_with_a_word_for_a_flag_is_an_error(store: Store, context: LambdaContext, field: str) -> None:
    one = running()
    with pytest.raises(InvalidInput, match=f"^{field} 'no': must be true or false, without quotes$"):
        stop.handler({"deployment_id": one.deployment_id, field: "no"}, context)
    assert read(one.deployment_id).stop is None


def test_a_person_goes_back_to_the_revision_before(store: Store, context: LambdaContext) -> None:
    first, _second = done(1, context), done(2, context)
    answer = rollback.handler({"application": "shop", "group": "web", "requested_by": "ann"}, context)
    back = read(answer["deployment_id"])
    assert back.creator is Creator.USER and back.requested_by == "ann" and back.revision == first.revision
    assert back.settings.auto_rollback == ()


def test_a_person_rolls_back_a_running_deployment_by_stopping_it(
    store: Store, context: LambdaContext, cancelled: list[str]
) -> None:
    done(1, context)
    one = running(2)
    answer = rollback.handler({"application": "shop", "group": "web"}, context)
    assert answer == {"stopped_deployment_id": one.deployment_id} and cancelled == ["c-i-0"]
    finish.handler({"deployment_id": one.deployment_id}, context)
    ended = read(one.deployment_id)
    assert ended.status is DeploymentStatus.STOPPED and ended.rollback and ended.rollback.rollback_deployment_id


def test_a_rollback_that_runs_is_not_stopped_by_asking_for_one(store: Store, context: LambdaContext) -> None:
    done(1, context)
    bad = running(2)
    finish.handler({"deployment_id": bad.deployment_id}, context)
    holder = lock.holder("shop/web")
    with pytest.raises(InvalidInput, match=f"{holder} is already a rollback"):
        rollback.handler({"application": "shop", "group": "web"}, context)
    assert holder and read(holder).stop is None


def test_asking_to_go_back_counts_after_a_plain_stop_too(
    store: Store, context: LambdaContext, cancelled: list[str]
) -> None:
    done(1, context)
    one = running(2)
    stop.handler({"deployment_id": one.deployment_id, "auto_rollback": False, "requested_by": "ann"}, context)
    rollback.handler({"application": "shop", "group": "web", "requested_by": "bob"}, context)
    mark = read(one.deployment_id).stop
    assert mark and (mark.by, mark.cancel, mark.auto_rollback) == ("ann", True, True)


def test_a_long_reason_is_refused_before_anything_is_stored(store: Store, context: LambdaContext) -> None:
    one = running()
    with pytest.raises(InvalidInput, match=r"^reason: it has 2000 characters, at most 1024 are taken$"):
        stop.handler({"deployment_id": one.deployment_id, "reason": "x" * 2000}, context)
    assert read(one.deployment_id).stop is None


def test_there_must_be_something_to_go_back_to(store: Store, context: LambdaContext) -> None:
    done(1, context)
    with pytest.raises(InvalidInput, match="no earlier successful revision to roll back to"):
        rollback.handler({"application": "shop", "group": "web"}, context)


def test_a_rollback_that_fails_is_not_repeated_to_the_same_revision(store: Store, context: LambdaContext) -> None:
    """The revision left a host failed and counts as Succeeded; what is deployed after it fails, and so does it."""

    def end(one: Deployment, *failed_hosts: int) -> Deployment:
        """Its hosts have ended, these of them because a script of the revision failed."""
        failure = TargetFailure(cause=Cause.SCRIPT, message="exit code 1", event="ValidateService")
        for number, target in enumerate(list(targets.of(one.deployment_id))):
            targets.take_out_of_service(target, NOW)
            begun = targets.get(one.deployment_id, target.target_id)
            assert begun
            bad = number in failed_hosts
            targets.finish(begun, TargetStatus.FAILED if bad else TargetStatus.SUCCEEDED, NOW, failure if bad else None)
        finish.handler({"deployment_id": one.deployment_id}, context)
        return read(one.deployment_id)

    def back_from(one: Deployment) -> Deployment:
        assert one.rollback and one.rollback.rollback_deployment_id
        back = read(one.rollback.rollback_deployment_id)
        back = replace(back, counters=Counters(total=4, allowed=2))
        preparing.begin(back, pending(back, *(f"i-{n}" for n in range(4))), NOW)
        return back

    good = end(running(1, hosts=4, started=0))
    assert end(running(2, hosts=4, started=0), 3).status is DeploymentStatus.SUCCEEDED
    back = back_from(end(running(3, hosts=4, started=0), 0, 1, 2, 3))
    assert back.revision == good.revision, "the second one left a host failed"
    assert back.rollback and back.rollback.reason and "it left 1 host failed" in back.rollback.reason
    assert end(back, 0, 1, 2, 3).status is DeploymentStatus.FAILED
    answer = rollback.handler({"application": "shop", "group": "web"}, context)
    third = read(answer["deployment_id"])
    assert third.revision == revision("v2"), "the first one failed as a rollback"
    third = replace(third, counters=Counters(total=4, allowed=2))
    preparing.begin(third, pending(third, *(f"i-{n}" for n in range(4))), NOW)
    assert end(third, 0, 1, 2, 3).status is DeploymentStatus.FAILED
    with pytest.raises(InvalidInput, match=r"Ruled out: d-000000002 .*rolled back; d-000000001 .*failed since, in"):
        rollback.handler({"application": "shop", "group": "web"}, context)


DENIED = (
    "An error occurred (AccessDeniedException): arn:aws:sts::123456789012:assumed-role/r is not authorized to SECRET"
)
TRACE = json.dumps({"errorMessage": DENIED, "errorType": "ClientError", "stackTrace": ["  File SECRET, line 1"] * 900})


@pytest.mark.parametrize("cause", [DENIED, TRACE])
def test_what_aws_said_is_in_the_log_and_not_in_the_record(
    store: Store, context: LambdaContext, cancelled: list[str], logged: io.StringIO, cause: str
) -> None:
    finished, aborted = running(1), running(2)
    finish.handler(
        {"deployment_id": finished.deployment_id, "error": {"Error": "ClientError", "Cause": cause}}, context
    )
    # The second has waited for the first one's end.
    detail = {"name": aborted.deployment_id, "status": "FAILED", "error": "ClientError", "cause": cause}
    execution_status.handler({"detail": detail}, context)
    for one in (finished, aborted):
        failure = read(one.deployment_id).failure
        assert failure and "SECRET" not in failure.message and "AWS denied one of its calls" in failure.message
        assert one.deployment_id in failure.message
        assert failure.message.count("The engine failed") == 1
        assert not any("SECRET" in str(target.failure) for target in targets.of(one.deployment_id))
    assert logged.getvalue().count("SECRET") >= 2


@pytest.fixture
def tokens_told(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    fake = stand_in("stepfunctions", FakeStepFunctions())
    return fake.told


@pytest.mark.parametrize("who", ["stop", "rollback", "alarm"])
def test_whatever_stops_a_deployment_wakes_its_bake(
    store: Store, context: LambdaContext, cancelled: list[str], tokens_told: dict[str, Any], who: str
) -> None:
    one = running()
    deployments.store_bake_token(one.deployment_id, "t-1")
    put_item({"pk": "ALARM#errors", "sk": "GROUP#shop/web"})
    if who == "stop":
        stop.handler({"deployment_id": one.deployment_id, "cancel": True}, context)
    elif who == "rollback":
        rollback.handler({"application": "shop", "group": "web"}, context)
    else:
        stop.handler(to_alarm("errors"), context)
    assert tokens_told == {"t-1": {"status": "Stopping"}} and cancelled == ["c-i-0"]


def test_going_back_uses_the_old_revision_anew(store: Store, context: LambdaContext, cancelled: list[str]) -> None:
    """It moves to the end of the revisions by their last use, whoever goes back."""
    good = done(1, context)
    create.record_use(good)
    bad = running(2)
    detail = {"name": bad.deployment_id, "status": "FAILED", "error": "Boom", "cause": ""}
    execution_status.handler({"detail": detail}, context)
    ended = read(bad.deployment_id)
    assert ended.rollback and ended.rollback.rollback_deployment_id
    assert last_uses() == [read(ended.rollback.rollback_deployment_id).create_time]


def test_a_person_who_goes_back_uses_the_old_revision_anew(store: Store, context: LambdaContext) -> None:
    first, _second = done(1, context), done(2, context)
    create.record_use(first)
    answer = rollback.handler({"application": "shop", "group": "web"}, context)
    assert last_uses() == [read(answer["deployment_id"]).create_time]


def last_uses() -> list[str]:
    """The times at which the revisions on record were used last, as their places say."""
    places = [item["sk"].split("#") for item in all_items() if item["sk"].startswith("lastUsedTime#")]
    return [time for _, time, _ in places]
