"""watch: whatever waits is found, one chain lives, and what an older engine left is watched too."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from functions.aws import executions
from functions.core.causes import Cause
from functions.core.records import Deployment
from functions.core.rollout import looks, stop_mark
from functions.core.statuses import TargetStatus
from functions.engine.running import chain, commands
from functions.handlers import find_lost, next_stage, watch
from functions.store.records import deployments, pacer, watching
from functions.store.records.pacer import Moments
from tests.fakes.service import refusal
from tests.store import Store
from tests.unit.inbox import Inbox
from tests.unit.two_targets import EVENTS, NOW, World, later, message

ID = "d-000000001"


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> None:
    """All moments of the next minute are taken."""
    monkeypatch.setattr(pacer, "take", _taken_for_a_minute)


@pytest.fixture
def many(monkeypatch: pytest.MonkeyPatch) -> None:
    """One command counts as many: what comes soon the chain looks at itself."""
    monkeypatch.setattr(looks, "_FEW", 1)


take = pacer.take


def _taken_for_a_minute(most: int, *, seconds: float, within: float | None = None) -> Moments | None:
    return None if within is not None else take(most, seconds=seconds)


def test_a_lost_event_only_makes_us_late(world: World) -> None:
    world.run("t-1")
    world.ssm.answer("c-0", EVENTS)
    world.watch(hours=0.01)
    assert world.tokens.told == {}, "an event is waited for first"
    world.watch()
    assert world.tokens.told == {"t-1": {"status": "Succeeded"}}


def test_the_chain_goes_on_while_anything_waits_and_then_ends(world: World, many: None) -> None:
    world.run("t-1")
    world.watch(hours=0.05)
    (body,) = world.queued("turns")
    assert json.loads(body) == {"deployment_id": ID, "turn": 1}
    for number, target in enumerate(("i-0", "i-1")):
        world.run(f"t-{number + 2}", target)
        world.ssm.answer(f"c-{number}", EVENTS)
        world.report(f"c-{number}", target)
        world.done(target)
    world.queued("turns")
    world.watch(hours=2)
    assert world.queued("turns") == [] and watching.turn(ID).is_over


def test_a_look_at_few_of_many_targets_reads_no_other(
    world: World, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a fleet of ten thousand that is deployed to one by one, all were 25 requests, every three minutes for days."""
    monkeypatch.setattr(commands, "_FEW_OF", 2)
    world.run("t-1")
    world.ssm.answer("c-0", EVENTS)
    asked = list[str]()
    store.before_request = lambda operation, members: asked.append(str(members)) if operation == "Query" else None
    world.watch()
    assert world.tokens.told == {"t-1": {"status": "Succeeded"}} and not [each for each in asked if "TARGET#" in each]


def test_a_command_that_begins_while_the_chain_rests_calls_it_back(world: World, many: None) -> None:
    """A script that runs for long is looked at seldom; the next one may be short."""
    world.run("t-1")
    world.watch(hours=0.05)
    world.queued("turns")
    far, soon = (pacer.now() + 1000 * seconds for seconds in (900, 60))
    watching.rest(ID, watching.turn(ID), next_at=soon, is_over=False)
    chain.come_by(ID, 120)
    assert world.queued("turns") == [] and watching.turn(ID).next_at == soon
    watching.rest(ID, watching.turn(ID), next_at=far, is_over=False)
    world.ssm.answer("c-0", EVENTS)
    world.report()
    world.done()
    world.run("t-2", "i-1")
    assert len(world.queued("turns")) == 1 and watching.turn(ID).next_at < far - 600_000


def test_a_doubled_message_and_a_second_chain_end_themselves(world: World, many: None) -> None:
    world.run("t-1")
    world.watch(turn=0, hours=0.05)
    world.watch(turn=0, hours=0.05)
    assert len(world.queued("turns")) == 1, "the second one has lost its turn"
    chain.wake(ID, watching.turn(ID))
    world.watch(turn=1)
    assert len(world.queued("turns")) == 1, "the chain that was woken lives, and the one before it does not"


