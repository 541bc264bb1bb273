"""run_segment: one command for a segment, where all can come twice, late or not at all."""

import re
import time
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest

from functions.aws import weather
from functions.core.causes import Cause
from functions.core.records import Counts, Target
from functions.core.rollout import stop_mark
from functions.core.statuses import TargetStatus
from functions.core.text.shapes import to_plain
from functions.engine.running import sends
from functions.handlers import run_segment
from functions.store.keys import target_key
from functions.store.records import deployments, targets
from host import bootstrap
from host.instructions import Instructions
from host.step import INSTRUCTIONS_PATTERN
from tests.conftest import made, put_item, stand_in
from tests.fakes.service import refusal
from tests.signing import trust
from tests.store import Store
from tests.unit.inbox import Inbox
from tests.unit.two_targets import EVENTS, NOW, World, later, message, statuses, three_segments


def test_a_host_outside_ec2_is_sent_a_command_too(world: World) -> None:
    outside_ec2 = Target(deployment_id="d-000000001", target_id="mi-0", places={"d-000000001": 0})
    put_item({**target_key("d-000000001", "mi-0").item, **to_plain(outside_ec2), "segments": {}})
    world.run("t-1", "mi-0")
    assert world.ssm.sent[0]["InstanceIds"] == ["mi-0"]


def test_a_state_that_waits_anew_starts_a_dead_watch_and_asks_ssm_nothing(world: World) -> None:
    world.run("t-1")
    for token in ("t-2", "t-3"):
        world.run(token)
    assert len(world.queued("turns")) == 1 and world.ssm.lists == 0 and len(world.ssm.sent) == 1
    world.ssm.answer("c-0", EVENTS)
    world.report()
    assert world.tokens.told["t-3"] == {"status": "Succeeded"}


def test_a_call_of_an_earlier_try_that_comes_late_lets_the_state_ask_again(world: World) -> None:
    """Nobody can tell which token is the newest one: a state that would never be told waits for twelve hours."""
    world.run("t-1")
    world.run("t-2")
    world.run("t-1")
    assert world.tokens.told["t-2"] == {"status": "Wait", "seconds": 1}


def test_two_states_that_wait_anew_in_one_moment_do_not_forget_each_other(world: World, store: Store) -> None:
    world.run("t-1")
    store.before_next_write(lambda: world.run("t-2"))
    world.run("t-3")
    assert "t-2" not in world.tokens.told and world.tokens.told["t-3"] == {"status": "Wait", "seconds": 1}


