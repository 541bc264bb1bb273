"""A segment on one host: sent once, recorded once, whoever sees its end first (docs/how-it-works.md).

What comes next on a target, functions/core/rollout/steps.py decides. Everything here answers what the waiting state is
told; None while the command runs.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, assert_never

from functions.aws import bucket, clock, kms, runner, ssm, tokens, weather
from functions.core.causes import Cause
from functions.core.records import Deployment, HostWait, SegmentResult, SegmentRun, Target
from functions.core.rollout.command_result import failed_without_report, read_invocation, wait_for_host
from functions.core.rollout.instructions import instructions, longest_seconds
from functions.core.rollout.steps import (
    Adopt,
    Allow,
    Block,
    Decision,
    End,
    Read,
    Send,
    StepResult,
    StepSignal,
    next_step,
    step_result,
)
from functions.core.rollout.traffic import drain
from functions.core.statuses import TargetStatus
from functions.engine import chain, places, results, traffic
from functions.store import deployments, pacer, targets, watching
from functions.store.pacer import Moment
from functions.store.watching import WaitKind
from functions.telemetry import logger

_CLOCK_SKEW = timedelta(minutes=5)
_SOON = 2.0  # seconds that a function may wait for its moment to send


def go_on(deployment_id: str, target_id: str, token: str) -> None:
    """What comes next on a target, for the state that waits with this token. It is told when the answer is known."""
    deployment, target = _both(deployment_id, target_id)
    decision = next_step(target, deployment.stop)
    try:
        told = _carry_out(deployment, target, decision, token)
    except Exception as error:
        if not weather.passes(error):
            raise
        logger.warning("AWS is busy: the target asks again later", error=repr(error))
        told = StepSignal.WAIT
    if told is StepSignal.NEXT and isinstance(decision, Block):
        go_on(deployment_id, target_id, token)
    elif told:
        tokens.succeed(token, results.answer(told))


def send_at(deployment_id: str, wait: watching.Wait, moment: Moment, *, is_repeat: bool) -> None:
    """As `go_on`, for a target whose moment to send has come. `is_repeat`: a call before may have died.

    The watch may hand out a target twice, so one that another call is about to send to is left to it. An error is for
    the state to meet again, and to count.
    """
    deployment, target = _both(deployment_id, wait.target_id)
    decision = next_step(target, deployment.stop)
    told: StepResult | None
    try:
        match decision:
            case Adopt() if wait.is_unsent and not is_repeat:
                told = _send_again(deployment, target, decision, wait.task_token, moment)
            case Adopt() if is_repeat:
                told = adopt(deployment, target, decision, wait.task_token, moment)
            case Adopt() | Read():
                logger.info("another call has sent to the target")
                return
            case _:
                told = _carry_out(deployment, target, decision, wait.task_token, moment)
    except Exception:
        logger.exception("the state asks again")
        told = StepSignal.WAIT
    if told:
        tokens.succeed(wait.task_token, results.answer(told))


def _both(deployment_id: str, target_id: str) -> tuple[Deployment, Target]:
    logger.append_keys(deployment_id=deployment_id, target_id=target_id)
    deployment, target = deployments.get(deployment_id), targets.get(deployment_id, target_id)
    if deployment is None or target is None:
        raise LookupError(f"no record of target {target_id} in {deployment_id}")
    return deployment, target


def _carry_out(
    deployment: Deployment, target: Target, decision: Decision, token: str, moment: Moment | None = None
) -> StepResult | None:
    """What the waiting state is told, None while the command runs or the target waits for its moment."""
    match decision:
        case Send():
            return send(deployment, target, decision, token, moment)
        case Adopt():
            return adopt(deployment, target, decision, token, moment)
        case Read():
            return read(target, decision, token)
        case Block():
            return traffic.block(deployment, target, decision, token)
        case Allow():
            return traffic.allow(deployment, target, decision, token)
        case End():
            return decision.status
    assert_never(decision)


def send(
    deployment: Deployment, target: Target, decision: Send, token: str, moment: Moment | None
) -> StepResult | None:
    """Begin the step, which one call alone can, and send its segment at this moment; without one, take the next that is
    free or wait for one."""
    moment = moment or _next_moment()
    if moment is None or not pacer.is_good(moment):
        _park(target, token, moment, is_unsent=False)
        return None
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
    return _send(deployment, begun, decision.step, token, moment)


def adopt(
    deployment: Deployment, target: Target, decision: Adopt, token: str, moment: Moment | None
) -> StepResult | None:
    """A function ended between beginning the step and recording its command, or the host was busy.

    To send a command a second time would do no harm (the host's journal runs nothing twice), but the first one could
    not be cancelled any more.
    """
    since = datetime.fromisoformat(target.last_updated_at or deployment.create_time) - _CLOCK_SKEW
    command_id = ssm.find(target.target_id, _comment(target, decision.step), since)
    if command_id:
        logger.info("adopted a command that was sent but not recorded", command_id=command_id)
        return _record_command(target, decision.step, command_id, token)
    return _send_again(deployment, target, decision, token, moment)


def _send_again(
    deployment: Deployment, target: Target, decision: Adopt, token: str, moment: Moment | None
) -> StepResult | None:
    """Send the segment of a step that has begun, and of which no command was sent, unless another call does."""
    if isinstance(decision.otherwise, End):
        return decision.otherwise.status
    moment = moment or _next_moment()
    if moment is None or not pacer.is_good(moment):
        _park(target, token, moment, is_unsent=True)
        return None
    if not targets.begin_again(target, decision.step, moment.at):
        return StepSignal.WAIT
    return _send(deployment, target, decision.step, token, moment)


def read(target: Target, decision: Read, token: str) -> StepResult | None:
    """The state waits anew for a command that was sent before: its watch may be dead."""
    current = targets.store_token(target, decision.step, token)
    if current.segments[str(decision.step)].status:
        return step_result(current)
    chain.start(target.deployment_id)
    return None


def read_once(target: Target, step: int, command_id: str) -> StepResult | None:
    """Read a command of which SSM has told that it ended, and record its end. What SSM does not show now, the watch
    reads soon."""
    invocation = weather.known(lambda: ssm.invocation(command_id, target.target_id)) or {}
    told = record_end(target, step, command_id, invocation)
    run = target.segments.get(str(step))
    if told is None and run and run.command_id == command_id and run.status is None:
        chain.park(target.deployment_id, watching.Wait(kind=WaitKind.READ, target_id=target.target_id))
    return told


def record_end(target: Target, step: int, command_id: str, invocation: Mapping[str, Any]) -> StepResult | None:
    """Record the end of a command as SSM shows it; None while it runs."""
    result = read_invocation(invocation, target.steps[step].events)
    if result and result.failure and result.failure.cause is Cause.BUSY:
        return _found_busy(target, step, command_id, result)
    return results.store(target, step, result) if result else None


def end_lost(target: Target, step: int, command_id: str, why: str) -> None:
    """SSM has lost the host while the command ran."""
    ssm.cancel(command_id, target.target_id)
    message = f"SSM lost the instance while the command ran ({why})"
    results.store(target, step, failed_without_report(Cause.UNREACHABLE, message, target.steps[step].events))


def _next_moment() -> Moment | None:
    moments = pacer.take(1, seconds=1, within=_SOON)
    return moments[0] if moments else None


def _park(target: Target, token: str, moment: Moment | None, *, is_unsent: bool) -> None:
    """The watch gives the target its moment when it comes; another one than that, which is void."""
    wait = watching.Wait(kind=WaitKind.SEND, target_id=target.target_id, task_token=token, is_unsent=is_unsent)
    chain.park(target.deployment_id, wait, moment)


def _send(deployment: Deployment, target: Target, step: int, token: str, moment: Moment) -> StepResult | None:
    events = target.steps[step].events
    longest = timedelta(seconds=ssm.DELIVERY_SECONDS + longest_seconds(events))
    now = clock.now()
    told = instructions(
        deployment,
        target.target_id,
        events=events,
        expires_at=int((now + longest).timestamp()),
        runner=runner.location(),
        bundle_url=bucket.bundle_url(deployment.revision),
        logs=bucket.log_upload(deployment.deployment_id, target.target_id),
        drain=drain(deployment, target, step, clock.timestamp(now)),
    )
    try:
        signed = kms.signed(told.encode())
        command_id = ssm.send(target.target_id, signed, comment=_comment(target, step))
    except ssm.Refused as refused:
        return results.store(target, step, failed_without_report(refused.cause, str(refused), events))
    except ssm.Throttled:
        pacer.slow_down(moment)
        _park(target, token, moment, is_unsent=True)
        return None
    return _record_command(target, step, command_id, token)


def _record_command(target: Target, step: int, command_id: str, token: str) -> StepResult | None:
    """Put the command on record with the token that waits for it. Where its event came before, read it."""
    now = clock.now()
    run = SegmentRun(
        command_id=command_id, sent_at=clock.timestamp(now), task_token=token, attempt=_attempt(target, step)
    )
    expires_at = int((now + timedelta(days=targets.COMMAND_DAYS)).timestamp())
    is_running = targets.store_command(target, step, command_id, run, expires_at=expires_at)
    current = deployments.get(target.deployment_id)
    if current and current.stop and current.stop.cancel:
        ssm.cancel(command_id, target.target_id)
    sent = replace(target, segments={**target.segments, str(step): run})
    return None if is_running else read_once(sent, step, command_id)


def _found_busy(target: Target, step: int, command_id: str, result: SegmentResult) -> StepResult | None:
    """The target waits and asks again later, or fails, as its group says."""
    deployment, now = deployments.get(target.deployment_id), clock.timestamp()
    at_most = deployment.settings.host_busy_seconds if deployment else 0
    wait = wait_for_host(target, step, result, at_most=at_most, now=now)
    if not isinstance(wait, HostWait):
        return results.store(target, step, wait)
    run = targets.wait_for_host(target, step, command_id, wait, now)
    if run is None:
        return None
    if run.task_token:
        tokens.succeed(run.task_token, results.answer(StepSignal.WAIT))
    return StepSignal.WAIT


def _comment(target: Target, step: int) -> str:
    attempt = _attempt(target, step)
    again = f" attempt {attempt}" if attempt else ""
    return f"stepdeploy {target.deployment_id} {target.target_id} segment {step}{again}"


def _attempt(target: Target, step: int) -> int:
    run = target.segments.get(str(step))
    return run.attempt if run else 0