def test_a_watch_that_is_woken_while_it_looks_leaves_its_place(world: World, store: Store) -> None:
    world.run("t-1")
    store.before_next_write(lambda: None)
    store.before_next_write(lambda: chain.wake(ID, watching.turn(ID)))
    world.watch()
    assert [json.loads(body)["turn"] for body in world.queued("turns")] == [2]


def test_who_waits_to_send_behind_the_last_moment_that_was_handed_out_calls_the_chain_back(
    world: World, full: None
) -> None:
    """The chain has found nobody else to hand moments to: it does not come back when those are over."""
    world.run("t-1")
    world.queued("turns")
    now = pacer.now()
    turn = replace(watching.turn(ID), granted_until=now + 900)
    assert watching.rest(ID, turn, next_at=now + 120_000, is_over=False)
    world.run("t-2", "i-1")
    assert len(world.queued("turns")) == 1 and watching.turn(ID).next_at < now + 10_000


# -- what the chain leaves to find_lost


@pytest.fixture
def left(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """One command runs: no turn of the chain comes for it."""
    monkeypatch.setattr(executions, "running", lambda: {ID})
    monkeypatch.setattr("functions.engine.running.find_lost._may_be_lost", lambda deployment: True)
    world.run("t-1")
    world.watch(hours=0)
    assert watching.turn(ID).is_left and world.queued("turns") == []
    return world


def find(world: World, *, minutes: float) -> None:
    with later(minutes=minutes):
        find_lost.handler({}, world.context)


def test_find_lost_finds_the_end_of_which_no_event_told_once_a_look_is_due(left: World) -> None:
    left.ssm.answer("c-0", EVENTS)
    find(left, minutes=1)
    assert left.tokens.told == {}, "an event is waited for first"
    find(left, minutes=3)
    assert left.tokens.told == {"t-1": {"status": "Succeeded"}}


def test_find_lost_ends_the_command_of_a_host_that_ssm_has_lost(left: World) -> None:
    left.ssm.ping, left.ssm.silent_seconds = {"i-0": "ConnectionLost"}, 301
    find(left, minutes=11)
    failure = left.target().failure
    assert failure and failure.cause is Cause.UNREACHABLE and left.ssm.cancelled == ["c-0"]


def test_it_is_left_to_find_lost_again_at_most_for_a_quarter_of_an_hour(left: World) -> None:
    for minutes in (3, 60, 480):
        find(left, minutes=minutes)
        turn = watching.turn(ID)
        with later(minutes=minutes):
            assert turn.is_left and turn.next_at <= pacer.now() + 1000 * (900 - looks.FIND_LOST_SECONDS)
    assert left.queued("turns") == []


def test_a_command_that_begins_meanwhile_is_looked_at_as_soon(left: World) -> None:
    find(left, minutes=60)
    far = watching.turn(ID)
    chain.come_by(ID, 120)
    now = watching.turn(ID)
    assert now == replace(far, next_at=now.next_at) and now.next_at <= pacer.now() + 120_000


def test_who_waits_to_send_calls_the_chain_back(left: World, full: None) -> None:
    left.run("t-2", "i-1")
    assert len(left.queued("turns")) == 1 and not watching.turn(ID).is_left


def test_a_look_that_has_no_time_any_more_comes_by_the_chain(left: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("functions.engine.running.find_lost._LOOKING", timedelta())
    left.ssm.answer("c-0", EVENTS)
    find(left, minutes=6)
    assert left.tokens.told == {} and len(left.queued("turns")) == 1


def test_a_watch_that_dies_is_started_again_by_find_lost(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.run("t-1")
    monkeypatch.setattr(executions, "running", lambda: {ID})
    monkeypatch.setattr("functions.engine.running.find_lost._may_be_lost", lambda deployment: True)
    assert watching.move(ID, watching.turn(ID), next_at=pacer.now())  # and then it was killed
    find_lost.handler({}, world.context)
    assert world.queued("turns") == [], "it may be at work"
    assert watching.move(ID, watching.turn(ID), next_at=pacer.now() - 200_000)
    find_lost.handler({}, world.context)
    assert [json.loads(body)["turn"] for body in world.queued("turns")] == [3]
    find_lost.handler({}, world.context)
    assert world.queued("turns") == []


def test_a_watch_that_meets_a_bug_goes_on_and_says_so(world: World, undelivered: Inbox) -> None:
    """The message is set aside with the reason; the chain has a next one."""
    world.run("t-1")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deployments, "get", lambda deployment_id: dict[str, Deployment]()["bug"])
        world.watch()
    assert len(world.queued("turns")) == 1 and "bug" in undelivered.read()[0]["why"]


def test_a_stage_that_begins_is_watched_and_its_concurrency_has_the_cap_of_the_account(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAP_CONCURRENCY", "3")
    stage = {"stage": 0, "bucket": "b", "key": "k", "concurrency": 40, "bake_seconds": 0}
    event = {"deployment_id": ID, "stages": [stage], "last": {"next": "Begin"}}
    assert next_stage.handler(event, world.context)["stage"]["concurrency"] == 3
    next_stage.handler(event, world.context)
    assert len(world.queued("turns")) == 1, "one chain, however often it is asked for"


@pytest.mark.parametrize("ping", ["ConnectionLost", "Inactive"])
def test_a_host_that_ssm_has_not_heard_for_minutes_fails_as_unreachable(world: World, ping: str) -> None:
    world.run("t-1")
    world.ssm.ping["i-0"], world.ssm.silent_seconds = ping, 299
    world.watch()
    assert "t-1" not in world.tokens.told and not world.ssm.cancelled, "it may come back"
    world.ssm.silent_seconds = 301
    world.watch(hours=2)
    assert world.tokens.told["t-1"] == {"status": "Failed"} and world.ssm.cancelled == ["c-0"]
    failure = world.target().failure
    assert failure and failure.cause is Cause.UNREACHABLE and ping in failure.message


def test_a_host_that_is_terminated_during_its_command_fails_as_unreachable(world: World) -> None:
    world.run("t-1")
    world.ssm.ping["i-0"] = ""  # SSM no longer knows it
    world.watch()
    assert world.tokens.told["t-1"] == {"status": "Failed"} and world.ssm.cancelled == ["c-0"]


@pytest.mark.parametrize("operation", ["ListCommandInvocations", "DescribeInstanceInformation"])
def test_what_ssm_does_not_answer_now_is_not_known(world: World, operation: str) -> None:
    """Invariant 9: nothing healthy is cancelled because the engine could not look."""
    world.run("t-1")
    throttled = {operation: refusal("ThrottlingException", operation)}

    def refuse(asked: str) -> None:
        if asked in throttled:
            raise throttled[asked]

    world.ssm.before = refuse
    for hours in range(1, 20):
        world.watch(hours=hours)
    assert world.tokens.told == {} and not world.ssm.cancelled
    throttled.clear()
    world.ssm.answer("c-0", EVENTS)
    world.watch(hours=21)
    assert world.tokens.told == {"t-1": {"status": "Succeeded"}}


def test_a_target_waits_for_its_moment_without_a_place_and_is_sent_to_once(world: World, full: None) -> None:
    """Invariants 1 and 4, also when the watch hands it out twice."""
    world.run("t-1")
    assert world.target().status is TargetStatus.PENDING and not world.ssm.sent
    assert len(world.queued("turns")) == 1, "the watch is woken"
    world.watch(hours=0)
    (handed,) = world.queued("moments")
    for _ in range(2):
        world.send_parked(handed)
    assert len(world.ssm.sent) == 1 and world.target().status is TargetStatus.IN_PROGRESS
    world.ssm.answer("c-0", EVENTS)
    world.report()
    assert world.tokens.told == {"t-1": {"status": "Succeeded"}}


def test_a_function_killed_after_sending_at_a_moment_finds_its_command_again(world: World, full: None) -> None:
    world.run("t-1")
    world.watch(hours=0)
    (handed,) = world.queued("moments")
    with pytest.MonkeyPatch.context() as killed:
        killed.setattr("functions.store.records.targets.store_command", _killed)
        with pytest.raises(KeyboardInterrupt):
            world.send_parked(handed)
    world.send_parked(handed)
    assert world.tokens.told == {"t-1": {"status": "Wait", "seconds": 1}}, "a copy leaves it to the first call"
    world.send_parked(handed, minutes=2)
    assert len(world.ssm.sent) == 1 and world.target().segments["0"].command_id == "c-0"


def test_a_call_that_will_not_come_to_the_last_targets_leaves_them_to_another_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AWS is so slow that one send takes all the time that the function has."""
    monkeypatch.setattr("functions.engine.running.sends._LONGEST", -1)
    waits = [watching.Wait(kind=watching.WaitKind.SEND, target_id=f"i-{n}", task_token=f"t-{n}") for n in range(2)]
    chain.hand_out(ID, waits, Moments(first=pacer.now(), count=2, interval=50, throttled_at=0))
    (handed,) = world.queued("moments")
    world.send_parked(handed)
    (left,) = world.queued("moments")
    assert len(world.ssm.sent) == 1
    world.ssm.answer("c-0", EVENTS)
    world.report()
    world.done()
    world.send_parked(left)
    assert [sent["InstanceIds"] for sent in world.ssm.sent] == [["i-0"], ["i-1"]] and not world.queued("moments")


def _killed(*given: Any, **named: Any) -> None:
    raise KeyboardInterrupt


def test_a_stop_lets_targets_go_that_wait_for_their_moment(world: World, full: None) -> None:
    world.run("t-1")
    deployments.mark_stop(ID, stop_mark.by_person("me", NOW))
    world.watch(hours=0)
    assert world.tokens.told == {"t-1": {"status": "Skipped"}} and world.queued("moments") == []


def test_an_error_at_its_moment_is_for_the_state_to_meet(world: World, full: None) -> None:
    world.run("t-1")
    world.watch(hours=0)
    (handed,) = world.queued("moments")
    world.ssm.refuses = refusal("ValidationException")
    world.send_parked(handed)
    assert world.tokens.told == {"t-1": {"status": "Wait", "seconds": 1}}


def test_what_begins_to_wait_while_the_watch_goes_to_rest_is_found(world: World, store: Store) -> None:
    """It sees a chain that is at work, and does not wake it."""
    world.run("t-1")

    def wait() -> None:
        found = watching.Wait(kind=watching.WaitKind.SEND, target_id="i-1", task_token="t-2")
        watching.add(ID, found)

    store.before_next_write(lambda: None)
    store.before_next_write(wait)  # before it says that it rests
    world.watch()
    (body,) = world.queued("turns")
    assert json.loads(body)["turn"] == 2, "woken at once"


def test_who_waits_anew_while_another_watch_hands_out_is_not_forgotten(world: World) -> None:
    """Two chains at once: one was slow, and the other one was woken."""
    first = watching.Wait(kind=watching.WaitKind.SEND, target_id="i-0", task_token="t-1", since=1)
    other = watching.Wait(kind=watching.WaitKind.SEND, target_id="i-1", task_token="t-2", since=1)
    assert watching.add(ID, first) and watching.add(ID, other) and not watching.add(ID, first)
    watching.remove(ID, [first])
    anew = replace(first, since=2)
    assert watching.add(ID, anew)
    watching.remove(ID, [first, other])
    assert watching.waits(ID, watching.WaitKind.SEND, 10) == [anew]


def test_many_commands_are_read_by_the_page(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("functions.aws.fleet.ssm._FEW", 0)
    world.run("t-1")
    world.ssm.answer("c-0", EVENTS)
    world.watch()
    assert world.ssm.lists == 1 and world.tokens.told == {"t-1": {"status": "Succeeded"}}


def test_a_turn_over_which_aws_fails_comes_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(deployment_id: str, number: int) -> None:
        raise OSError("no way to AWS")

    monkeypatch.setattr("functions.engine.running.watch.tick", fail)
    body = json.dumps({"deployment_id": ID, "turn": 1})
    answer = watch.handler({"Records": [message(body)]}, world.context)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m"}]}
