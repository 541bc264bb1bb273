"""A segment on one host: sent once, recorded once, whoever sees its end first (docs/how-it-works.md)."""

from dataclasses import replace
from datetime import datetime, timedelta

from functions.aws import bucket, clock, kms, runner, ssm, tokens
from functions.core import instructions
from functions.core.causes import Cause
from functions.core.command_result import SEGMENTS, lost, read_invocation, wait_for_host, with_end_times
from functions.core.gate import Answer
from functions.core.records import Deployment, HostWait, SegmentResult, SegmentRun, Target
from functions.core.selection import ONLINE
from functions.core.statuses import TargetStatus
from functions.store import deployments, targets
from functions.telemetry import logger

_CLOCK_SKEW = timedelta(minutes=5)


def send(deployment: Deployment, target: Target, segment: int, token: str) -> str | None:
    """Send the segment to a target that the gate let go; its status when that is known at once."""
    events = SEGMENTS[segment]
    longest = timedelta(seconds=ssm.DELIVERY_SECONDS + instructions.longest_seconds(events))
    told = instructions.instructions(
        deployment,
        target.target_id,
        events=events,
        expires_at=int((clock.now() + longest).timestamp()),
        runner=runner.location(),
        bundle_url=bucket.bundle_url(deployment.revision),
        logs=bucket.log_upload(deployment.deployment_id, target.target_id),
    )
    try:
        signed = kms.signed(instructions.encode(told))
        command_id = ssm.send(target.target_id, signed, comment=_comment(target, segment))
    except ssm.Refused as refused:
        return record(target, segment, lost(refused.cause, str(refused), events))
    return _follow(target, segment, command_id, token)


def resume(deployment: Deployment, target: Target, segment: int, token: str) -> str | None:
    """A target that was let go but has no command on record: a function ended between the two. Find it or send it.

    Sending it a second time would do no harm (the host's journal runs nothing twice), but its first command could not
    be cancelled any more.
    """
    since = datetime.fromisoformat(target.last_updated_at or deployment.create_time) - _CLOCK_SKEW
    command_id = ssm.find(target.target_id, _comment(target, segment), since)
    if command_id:
        logger.info("adopted a command that was sent but not recorded", command_id=command_id)
        return _follow(target, segment, command_id, token)
    if deployment.stop:
        return TargetStatus.SKIPPED
    return send(deployment, target, segment, token)


def reconcile(target: Target, segment: int, command_id: str, token: str) -> str | None:
    """The state waits anew for a command that was sent before: look whether its event was lost."""
    targets.store_token(target, segment, token)
    status = look(target, segment, command_id)
    if status is None and (ping := ssm.ping([target.target_id]).get(target.target_id)) != ONLINE:
        ssm.cancel(command_id, target.target_id)
        message = f"SSM lost the instance while the command ran ({ping or 'it is not managed any more'})"
        return record(target, segment, lost(Cause.UNREACHABLE, message, SEGMENTS[segment]))
    return status


def look(target: Target, segment: int, command_id: str) -> str | None:
    """Read the command once and record its end; None while it runs."""
    result = read_invocation(ssm.invocation(command_id, target.target_id), SEGMENTS[segment])
    if result and result.failure and result.failure.cause is Cause.BUSY:
        return _found_busy(target, segment, command_id, result)
    return record(target, segment, result) if result else None


def _found_busy(target: Target, segment: int, command_id: str, result: SegmentResult) -> str | None:
    """The target waits and asks again later, or fails, as its group says."""
    deployment, now = deployments.get(target.deployment_id), clock.timestamp()
    at_most = deployment.settings.host_busy_seconds if deployment else 0
    wait = wait_for_host(target, result, at_most=at_most, now=now)
    if not isinstance(wait, HostWait):
        return record(target, segment, wait)
    run = targets.wait_for_host(target, segment, command_id, wait, now)
    if run is None:
        return None
    if run.task_token:
        tokens.succeed(run.task_token, {"status": Answer.WAIT})
    return Answer.WAIT


def record(target: Target, segment: int, result: SegmentResult) -> str:
    """Store the end of a segment, then wake whoever waits; the status that counts (the first one stored)."""
    now = clock.timestamp()
    result = replace(result, events=with_end_times(result.events, now))
    stored = targets.record_segment(target, segment, result, now)
    run = stored.segments[str(segment)]
    status = run.status or result.status
    if run.task_token:
        tokens.succeed(run.task_token, {"status": status})
    return status


def _follow(target: Target, segment: int, command_id: str, token: str) -> str | None:
    """Put the command on record with the token that waits for it, then look once: its end may have come before."""
    now = clock.now()
    run = SegmentRun(
        command_id=command_id, sent_at=clock.timestamp(now), task_token=token, attempt=_attempt(target, segment)
    )
    expires_at = int((now + timedelta(days=targets.COMMAND_DAYS)).timestamp())
    targets.store_command(target, segment, command_id, run, expires_at=expires_at)
    current = deployments.get(target.deployment_id)
    if current and current.stop and current.stop.cancel:
        ssm.cancel(command_id, target.target_id)
    return look(replace(target, segments={**target.segments, str(segment): run}), segment, command_id)


def _comment(target: Target, segment: int) -> str:
    attempt = _attempt(target, segment)
    again = f" attempt {attempt}" if attempt else ""
    return f"stepdeploy {target.deployment_id} {target.target_id} segment {segment}{again}"


def _attempt(target: Target, segment: int) -> int:
    run = target.segments.get(str(segment))
    return run.attempt if run else 0