def test_a_call_of_an_earlier_try_does_not_take_a_moment_away(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two wait for the target's moment: the first gets it, the other one asks again."""
    monkeypatch.setattr("functions.store.records.pacer.take", lambda *_, within=None, **__: None)
    world.run("t-1")
    world.run("t-2")
    assert world.tokens.told == {"t-2": {"status": "Wait", "seconds": 1}}


def test_a_state_that_waits_anew_in_the_moment_of_the_end_is_told(world: World, store: Store) -> None:
    """The end finds the old token, for which nobody waits any more."""
    world.run("t-1")
    world.ssm.answer("c-0", EVENTS)
    store.before_next_write(world.report)
    world.run("t-2")
    assert world.tokens.told["t-2"] == {"status": "Succeeded"}


def test_a_function_killed_after_sending_finds_its_command_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Invariant 4: nothing is sent twice."""
    with monkeypatch.context() as killed:
        killed.setattr(targets, "store_command", boom)
        with pytest.raises(RuntimeError, match="killed"):
            world.run("t-1")
    world.run("t-2", minutes=0.9)
    assert world.tokens.told == {"t-2": {"status": "Wait", "seconds": 1}} and world.ssm.lists == 0, "it may live"
    world.run("t-3", minutes=1.1)
    world.ssm.answer("c-0", EVENTS)
    world.report()
    assert len(world.ssm.sent) == 1 and world.tokens.told["t-3"] == {"status": "Succeeded"}


def test_two_calls_at_once_send_one_command(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Invariant 4. The second one comes before the first one's command is listed."""
    send = world.ssm.send_command

    def send_late(**request: Any) -> dict[str, Any]:
        monkeypatch.setattr(world.ssm, "send_command", send)
        world.run("t-1")
        return send(**request)

    monkeypatch.setattr(world.ssm, "send_command", send_late)
    world.run("t-1")
    assert len(world.ssm.sent) == 1 and world.target().segments["0"].command_id == "c-0"
    world.run("t-2")
    world.ssm.answer("c-0", EVENTS)
    world.report()
    assert world.tokens.told["t-2"] == {"status": "Succeeded"}


def test_a_target_that_may_be_sent_to_is_not_skipped(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stop comes while a call is about to send; what it has sent is no skipped target's."""
    send = world.ssm.send_command

    def send_late(**request: Any) -> dict[str, Any]:
        monkeypatch.setattr(world.ssm, "send_command", send)
        deployments.mark_stop("d-000000001", stop_mark.by_person("me", NOW))
        world.run("t-1")
        return send(**request)

    monkeypatch.setattr(world.ssm, "send_command", send_late)
    world.run("t-1")
    assert world.tokens.told == {"t-1": {"status": "Wait", "seconds": 1}}


def test_of_two_calls_that_may_send_one_does(world: World, store: Store) -> None:
    """Both found that SSM had taken no command; a stop makes one of them end the target instead."""
    world.ssm.refuses = refusal("ThrottlingException")
    world.run("t-1")
    world.ssm.refuses = None
    with later(minutes=1):
        store.before_next_write(lambda: None)  # of the pacer
        store.before_next_write(lambda: world.run("t-2"))
        world.run("t-3")
    assert len(world.ssm.sent) == 1 and world.tokens.told == {"t-3": {"status": "Wait", "seconds": 1}}


def boom(*arguments: Any, **named: Any) -> None:
    raise RuntimeError("killed")


def test_the_second_target_waits_until_the_first_is_done(world: World) -> None:
    """Invariant 1."""
    world.run("t-1")
    world.run("t-2", "i-1")
    assert world.tokens.told == {"t-2": {"status": "Wait", "seconds": 1}} and len(world.ssm.sent) == 1
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
    assert world.deployment.counts == Counts(total=2, max_out_of_service=1, failed=1, started=1)
    assert [each.status for each in targets.of("d-000000001")] == [TargetStatus.FAILED, TargetStatus.SKIPPED]


def test_a_stopping_deployment_starts_no_target(world: World) -> None:
    deployments.mark_stop("d-000000001", stop_mark.by_person("me", NOW))
    world.run("t-1")
    assert world.tokens.told == {"t-1": {"status": "Skipped"}} and not world.ssm.sent


def test_a_command_sent_while_an_alarm_stops_the_deployment_is_cancelled(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = world.ssm.send_command

    def send_while_stopping(**request: Any) -> dict[str, Any]:
        deployments.mark_stop("d-000000001", stop_mark.by_alarms(["errors"], NOW))
        return send(**request)

    monkeypatch.setattr(world.ssm, "send_command", send_while_stopping)
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


def test_a_throttled_send_waits_for_another_moment_and_slows_the_pace(world: World) -> None:
    """Invariant 9."""
    world.ssm.refuses = refusal("ThrottlingException")
    world.run("t-2")
    assert world.tokens.told == {} and not world.ssm.sent
    world.ssm.refuses = None
    world.watch(hours=0)
    (handed,) = world.queued("moments")
    world.send_parked(handed)
    assert len(world.ssm.sent) == 1 and world.ssm.lists == 0, "SSM has surely no command of it"
    world.ssm.answer("c-0", EVENTS)
    world.report()
    assert world.tokens.told == {"t-2": {"status": "Succeeded"}}


def test_what_ssm_does_not_answer_now_is_not_known(world: World) -> None:
    """Invariant 9: nothing healthy is cancelled because the engine could not look."""
    world.run("t-1")
    world.ssm.cannot_list = refusal("ThrottlingException", "ListCommandInvocations")
    for number in range(20):
        world.run(f"t-2{number}")
        world.report()
    assert {told["status"] for told in world.tokens.told.values()} == {"Wait"} and not world.ssm.cancelled
    world.ssm.cannot_list = None
    world.ssm.answer("c-0", EVENTS)
    world.report()
    assert world.tokens.told["t-219"] == {"status": "Succeeded"}


def test_an_error_that_does_not_pass_is_one(world: World) -> None:
    world.ssm.refuses = refusal("ValidationException")
    with pytest.raises(Exception, match="ValidationException"):
        world.run("t-1")


def test_a_token_that_cannot_be_completed_now_is_only_late(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def throttled(**request: Any) -> Any:
        raise refusal("ThrottlingException", "SendTaskSuccess")

    world.run("t-1")
    monkeypatch.setattr(world.tokens, "send_task_success", throttled)
    with pytest.raises(weather.Busy, match="SendTaskSuccess"):
        world.run("t-2", "i-1")


def test_a_target_that_cannot_be_ended_now_is_only_late(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.run("t-1")
    world.ssm.answer("c-0", EVENTS)
    world.report()

    def conflicts(*given: Any, **named: Any) -> bool:
        raise refusal("TransactionConflictException", "TransactWriteItems")

    with monkeypatch.context() as met:
        met.setattr(targets, "finish", conflicts)
        with pytest.raises(weather.Busy, match="TransactionConflict"):
            world.done()
    world.done()
    assert world.deployment.counts.succeeded == 1


@pytest.mark.parametrize("cancel", [True, False])
def test_a_stop_between_segments_ends_a_target_only_if_it_cancels(world: World, cancel: bool) -> None:
    """As it lets scripts run to their end, it lets no host stay half deployed."""
    first, *_ = three_segments(world)
    world.run("t-0")
    world.ssm.answer("c-0", first)
    world.report("c-0")
    deployments.mark_stop("d-000000001", stop_mark.by_person("me", NOW, cancel=cancel))
    world.run("t-1")
    assert len(world.ssm.sent) == (1 if cancel else 2)
    if cancel:
        assert world.tokens.told["t-1"] == {"status": "Failed"}
        world.done(segment_result={"status": "Failed"})
        failure = world.target().failure
        assert failure and failure.cause is Cause.STOPPED
        assert statuses(world) == ["Succeeded"] + ["Skipped"] * 10


def test_a_later_segment_that_was_sent_and_not_recorded_is_adopted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, _ = three_segments(world)
    world.run("t-0")
    world.ssm.answer("c-0", first)
    world.report("c-0")
    with monkeypatch.context() as killed:
        killed.setattr(targets, "store_command", boom)
        with pytest.raises(RuntimeError, match="killed"):
            world.run("t-1")
    world.run("t-2", minutes=2)
    world.ssm.answer("c-1", second)
    world.report("c-1")
    assert len(world.ssm.sent) == 2 and world.tokens.told["t-2"] == {"status": "Next"}


def test_what_is_sent_is_signed_for_this_host_and_these_hours_and_names_the_documents_version(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the very code that a host verifies it with."""
    world.run("t-1")
    (sent,) = world.ssm.sent
    assert (sent["DocumentName"], sent["DocumentVersion"]) == ("stepdeploy-segment", "7")
    assert (sent["DocumentHash"], sent["DocumentHashType"]) == ("d" * 64, "Sha256")
    (parameter,) = sent["Parameters"]["Instructions"]
    assert re.fullmatch(INSTRUCTIONS_PATTERN, parameter)
    modulus, exponent, sha256 = trust("0" * 64)
    monkeypatch.setenv("AWS_SSM_INSTANCE_ID", "i-0")
    payload, url = bootstrap.verify(parameter.encode(), int(modulus, 16), int(exponent), sha256)
    assert urlsplit(url).path.endswith(f"/.stepdeploy/runner/{sha256}.pyz")
    told = Instructions.decode(payload.decode())
    assert told.events == EVENTS
    expires_in = told.expires_at - time.time()
    assert 120 + 7 * 7200 - 60 < expires_in <= 120 + 7 * 7200


def test_with_a_real_sessions_token_the_instructions_stay_small(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A role's session token has up to about 1,400 characters, and stands in two URLs and a form's policy."""
    monkeypatch.setenv("AWS_SESSION_TOKEN", "abcdefghijklmn/+" * 88)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    stand_in("s3", made.__wrapped__("s3"))
    world.run("t-1")
    (parameter,) = world.ssm.sent[0]["Parameters"]["Instructions"]
    assert 11_000 < len(parameter) < 16_000


def test_a_message_that_is_none_is_set_aside(world: World, undelivered: Inbox) -> None:
    assert run_segment.handler({"Records": [message("no JSON")]}, world.context) == {"batchItemFailures": []}
    assert undelivered.read()[0]["body"] == "no JSON"


def test_a_message_over_which_aws_fails_comes_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(handed: object) -> None:
        raise OSError("no way to AWS")

    monkeypatch.setattr(sends, "send_each", fail)
    answer = run_segment.handler({"Records": [message("{}")]}, world.context)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m"}]}
