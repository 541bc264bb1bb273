"""A segment on one host: sent once, recorded once, whoever sees its end first (docs/how-it-works.md)."""

from dataclasses import replace
from datetime import datetime, timedelta

from functions.aws import clock, revisions, run_command, runner, signing, targets, tokens
from functions.aws.table import COMMAND_DAYS, table
from functions.core import instructions
from functions.core.causes import Cause
from functions.core.records import Deployment, SegmentResult, SegmentRun, Target
from functions.core.segments import SEGMENTS, lost, read_invocation
from functions.core.selection import ONLINE
from functions.core.statuses import TargetStatus
from functions.telemetry import logger

_CLOCK_SKEW = timedelta(minutes=5)


def send(deployment: Deployment, target: Target, segment: int, token: str) -> str | None:
    """Send the segment to a target that the gate let go; its status when that is known at once."""
    events = SEGMENTS[segment]
    longest = timedelta(seconds=run_command.DELIVERY_SECONDS + instructions.longest_seconds(events))
    told = instructions.instructions(
        deployment,
        target.target_id,
        events=events,
        expires_at=int((clock.now() + longest).timestamp()),
        runner=runner.location(),
        bundle_url=revisions.bundle_url(deployment.revision),
        logs=revisions.log_upload(deployment.deployment_id, target.target_id),
    )
    try:
        signed = signing.signed(instructions.encode(told))
        command_id = run_command.send(target.target_id, signed, comment=_comment(target, segment))
    except run_command.Refused as refused:
        return record(target, segment, lost(refused.cause, str(refused), events))
    return _follow(target, segment, command_id, token)


def resume(deployment: Deployment, target: Target, segment: int, token: str) -> str | None:
    """A target that was let go but has no command on record: a function ended between the two. Find it or send it.

    Sending it a second time would do no harm (the host's journal runs nothing twice), but its first command could not
    be cancelled any more.
    """
    since = datetime.fromisoformat(target.last_updated_at or deployment.create_time) - _CLOCK_SKEW
    command_id = run_command.find(target.target_id, _comment(target, segment), since)
    if command_id:
        logger.info("adopted a command that was sent but not recorded", command_id=command_id)
        return _follow(target, segment, command_id, token)
    if deployment.stop:
        return TargetStatus.SKIPPED
    return send(deployment, target, segment, token)


def reconcile(target: Target, segment: int, command_id: str, token: str) -> str | None:
    """The state waits anew for a command that was sent before: look whether its event was lost."""
    table().store_token(target, segment, token)
    status = look(target, segment, command_id)
    if status is None and (ping := targets.ping([target.target_id]).get(target.target_id)) != ONLINE:
        run_command.cancel(command_id, target.target_id)
        message = f"SSM lost the instance while the command ran ({ping or 'it is not managed any more'})"
        return record(target, segment, lost(Cause.UNREACHABLE, message, SEGMENTS[segment]))
    return status


def look(target: Target, segment: int, command_id: str) -> str | None:
    """Read the command once and record its end; None while it runs."""
    result = read_invocation(run_command.invocation(command_id, target.target_id), SEGMENTS[segment])
    return record(target, segment, result) if result else None


def record(target: Target, segment: int, result: SegmentResult) -> str:
    """Store the end of a segment, then wake whoever waits; the status that counts (the first one stored)."""
    stored = table().record_segment(target, segment, result, clock.timestamp())
    run = stored.segments[str(segment)]
    status = run.status or result.status
    if run.task_token:
        tokens.succeed(run.task_token, {"status": status})
    return status


def _follow(target: Target, segment: int, command_id: str, token: str) -> str | None:
    """Put the command on record with the token that waits for it, then look once: its end may have come before."""
    now = clock.now()
    run = SegmentRun(command_id=command_id, sent_at=clock.timestamp(now), task_token=token)
    expires_at = int((now + timedelta(days=COMMAND_DAYS)).timestamp())
    table().store_command(target, segment, command_id, run, expires_at=expires_at)
    current = table().deployment(target.deployment_id)
    if current and current.stop and current.stop.cancel:
        run_command.cancel(command_id, target.target_id)
    return look(replace(target, segments={**target.segments, str(segment): run}), segment, command_id)


def _comment(target: Target, segment: int) -> str:
    return f"stepdeploy {target.deployment_id} {target.target_id} segment {segment}"
