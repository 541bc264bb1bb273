"""The way of one target, branch by branch."""

from tests.statemachines.conftest import Play
from tests.statemachines.scripts import SILENCE, Raises, Throttled

TARGET = {"deployment_id": "d-000000001", "target_id": "i-1"}
SUCCEEDED, FAILED, NEXT = ({"status": each} for each in ("Succeeded", "Failed", "Next"))
WAIT = {"status": "Wait", "seconds": 1}
DONE = [SUCCEEDED]


def test_a_target_takes_three_transitions(play: Play) -> None:
    run = play("target", TARGET, {"RunSegment": [SUCCEEDED], "TargetDone": DONE})
    assert run.path == ["RunSegment", "NextStep", "TargetDone"]
    assert run.status == "SUCCEEDED" and run.output == {}
    (asked,) = run.payloads("RunSegment")
    assert {name: asked[name] for name in TARGET} == TARGET and asked["task_token"]
    (told,) = run.payloads("TargetDone")
    assert told == {"deployment_id": "d-000000001", "target_id": "i-1", "segment_result": SUCCEEDED}


def test_a_lost_event_only_makes_us_late(play: Play) -> None:
    run = play("target", TARGET, {"RunSegment": [SILENCE, SILENCE, SUCCEEDED], "TargetDone": DONE})
    assert len(run.payloads("RunSegment")) == 3 and run.path[-1] == "TargetDone"


def test_a_target_that_must_wait_asks_again(play: Play) -> None:
    run = play("target", TARGET, {"RunSegment": [WAIT, WAIT, FAILED], "TargetDone": DONE})
    assert run.path == ["RunSegment", "NextStep", "AskAgain"] * 2 + ["RunSegment", "NextStep", "TargetDone"]
    assert run.payloads("TargetDone")[0]["segment_result"] == FAILED


def test_a_target_goes_from_segment_to_segment(play: Play) -> None:
    run = play("target", TARGET, {"RunSegment": [NEXT, WAIT, NEXT, FAILED], "TargetDone": DONE})
    again, asked = ["RunSegment", "NextStep"], ["RunSegment", "NextStep", "AskAgain"]
    assert run.path == [*again, *asked, *again, *again, "TargetDone"]
    assert len({call["task_token"] for call in run.payloads("RunSegment")}) == 4
    assert run.payloads("TargetDone")[0]["segment_result"] == FAILED


def test_a_throttled_or_killed_function_is_called_again(play: Play) -> None:
    answers = {"RunSegment": [Throttled(), Raises("Lambda.Unknown"), SUCCEEDED], "TargetDone": DONE}
    run = play("target", TARGET, answers)
    assert run.status == "SUCCEEDED" and run.path == ["RunSegment", "NextStep", "TargetDone"]


def test_a_function_that_fails_for_good_fails_the_target_and_not_the_machine(play: Play) -> None:
    run = play("target", TARGET, {"RunSegment": [Raises("Bug")] * 9, "TargetDone": DONE})
    assert run.status == "SUCCEEDED" and run.path == ["RunSegment", "TargetFailed"]
    (told,) = run.payloads("TargetDone")
    assert told["error"]["Error"] == "Bug" and "segment_result" not in told


def test_a_result_that_cannot_be_recorded_fails_the_target(play: Play) -> None:
    """Invariant 3: without an end it would keep its place at the gate, and the others would wait for it."""
    run = play("target", TARGET, {"RunSegment": [SUCCEEDED], "TargetDone": [*[Raises("Bug")] * 9, Raises(), *DONE]})
    assert run.status == "SUCCEEDED" and run.path[-2:] == ["TargetDone", "TargetFailed"]
    assert run.payloads("TargetDone")[-1]["error"]["Error"] == "Bug"


def test_a_busy_lambda_is_waited_for_longer_than_a_broken_function(play: Play) -> None:
    run = play("target", TARGET, {"RunSegment": [*[Throttled()] * 50, SUCCEEDED], "TargetDone": DONE})
    assert run.status == "SUCCEEDED" and run.path == ["RunSegment", "NextStep", "TargetDone"]


def test_weather_is_not_counted_as_a_crash(play: Play) -> None:
    """Invariant 9: AWS that throttles for hours fails no target."""
    late = [Raises("Busy")] * 50
    run = play("target", TARGET, {"RunSegment": [*late, SUCCEEDED], "TargetDone": [*late, *DONE]})
    assert run.status == "SUCCEEDED" and run.path == ["RunSegment", "NextStep", "TargetDone"]


def test_target_done_is_called_again_when_it_fails(play: Play) -> None:
    run = play("target", TARGET, {"RunSegment": [SUCCEEDED], "TargetDone": [Raises(), *DONE]})
    assert run.status == "SUCCEEDED" and len(run.payloads("TargetDone")) == 2
