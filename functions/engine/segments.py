"""A segment on one host: sent once, recorded once, whoever sees its end first (docs/how-it-works.md).

What comes next on a target, functions/core/rollout/steps.py decides. Everything here answers what the waiting state is
told; None while the command runs.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from functions.aws import bucket, clock, kms, runner, ssm, tokens, weather
from functions.core.causes import Cause
from functions.core.records import Deployment, HostWait, SegmentResult, SegmentRun, Target
from functions.core.rollout.command_result import failed_without_report, read_invocation, wait_for_host, with_end_times
from functions.core.rollout.instructions import instructions, longest_seconds
from functions.core.rollout.steps import Adopt, Read, Send, StepResult, StepSignal, step_result
from functions.core.statuses import TargetStatus
from functions.engine import places
from functions.store import deployments, targets
from functions.telemetry import logger

_CLOCK_SKEW = timedelta(minutes=5)


def answer(result: StepResult) -> dict[str, Any]:
    """What completes the token of a waiting state."""
    if result is StepSignal.WAIT:
        return {"status": result, "seconds": tokens.ask_again_seconds()}
    return {"status": result}


def send(deployment: Deployment, target: Target, decision: Send, token: str) -> StepResult | None:
    """Begin the step, which one call alone can, and send its segment."""
    now = clock.timestamp()
    if target.status is TargetStatus.PENDING:
        taken = places.take_out_of_service(deployment, target, now)
        if not isinstance(taken, Target):
            return taken
        begun = taken
    else:
        if not targets.begin_segment(target, decision.step, now):
            return StepSignal.WAIT
        begun = replace(target, segments={**target.segments, str(decision.step): SegmentRun()})
    return _send(deployment, begun, decision.step, token)


def adopt(deployment: Deployment, target: Target, decision: Adopt, token: str) -> StepResult | None:
    """A function ended between beginning the step and recording its command, or the host was busy.

    To send a command a second time would do no harm (the host's journal runs nothing twice), but the first one could
    not be cancelled any more.
    """
    since = datetime.fromisoformat(target.last_updated_at or deployment.create_time) - _CLOCK_SKEW
    command_id = ssm.find(target.target_id, _comment(target, decision.step), since)
    if command_id:
        logger.info("adopted a command that was sent but not recorded", command_id=command_id)
        return _record_command(target, decision.step, command_id, token)
    if isinstance(decision.otherwise, Send):
        return _send(deployment, target, decision.step, token)
    return decision.otherwise.status


def read(target: Target, decision: Read, token: str) -> StepResult | None:
    """The state waits anew for a command that was sent before: read_once whether its event was lost."""
    step, command_id = decision.step, decision.command_id
    targets.store_token(target, step, token)
    told = read_once(target, step, command_id)
    if told is None and (ping := weather.known(lambda: ssm.gone(target.target_id))):
        ssm.cancel(command_id, target.target_id)
        message = f"SSM lost the instance while the command ran ({ping})"
        return _store_result(target, step, failed_without_report(Cause.UNREACHABLE, message, target.steps[step].events))
    return told


def read_once(target: Target, step: int, command_id: str) -> StepResult | None:
    """Read the command once and record its end. What SSM does not answer now is not known."""
    invocation = weather.known(lambda: ssm.invocation(command_id, target.target_id)) or {}
    result = read_invocation(invocation, target.steps[step].events)
    if result and result.failure and result.failure.cause is Cause.BUSY:
        return _found_busy(target, step, command_id, result)
    return _store_result(target, step, result) if result else None


def _send(deployment: Deployment, target: Target, step: int, token: str) -> StepResult | None:
    events = target.steps[step].events
    longest = timedelta(seconds=ssm.DELIVERY_SECONDS + longest_seconds(events))
    told = instructions(
        deployment,
        target.target_id,
        events=events,
        expires_at=int((clock.now() + longest).timestamp()),
        runner=runner.location(),
        bundle_url=bucket.bundle_url(deployment.revision),
        logs=bucket.log_upload(deployment.deployment_id, target.target_id),
    )
    try:
        signed = kms.signed(told.encode())
        command_id = ssm.send(target.target_id, signed, comment=_comment(target, step))
    except ssm.Refused as refused:
        return _store_result(target, step, failed_without_report(refused.cause, str(refused), events))
    return _record_command(target, step, command_id, token)


def _record_command(target: Target, step: int, command_id: str, token: str) -> StepResult | None:
    """Put the command on record with the token that waits for it, then look once: its end may have come before."""
    now = clock.now()
    run = SegmentRun(
        command_id=command_id, sent_at=clock.timestamp(now), task_token=token, attempt=_attempt(target, step)
    )
    expires_at = int((now + timedelta(days=targets.COMMAND_DAYS)).timestamp())
    targets.store_command(target, step, command_id, run, expires_at=expires_at)
    current = deployments.get(target.deployment_id)
    if current and current.stop and current.stop.cancel:
        ssm.cancel(command_id, target.target_id)
    return read_once(replace(target, segments={**target.segments, str(step): run}), step, command_id)


def _found_busy(target: Target, step: int, command_id: str, result: SegmentResult) -> StepResult | None:
    """The target waits and asks again later, or fails, as its group says."""
    deployment, now = deployments.get(target.deployment_id), clock.timestamp()
    at_most = deployment.settings.host_busy_seconds if deployment else 0
    wait = wait_for_host(target, step, result, at_most=at_most, now=now)
    if not isinstance(wait, HostWait):
        return _store_result(target, step, wait)
    run = targets.wait_for_host(target, step, command_id, wait, now)
    if run is None:
        return None
    if run.task_token:
        tokens.succeed(run.task_token, answer(StepSignal.WAIT))
    return StepSignal.WAIT


def _store_result(target: Target, step: int, result: SegmentResult) -> StepResult:
    """Store the end of a segment, then wake whoever waits. What counts is the first end that is stored."""
    now = clock.timestamp()
    result = replace(result, events=with_end_times(result.events, now))
    stored = targets.record_segment(target, step, result, now)
    told = step_result(stored)
    if token := stored.segments[str(step)].task_token:
        tokens.succeed(token, answer(told))
    return told


def _comment(target: Target, step: int) -> str:
    attempt = _attempt(target, step)
    again = f" attempt {attempt}" if attempt else ""
    return f"stepdeploy {target.deployment_id} {target.target_id} segment {step}{again}"


def _attempt(target: Target, step: int) -> int:
    run = target.segments.get(str(step))
    return run.attempt if run else 0
