"""Segments: the runs of lifecycle events that one Run Command carries, and what SSM's answer means.

Source of the SSM statuses: Systems Manager User Guide, "Understanding command statuses".
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from functions.core.causes import Cause
from functions.core.records import (
    IN_PLACE_STEPS,
    Diagnostics,
    HostWait,
    LifecycleEventRecord,
    Segment,
    SegmentResult,
    Step,
    Target,
    TargetFailure,
)
from functions.core.statuses import LifecycleErrorCode, LifecycleEventStatus, TargetStatus
from functions.core.text.plain_text import visible
from functions.core.text.times import timestamp
from host.lifecycle import START, LifecycleEvent
from host.report import Report

FINAL_COMMAND_STATUSES = frozenset({"Success", "Failed", "TimedOut", "Cancelled"})
_AT_WORK = frozenset({"InProgress", "Cancelling"})
_STARTED = FINAL_COMMAND_STATUSES | _AT_WORK

_CAUSES = {
    "DeliveryTimedOut": (Cause.UNREACHABLE, "SSM could not deliver the command to the instance in time"),
    "Undeliverable": (Cause.UNREACHABLE, "SSM could not deliver the command to the instance"),
    "Terminated": (Cause.UNREACHABLE, "SSM ended the command"),
    "ExecutionTimedOut": (Cause.TIMEOUT, "the lifecycle event did not end in the time that SSM gives it"),
    "TimedOut": (Cause.TIMEOUT, "the lifecycle event did not end in the time that SSM gives it"),
    "Cancelled": (Cause.STOPPED, "the command was cancelled because the deployment is stopping"),
    "Canceled": (Cause.STOPPED, "the command was cancelled because the deployment is stopping"),
    "AccessDenied": (Cause.DENIED, "SSM was denied access to the instance"),
    "InvalidPlatform": (Cause.UNSUPPORTED, "the instance's platform cannot run the command: hosts run Linux"),
}
_AGENT_GONE = "document process failed unexpectedly"  # the agent's words when it comes back from a crash or reboot
_SKIPPED = re.compile(r"Step execution skipped due to|Plugin with name \S+ is not supported")  # agent's words, too
_NO_LINUX = "the SSM Agent cannot run the steps: hosts run Linux, with a current SSM Agent"
_MAX_EXIT_CODE = 255
_REPORTS = 64  # of hosts that are kept as read
_LEFTOVER = 400  # characters of a step's output that a message quotes when the runner left no verdict


def pending_events(steps: Sequence[Step] = IN_PLACE_STEPS) -> tuple[LifecycleEventRecord, ...]:
    """The events of a target before anything has run: those of all steps, in order, Pending."""
    return tuple(LifecycleEventRecord(name=event.value) for step in steps for event in step.events)


def read_invocation(invocation: Mapping[str, Any], events: tuple[LifecycleEvent, ...]) -> SegmentResult | None:
    """What a finished command invocation (an item of ListCommandInvocations with Details) says; None while it runs.

    The first event that did not succeed fails the segment; later ones are Skipped, as CodeDeploy shows them.
    """
    if invocation.get("Status") not in FINAL_COMMAND_STATUSES:
        return None
    records, failure = _read_steps(invocation, events)
    status = TargetStatus.FAILED if failure else TargetStatus.SUCCEEDED
    return SegmentResult(status=status, events=records, failure=failure)


def with_progress(target: Target, step: int, invocation: Mapping[str, Any]) -> Target:
    """The target with the events of a step as far as its command has come; as it is when SSM shows no command.

    It was updated last when the newest of these events began or ended.
    """
    if not invocation:
        return target
    records, _ = _read_steps(invocation, target.steps[step].events)
    times = [time for record in records for time in (record.start_time, record.end_time) if time]
    updated = max([*times, target.last_updated_at or ""]) or None
    return replace(target, events=merged(target.events, records), last_updated_at=updated)


def merged(
    before: Sequence[LifecycleEventRecord], now: Sequence[LifecycleEventRecord]
) -> tuple[LifecycleEventRecord, ...]:
    """The events of a target after some of them changed, in the same order."""
    return tuple({event.name: event for event in (*before, *now)}.values())


def with_end_times(events: Sequence[LifecycleEventRecord], now: str) -> tuple[LifecycleEventRecord, ...]:
    """Events that are over, each with an end time: a Skipped one has no start time, but an end time (as observed of
    CodeDeploy). `now` where nothing better is known."""
    over = (LifecycleEventStatus.SUCCEEDED, LifecycleEventStatus.FAILED, LifecycleEventStatus.SKIPPED)
    return tuple(
        replace(event, end_time=now) if event.status in over and event.end_time is None else event for event in events
    )


def closed_events(target: Target, now: str) -> tuple[LifecycleEventRecord, ...]:
    """The events of a target that ends at `now`: those that have not ended are Skipped, or Unknown once their step has
    begun (a segment with its command), of which the engine heard nothing."""
    sent = [step for number, step in enumerate(target.steps) if _is_sent(target, number)]
    unheard = {event.value for step in sent for event in step.events}
    going = (LifecycleEventStatus.PENDING, LifecycleEventStatus.IN_PROGRESS)
    return tuple(
        replace(
            event,
            status=LifecycleEventStatus.UNKNOWN if event.name in unheard else LifecycleEventStatus.SKIPPED,
            end_time=now,
        )
        if event.status in going
        else event
        for event in target.events
    )


def _is_sent(target: Target, step: int) -> bool:
    run = target.segments.get(str(step))
    is_segment = isinstance(target.steps[step], Segment)
    return run is not None and (run.command_id is not None or not is_segment)


def failed_without_report(cause: Cause, message: str, events: tuple[LifecycleEvent, ...]) -> SegmentResult:
    """A segment that ended without a word from the host."""
    first = LifecycleEventRecord(
        name=events[0].value,
        status=LifecycleEventStatus.FAILED,
        diagnostics=Diagnostics(error_code=cause.lifecycle_error_code, message=message),
    )
    rest = (LifecycleEventRecord(name=event.value, status=LifecycleEventStatus.SKIPPED) for event in events[1:])
    return SegmentResult(status=TargetStatus.FAILED, events=(first, *rest), failure=_failure(first, cause))


def wait_for_host(
    target: Target, step: int, result: SegmentResult, *, at_most: int, now: str
) -> HostWait | SegmentResult:
    """What a target does whose host another deployment has: it waits, or has failed after `at_most` seconds.

    Where another command of its own deployment has the host, which was sent and not recorded, it waits for that one's
    end, however long its scripts take: the next command then reports what they did.
    """
    if result.failure is None:
        return result
    is_own = result.failure.message.startswith(f"deployment {target.deployment_id} ")  # host/posix/journal.py
    since = target.host_wait.since if target.host_wait and target.host_wait.step == step else now
    waited = (datetime.fromisoformat(now) - datetime.fromisoformat(since)).total_seconds()
    if is_own or waited < at_most:
        return HostWait(message=result.failure.message, since=since, step=step)
    message = f"{result.failure.message}; waited {waited:.0f} of {at_most} seconds (hostBusy)"
    return replace(result, failure=replace(result.failure, message=message))


def _read_steps(
    invocation: Mapping[str, Any], events: tuple[LifecycleEvent, ...]
) -> tuple[tuple[LifecycleEventRecord, ...], TargetFailure | None]:
    """The events of an invocation, running or ended, and what failed it."""
    steps = {step["Name"]: step for step in invocation.get("CommandPlugins", ())}
    over, runs = invocation.get("Status") in FINAL_COMMAND_STATUSES, invocation.get("Status") in _AT_WORK
    records: list[LifecycleEventRecord] = []
    failure: TargetFailure | None = None
    for event in events:
        step = steps.get(event.value, {})
        if event is events[0] and steps.get(START, step).get("Status") != "Success":
            step = steps.get(START, step)  # as long as the segment has not begun, its first event has not
        if failure:
            status, ended = LifecycleEventStatus.SKIPPED, records[-1].end_time
            records.append(LifecycleEventRecord(name=event.value, status=status, end_time=ended))
        elif over or step.get("Status") in FINAL_COMMAND_STATUSES:
            record, failed, may_continue = _read_step(event, step, invocation)
            records.append(record)
            failure = None if may_continue else failed
        elif runs:
            records.append(_running(event, step, since=records[-1].end_time if records else None))
            runs = False
        else:
            records.append(LifecycleEventRecord(name=event.value))
    return tuple(records), failure


def _running(event: LifecycleEvent, step: Mapping[str, Any], *, since: str | None) -> LifecycleEventRecord:
    """The first step that has not ended. The agent reports a step at its end, so SSM may call this one Pending still:
    it began when the one before it ended (source: amazon-ssm-agent, runpluginutil/runplugins.go)."""
    began = _time(step.get("ResponseStartDateTime")) if step.get("Status") in _AT_WORK else since
    return LifecycleEventRecord(name=event.value, status=LifecycleEventStatus.IN_PROGRESS, start_time=began)


def _read_step(
    event: LifecycleEvent, step: Mapping[str, Any], invocation: Mapping[str, Any]
) -> tuple[LifecycleEventRecord, TargetFailure | None, bool]:
    """One step: its record, why it failed if it did, and whether the runner let the segment go on.

    A step has succeeded when the runner says so: SSM calls a step that it skipped a success, too.
    """
    report = _report(str(step.get("Output", "")))

    def record(status: LifecycleEventStatus, diagnostics: Diagnostics) -> LifecycleEventRecord:
        return LifecycleEventRecord(
            name=event.value,
            status=status,
            start_time=_time(step.get("ResponseStartDateTime")),
            end_time=_time(step.get("ResponseFinishDateTime")),
            diagnostics=diagnostics,
        )

    ended_well = step.get("Status") == "Success"
    is_its_own = report and report.event in (event.value, START)
    if report and is_its_own and (ended_well or report.status == LifecycleEventStatus.FAILED):
        diagnostics = _diagnostics(report.error_code, report.script_name, report.message, report.log_tail)
        reported = record(LifecycleEventStatus(report.status), diagnostics)
        if reported.status is not LifecycleEventStatus.FAILED:
            return reported, None, ended_well
        return reported, _failure(reported, Cause(report.cause or Cause.ENGINE), report.exit_code), ended_well
    cause, message = _without_verdict(step, invocation)
    diagnostics = Diagnostics(error_code=cause.lifecycle_error_code, message=message)
    failed = record(LifecycleEventStatus.FAILED, diagnostics)
    return failed, _failure(failed, cause), False


def _without_verdict(step: Mapping[str, Any], invocation: Mapping[str, Any]) -> tuple[Cause, str]:
    """Why a step failed whose runner said nothing: SSM's own words, of the step if it ran, else of the invocation."""
    source = step if step.get("Status") in _STARTED else invocation
    details = str(source.get("StatusDetails") or source.get("Status", "")).replace(" ", "")
    if known := _CAUSES.get(details):
        return known
    if known := _CAUSES.get(str(invocation.get("StatusDetails", "")).replace(" ", "")):
        return known
    if _SKIPPED.match(str(step.get("Output", ""))):
        return Cause.UNSUPPORTED, _NO_LINUX
    if _AGENT_GONE in str(step.get("Output", "")):
        return Cause.UNREACHABLE, "the host or its SSM Agent went down while the command ran"
    output = visible(str(step.get("Output", "")), keep="\n\t").strip()[-_LEFTOVER:]
    words = f"exit code {step.get('ResponseCode', 'unknown')}" + (f", output: {output}" if output else "")
    return Cause.ENGINE, f"the host runner did not report ({details or 'no status'}, {words})"


