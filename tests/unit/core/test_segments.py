"""What SSM's answer means for a target."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from functions.core.causes import Cause
from functions.core.records import SegmentResult
from functions.core.segments import IN_PLACE, lost, read_invocation
from functions.core.statuses import LifecycleErrorCode, LifecycleEventStatus, TargetStatus

START = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
NAMES = [event.value for event in IN_PLACE]


def said(event: str, status: str = "Succeeded", code: str = "Success", **fields: Any) -> str:
    line = {"stepdeploy": 1, "event": event, "status": status, "error_code": code, "cause": None}
    return json.dumps({**line, "script_name": "", "message": "", "log_tail": "", **fields}) + "\n"


def step(event: str, status: str = "Success", output: str | None = None, details: str | None = None) -> dict[str, Any]:
    return {
        "Name": event,
        "Status": status,
        "StatusDetails": details or status,
        "ResponseCode": 0 if status == "Success" else 1,
        "ResponseStartDateTime": START,
        "ResponseFinishDateTime": START,
        "Output": said(event) if output is None else output,
    }


def invocation(steps: list[dict[str, Any]], status: str = "Success", details: str | None = None) -> dict[str, Any]:
    return {"Status": status, "StatusDetails": details or status, "CommandPlugins": steps}


def read(*arguments: Any, **named: Any) -> SegmentResult:
    result = read_invocation(invocation(*arguments, **named))
    assert result
    return result


@pytest.mark.parametrize("status", ["Pending", "InProgress", "Delayed", "Cancelling"])
def test_a_running_command_has_no_result(status: str) -> None:
    assert read_invocation(invocation([], status)) is None


def test_all_steps_succeeded() -> None:
    result = read([step(name) for name in NAMES])
    assert result.status is TargetStatus.SUCCEEDED and result.failure is None
    assert [event.name for event in result.events] == NAMES
    assert {event.status for event in result.events} == {LifecycleEventStatus.SUCCEEDED}
    assert result.events[0].start_time == "2026-11-23T10:00:00.000Z"


def test_a_failed_script_fails_its_event_and_skips_the_later_ones() -> None:
    output = said(
        "AfterInstall", "Failed", "ScriptFailed", cause="SCRIPT", script_name="a.sh", message="exit 3", log_tail="oops"
    )
    steps = [step(name) for name in NAMES[:4]] + [step("AfterInstall", "Failed", output), step(NAMES[5], "Pending", "")]
    result = read(steps, "Failed")
    assert [event.status for event in result.events[4:]] == [
        LifecycleEventStatus.FAILED,
        LifecycleEventStatus.SKIPPED,
        LifecycleEventStatus.SKIPPED,
    ]
    diagnostics = result.events[4].diagnostics
    assert diagnostics and diagnostics.error_code is LifecycleErrorCode.SCRIPT_FAILED and diagnostics.log_tail == "oops"
    assert result.failure and result.failure.cause is Cause.SCRIPT and result.failure.script_name == "a.sh"


def test_an_ignored_application_stop_failure_stays_failed_while_the_target_succeeds() -> None:
    output = said("ApplicationStop", "Failed", "ScriptFailed", cause="SCRIPT", message="exit 1")
    result = read([step("ApplicationStop", "Success", output)] + [step(name) for name in NAMES[1:]])
    assert result.status is TargetStatus.SUCCEEDED
    assert result.events[0].status is LifecycleEventStatus.FAILED


@pytest.mark.parametrize(
    ("details", "cause"),
    [
        ("Delivery Timed Out", Cause.UNREACHABLE),
        ("DeliveryTimedOut", Cause.UNREACHABLE),
        ("Undeliverable", Cause.UNREACHABLE),
        ("Execution Timed Out", Cause.TIMEOUT),
        ("Canceled", Cause.STOPPED),
        ("AccessDenied", Cause.DENIED),
    ],
)
def test_a_command_that_ended_without_a_word_says_why_in_ssms_terms(details: str, cause: Cause) -> None:
    result = read([step(name, "Pending", "") for name in NAMES], "TimedOut", details)
    assert result.failure and result.failure.cause is cause
    assert result.events[0].status is LifecycleEventStatus.FAILED
    assert {event.status for event in result.events[1:]} == {LifecycleEventStatus.SKIPPED}


def test_a_cancelled_command_fails_the_event_that_ran() -> None:
    steps = [step(name) for name in NAMES[:3]] + [step("Install", "Cancelled", "")]
    result = read(steps, "Cancelled")
    assert [event.status for event in result.events[2:5]] == [
        LifecycleEventStatus.SUCCEEDED,
        LifecycleEventStatus.FAILED,
        LifecycleEventStatus.SKIPPED,
    ]
    assert result.failure and result.failure.cause is Cause.STOPPED


@pytest.mark.parametrize("output", ["", "garbage", "{", '{"event": "Install"}', '{"error_code": "Nonsense"}'])
def test_a_step_whose_runner_left_no_verdict_is_the_engines_failure(output: str) -> None:
    result = read([step("ApplicationStop", "Failed", output)], "Failed")
    assert result.failure and result.failure.cause is Cause.ENGINE
    assert "the host runner did not report" in result.failure.message


def test_no_output_of_a_script_can_make_a_failed_step_succeed() -> None:
    """Invariant 8: what a host prints is data."""
    result = read([step("ApplicationStop", "Failed", said("ApplicationStop", "Succeeded"))], "Failed")
    assert result.status is TargetStatus.FAILED


def test_a_lost_segment_fails_its_first_event() -> None:
    result = lost(Cause.UNREACHABLE, "gone")
    assert result.events[0].status is LifecycleEventStatus.FAILED and len(result.events) == len(NAMES)
    assert result.failure and result.failure.message == "gone"
