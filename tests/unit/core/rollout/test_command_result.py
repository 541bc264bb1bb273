"""What SSM's answer means for a target."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from functions.core.causes import Cause
from functions.core.records import LifecycleEventRecord, Segment, SegmentResult, SegmentRun, Target
from functions.core.rollout.command_result import (
    closed_events,
    failed_without_report,
    pending_events,
    read_invocation,
    with_end_times,
    with_progress,
)
from functions.core.statuses import LifecycleErrorCode, LifecycleEventStatus, TargetStatus
from host.lifecycle import IN_PLACE, LifecycleEvent

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
    result = read_invocation(invocation(*arguments, **named), IN_PLACE)
    assert result
    return result


@pytest.mark.parametrize("status", ["Pending", "InProgress", "Delayed", "Cancelling"])
def test_a_running_command_has_no_result(status: str) -> None:
    assert read_invocation(invocation([], status), IN_PLACE) is None


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


@pytest.mark.parametrize(
    ("said_of_it", "exit_code", "signal"),
    [
        ({"exit_code": 3}, 3, None),
        ({"exit_code": -9}, None, 9),
        ({"exit_code": None}, None, None),
        ({}, None, None),  # a runner of an older engine
        ({"exit_code": "3"}, None, None),
        ({"exit_code": True}, None, None),
        ({"exit_code": 10**30}, None, None),
        ({"exit_code": [3]}, None, None),
    ],
)
def test_how_a_script_ended_is_a_field_not_a_sentence(
    said_of_it: dict[str, Any], exit_code: int | None, signal: int | None
) -> None:
    output = said(NAMES[0], "Failed", "ScriptFailed", cause="SCRIPT", message="failed with exit code 7", **said_of_it)
    result = read([step(NAMES[0], "Failed", output)], "Failed")
    assert result.failure and (result.failure.exit_code, result.failure.signal) == (exit_code, signal)


def test_an_ignored_application_stop_failure_stays_failed_while_the_target_succeeds() -> None:
    output = said("ApplicationStop", "Failed", "ScriptFailed", cause="SCRIPT", message="exit 1")
    result = read([step("ApplicationStop", "Success", output)] + [step(name) for name in NAMES[1:]])
    assert result.status is TargetStatus.SUCCEEDED
    assert result.events[0].status is LifecycleEventStatus.FAILED


def test_an_ignored_application_stop_failure_is_not_what_failed_a_target_that_fails_later() -> None:
    ignored = said("ApplicationStop", "Failed", "ScriptFailed", cause="SCRIPT", message="exit 1")
    fatal = said("BeforeInstall", "Failed", "ScriptFailed", cause="SCRIPT", message="exit 2")
    steps = [
        step("ApplicationStop", "Success", ignored),
        step("DownloadBundle"),
        step("BeforeInstall", "Failed", fatal),
    ]
    result = read(steps, "Failed")
    assert result.failure and result.failure.event == "BeforeInstall"
    assert [event.status for event in result.events[:4]] == [
        LifecycleEventStatus.FAILED,
        LifecycleEventStatus.SUCCEEDED,
        LifecycleEventStatus.FAILED,
        LifecycleEventStatus.SKIPPED,
    ]


@pytest.mark.parametrize(
    ("details", "cause"),
    [
        ("Delivery Timed Out", Cause.UNREACHABLE),
        ("DeliveryTimedOut", Cause.UNREACHABLE),
        ("Undeliverable", Cause.UNREACHABLE),
        ("Execution Timed Out", Cause.TIMEOUT),
        ("Canceled", Cause.STOPPED),
        ("AccessDenied", Cause.DENIED),
        ("InvalidPlatform", Cause.UNSUPPORTED),
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


SKIPPED = (
    "Step execution skipped due to unsatisfied preconditions: '\"StringEquals\": [platformType, Linux]'. Step name: {}"
)


@pytest.mark.parametrize("words", [SKIPPED, "Step execution skipped due to incompatible platform. Step name: {}"])
def test_steps_that_the_agent_skips_are_of_a_host_that_is_not_supported(words: str) -> None:
    """SSM calls them a success, and so the command; nothing was touched."""
    steps = [{**step(name), "Output": words.format(name)} for name in ("Start", *NAMES)]
    result = read(steps)
    assert result.failure and result.failure.cause is Cause.UNSUPPORTED and "Linux" in result.failure.message
    assert result.events[0].status is LifecycleEventStatus.FAILED


def test_no_output_of_a_script_can_make_a_failed_step_succeed() -> None:
    """Invariant 8: what a host prints is data."""
    result = read([step("ApplicationStop", "Failed", said("ApplicationStop", "Succeeded"))], "Failed")
    assert result.status is TargetStatus.FAILED


def test_a_lost_segment_fails_its_first_event() -> None:
    result = failed_without_report(Cause.UNREACHABLE, "gone", IN_PLACE)
    assert result.events[0].status is LifecycleEventStatus.FAILED and len(result.events) == len(NAMES)
    assert result.failure and result.failure.message == "gone"


def at(steps: list[dict[str, Any]], status: str = "InProgress") -> tuple[LifecycleEventRecord, ...]:
    """The events of a target whose command is there."""
    target = Target(deployment_id="d-000000001", target_id="i-0", events=pending_events())
    return with_progress(target, 0, invocation(steps, status)).events


def statuses(events: tuple[LifecycleEventRecord, ...]) -> list[str]:
    return [event.status for event in events]


def test_the_event_that_runs_is_in_progress_and_the_later_ones_are_pending() -> None:
    running = {"Name": "DownloadBundle", "Status": "InProgress", "ResponseStartDateTime": START, "Output": ""}
    events = at([step("ApplicationStop"), running, {"Name": "BeforeInstall", "Status": "Pending"}])
    assert statuses(events) == ["Succeeded", "InProgress", *["Pending"] * 5]
    assert events[0] == read([step(name) for name in NAMES]).events[0]
    assert events[1] == LifecycleEventRecord(
        name="DownloadBundle", status=LifecycleEventStatus.IN_PROGRESS, start_time="2026-11-23T10:00:00.000Z"
    )


def test_the_event_after_one_that_ended_runs_since_then_though_its_host_has_not_said_so() -> None:
    events = at([step("ApplicationStop"), step("DownloadBundle"), {"Name": "BeforeInstall", "Status": "Pending"}])
    assert statuses(events)[:4] == ["Succeeded", "Succeeded", "InProgress", "Pending"]
    assert events[2].start_time == events[1].end_time
    assert statuses(at([]))[:2] == ["InProgress", "Pending"]


@pytest.mark.parametrize("status", ["Pending", "Delayed"])
def test_nothing_runs_before_the_host_has_the_command(status: str) -> None:
    assert at([], status) == pending_events()


def test_a_command_that_is_being_cancelled_still_runs_its_event() -> None:
    assert statuses(at([step("ApplicationStop")], "Cancelling"))[:3] == ["Succeeded", "InProgress", "Pending"]


def test_an_event_that_failed_shows_so_before_the_command_has_ended() -> None:
    output = said("DownloadBundle", "Failed", "UnknownError", cause="DISK", message="no space")
    events = at([step("ApplicationStop"), step("DownloadBundle", "Failed", output)])
    assert statuses(events) == ["Succeeded", "Failed", *["Skipped"] * 5]
    assert events[1].diagnostics and events[1].diagnostics.message == "no space"


def test_an_ignored_failure_lets_the_next_event_run() -> None:
    output = said("ApplicationStop", "Failed", "ScriptFailed", cause="SCRIPT", message="exit 1")
    events = at([step("ApplicationStop", "Success", output)])
    assert statuses(events)[:3] == ["Failed", "InProgress", "Pending"]


def test_a_command_that_ended_in_the_meantime_shows_what_will_be_on_record() -> None:
    steps = [step(name) for name in NAMES]
    assert at(steps, "Success") == read(steps).events


def test_a_command_that_ssm_does_not_show_leaves_the_record() -> None:
    target = Target(deployment_id="d-000000001", target_id="i-0", events=pending_events())
    assert with_progress(target, 0, {}) == target


def test_the_events_of_other_segments_stay_as_they_are() -> None:
    before = LifecycleEventRecord(name="BlockTraffic", status=LifecycleEventStatus.SUCCEEDED)
    after = LifecycleEventRecord(name="AllowTraffic")
    target = Target(deployment_id="d-000000001", target_id="i-0", events=(before, *pending_events(), after))
    events = with_progress(target, 0, invocation([step("ApplicationStop")], "InProgress")).events
    assert [event.name for event in events] == ["BlockTraffic", *NAMES, "AllowTraffic"]
    assert (events[0], events[-1]) == (before, after)
    assert statuses(events)[1:3] == ["Succeeded", "InProgress"]


def test_events_after_the_failed_one_are_skipped_and_end_with_it() -> None:
    ended = datetime(2026, 11, 23, 10, 0, 5, tzinfo=UTC)
    failing = {**step("ApplicationStop", "Failed"), "ResponseFinishDateTime": ended}
    result = read_invocation(invocation([failing], "Failed"), IN_PLACE)
    assert result
    skipped = [event for event in result.events if event.status is LifecycleEventStatus.SKIPPED]
    assert len(skipped) == 6
    assert {(event.start_time, event.end_time) for event in skipped} == {(None, "2026-11-23T10:00:05.000Z")}


def test_times_of_any_zone_are_recorded_in_utc() -> None:
    ended = datetime(2026, 11, 23, 12, 0, 5, tzinfo=timezone(timedelta(hours=2)))
    failing = {**step("ApplicationStop", "Failed"), "ResponseFinishDateTime": ended}
    result = read_invocation(invocation([failing], "Failed"), IN_PLACE)
    assert result and result.events[0].end_time == "2026-11-23T10:00:05.000Z"


def test_a_running_target_was_updated_when_its_newest_event_was() -> None:
    begun, ended = (datetime(2026, 11, 23, 10, 0, second, tzinfo=UTC) for second in (1, 4))
    first = {**step("ApplicationStop"), "ResponseStartDateTime": begun, "ResponseFinishDateTime": ended}
    known = Target(deployment_id="d", target_id="i-1", last_updated_at="2026-11-23T10:00:00.000Z")
    seen = with_progress(known, 0, {"Status": "InProgress", "CommandPlugins": [first]})
    assert seen.last_updated_at == "2026-11-23T10:00:04.000Z"
    assert with_progress(known, 0, {"Status": "Pending"}).last_updated_at == known.last_updated_at


def test_a_host_that_says_nothing_leaves_events_with_an_end() -> None:
    events = with_end_times(
        failed_without_report(Cause.UNREACHABLE, "gone", IN_PLACE).events, "2026-11-23T10:00:09.000Z"
    )
    assert {event.end_time for event in events} == {"2026-11-23T10:00:09.000Z"}


@pytest.mark.parametrize(("run", "status"), [(SegmentRun(), "Skipped"), (SegmentRun(command_id="c"), "Unknown")])
def test_a_target_that_ends_leaves_no_event_pending(run: SegmentRun, status: str) -> None:
    """Of a command that was sent nobody knows what it did; what was not sent did nothing."""
    done = LifecycleEventRecord(name="ApplicationStop", status=LifecycleEventStatus.SUCCEEDED, end_time="then")
    steps = (Segment(events=IN_PLACE), Segment(events=(LifecycleEvent.AFTER_ALLOW_TRAFFIC,)))
    target = Target(
        deployment_id="d-000000001",
        target_id="i-0",
        steps=steps,
        events=(done, *pending_events(steps)[1:]),
        segments={"0": run},
    )
    first, *others, last = closed_events(target, "now")
    assert first == done
    assert {(event.status, event.start_time, event.end_time) for event in others} == {(status, None, "now")}
    assert (last.status, last.end_time) == ("Skipped", "now")
