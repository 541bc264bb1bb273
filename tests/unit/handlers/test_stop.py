"""stop: by an alarm or by a person; what runs on hosts runs on, or is cancelled."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from functions.aws.fleet import ssm as aws_ssm
from functions.core.errors import InvalidInput, Unreadable
from functions.core.new_deployment import new_deployment
from functions.core.statuses import (
    DeploymentErrorCode,
    DeploymentStatus,
)
from functions.handlers import finish, rollback, stop
from functions.store.keys import deployment_key
from functions.store.records import groups, lock
from tests.conftest import LambdaContext, put_group, put_item, revision, stand_in
from tests.fakes.cloudwatch import FakeAlarms
from tests.fakes.run_command import FakeRunCommand
from tests.fakes.service import refusal
from tests.rollout import hold
from tests.store import Store
from tests.unit.ending import NOW, SETTINGS, done, read, running, throttled, to_alarm

pytestmark = pytest.mark.usefixtures("executing", "alarms")


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


def test_a_long_reason_is_refused_before_anything_is_stored(store: Store, context: LambdaContext) -> None:
    one = running()
    with pytest.raises(InvalidInput, match=r"^reason: it has 2000 characters, at most 1024 are taken$"):
        stop.handler({"deployment_id": one.deployment_id, "reason": "x" * 2000}, context)
    assert read(one.deployment_id).stop is None


@pytest.mark.parametrize("who", ["stop", "rollback", "alarm"])
def test_whatever_stops_a_deployment_wakes_its_bake(
    store: Store, context: LambdaContext, cancelled: list[str], tokens_told: dict[str, Any], who: str
) -> None:
    one = running()
    hold(one.deployment_id, "t-1")
    put_item({"pk": "ALARM#errors", "sk": "GROUP#shop/web"})
    if who == "stop":
        stop.handler({"deployment_id": one.deployment_id, "cancel": True}, context)
    elif who == "rollback":
        rollback.handler({"application": "shop", "group": "web", "cancel": True}, context)
    else:
        stop.handler(to_alarm("errors"), context)
    assert tokens_told == {"t-1": {"status": "Over"}} and cancelled == ["c-i-0"]
