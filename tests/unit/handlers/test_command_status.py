"""command_status: the end of a command wakes the state that waits for it, whenever its event comes."""

from dataclasses import replace
from typing import Any

import pytest

from functions.core.causes import Cause
from functions.core.statuses import LifecycleEventStatus, TargetStatus
from tests.unit.two_targets import EVENTS, World


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


def test_an_event_that_comes_before_the_command_is_on_record_is_made_up_for(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The event leaves a mark, which the function finds when it stores the command."""
    send = world.ssm.send_command

    def send_and_end(**request: Any) -> dict[str, Any]:
        answer = send(**request)
        world.ssm.answer("c-0", EVENTS)
        world.report()  # nobody knows this command yet
        return answer

    monkeypatch.setattr(world.ssm, "send_command", send_and_end)
    world.run("t-1")
    assert world.tokens.told == {"t-1": {"status": "Succeeded"}}


def test_an_end_that_ssm_does_not_show_yet_is_read_soon(world: World) -> None:
    world.run("t-1")
    world.watch()
    world.queued("turns")
    world.report()
    assert world.tokens.told == {} and len(world.queued("turns")) == 1, "the watch is woken"
    world.ssm.answer("c-0", EVENTS)
    world.watch(hours=0)
    assert world.tokens.told == {"t-1": {"status": "Succeeded"}}


def test_an_event_after_the_state_waits_anew_wakes_the_newest_token(world: World) -> None:
    world.run("t-1")
    world.run("t-2")
    world.ssm.answer("c-0", EVENTS)
    world.report()
    assert world.tokens.told["t-2"] == {"status": "Succeeded"} and len(world.ssm.sent) == 1