@lru_cache(maxsize=_REPORTS)
def _report(output: str) -> Report | None:
    """What the runner says in a step's output, if it is there and whole. Most hosts of a deployment say the same."""
    for report in filter(None, map(Report.read, output.splitlines())):
        try:
            LifecycleErrorCode(report.error_code)
            LifecycleEventStatus(report.status)
            Cause(report.cause or Cause.ENGINE)
        except (ValueError, TypeError):
            continue
        return report._replace(
            script_name=str(report.script_name), message=str(report.message), log_tail=str(report.log_tail)
        )
    return None


@lru_cache(maxsize=_REPORTS)
def _diagnostics(error_code: str, script_name: str, message: str, log_tail: str) -> Diagnostics:
    return Diagnostics(
        error_code=LifecycleErrorCode(error_code), script_name=script_name, message=message, log_tail=log_tail
    )


def _failure(record: LifecycleEventRecord, cause: Cause, exit_code: object = None) -> TargetFailure:
    """`exit_code`: as the host's report has it, negative for a signal; a runner of an older engine tells none."""
    diagnostics = record.diagnostics or Diagnostics()
    code = exit_code if type(exit_code) is int and abs(exit_code) <= _MAX_EXIT_CODE else None
    return TargetFailure(
        cause=cause,
        message=diagnostics.message,
        event=record.name,
        script_name=diagnostics.script_name or None,
        exit_code=code if code is not None and code >= 0 else None,
        signal=-code if code is not None and code < 0 else None,
    )


def _time(value: datetime | str | None) -> str | None:
    """boto3 gives datetimes; a plugin that has not started has none."""
    if isinstance(value, datetime):
        return timestamp(value)
    return value
