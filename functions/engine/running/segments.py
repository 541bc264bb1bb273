"""A segment on one host: sent once, recorded once, whoever sees its end first (docs/how-it-works.md).

What comes next on a target, functions/core/rollout/steps.py decides. Everything here answers what the waiting state is
told; None while the command runs.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, assert_never

from functions.aws import bucket, clock, kms, runner, weather
from functions.aws.fleet import ssm
from functions.core.causes import Cause
from functions.core.records import Deployment, HostWait, SegmentResult, SegmentRun, Target
from functions.core.rollout.command_result import failed_without_report, read_invocation, wait_for_host
from functions.core.rollout.instructions import instructions, longest_seconds
from functions.core.rollout.renewals import is_renewed
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
from functions.engine.auto_scaling import instances
from functions.engine.running import chain, places, results, traffic
from functions.store.records import deployments, pacer, targets, watching
from functions.store.records.pacer import Moment
from functions.store.records.watching import WaitKind
from functions.telemetry import logger

_CLOCK_SKEW = timedelta(minutes=5)
_CLAIM = timedelta(seconds=60)  # RunSegment ends within 30 s, and what it sent SSM lists soon after
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
        results.wake(token, told)


def send_at(deployment_id: str, wait: watching.Wait, moment: Moment) -> None:
    """As `go_on`, for a target whose moment to send has come. An error is for the state to meet again, and to count."""
    deployment, target = _both(deployment_id, wait.target_id)
    decision = next_step(target, deployment.stop)
    told: StepResult | None
    try:
        told = _carry_out(deployment, target, decision, wait.task_token, moment)
    except Exception:
        logger.exception("the state asks again")
        told = StepSignal.WAIT
    if told:
        results.wake(wait.task_token, told)


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
            return read(deployment, target, decision, token)
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
    if deployment.pause and target.status is TargetStatus.PENDING:
        return _wait_out(target, token)
    if moment is None and not instances.is_up(deployment, target):
        return None if instances.wait_until_up(target, token) else StepSignal.WAIT
    moment = moment or _next_moment()
    if moment is None or not pacer.is_good(moment):
        return _park(target, token, moment)
    now = clock.timestamp()
    if target.status is TargetStatus.PENDING:
        taken = places.take_out_of_service(deployment, target, now)
        if not isinstance(taken, Target):
            return taken
        begun = taken
    else:
        if not targets.begin_segment(target, decision.step, now):
            return StepSignal.WAIT
        begun = _claimed(target, decision.step, now)
    return _send(deployment, begun, decision.step, token, moment)


def adopt(
    deployment: Deployment, target: Target, decision: Adopt, token: str, moment: Moment | None
) -> StepResult | None:
    """A function ended between beginning the step and recording its command; or SSM or the host was busy.

    To send a command a second time would run nothing twice (the host has a journal), but the first one could not be
    cancelled any more. So as long as the call that claimed the step may send it, all others leave it to that one.
    """
    claimed_at = _run(target, decision.step).claimed_at
    if claimed_at and clock.now() - datetime.fromisoformat(claimed_at) < _CLAIM:
        logger.info("another call sends to the target, or has died over it")
        return StepSignal.WAIT
    if claimed_at == "":
        return _send_again(deployment, target, decision, token, moment)
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
        is_mine = targets.claim(target, decision.step, clock.timestamp())  # then nobody sends it any more
        return decision.otherwise.status if is_mine else StepSignal.WAIT
    moment = moment or _next_moment()
    if moment is None or not pacer.is_good(moment):
        return _park(target, token, moment)
    now = clock.timestamp()
    if not targets.claim(target, decision.step, now):
        return StepSignal.WAIT
    return _send(deployment, _claimed(target, decision.step, now), decision.step, token, moment)


def read(deployment: Deployment, target: Target, decision: Read, token: str) -> StepResult | None:
    """The state waits anew for a command that was sent before: its watch may be dead, or its sender has died before it
    cancelled it.

    Or this call is late, and its token of an earlier try of the state: so who waited till now asks again.
    """
    results.make_way(_run(target, decision.step), token)
    current = targets.store_token(target, decision.step, token)
    run = _run(current, decision.step)
    if run.status:
        return step_result(current)
    if run.task_token != token:
        return StepSignal.WAIT
    if deployment.stop and deployment.stop.cancel:
        ssm.cancel(decision.command_id, target.target_id)
    chain.start(target.deployment_id)
    return None


def read_once(target: Target, step: int, command_id: str) -> StepResult | None:
    """Read a command of which SSM has told that it ended, and record its end. What SSM does not show now, the watch
    reads soon."""
    invocation = weather.known(lambda: ssm.invocation(command_id, target.target_id)) or {}
    told = record_end(target, step, command_id, invocation)
    run = target.segments.get(str(step))
    if told is None and run and run.command_id == command_id and run.status is None:
        wait = watching.Wait(kind=WaitKind.READ, target_id=target.target_id, since=pacer.now())
        chain.park(target.deployment_id, wait)
    return told


def record_end(target: Target, step: int, command_id: str, invocation: Mapping[str, Any]) -> StepResult | None:
    """Record the end of a command as SSM shows it; None while it runs."""
    result = read_invocation(invocation, target.steps[step].events)
    if result and is_renewed(target, step, result):
        return _sent_again(targets.renew(target, step, command_id, clock.timestamp()))
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


def _wait_out(target: Target, token: str) -> StepResult | None:
    """The target waits for the end of the pause, which wakes it. Where it waits already, with the token of an earlier
    try of the state, both ask again: so the state also gets its patience back, which counts its tries."""
    wait = watching.Wait(kind=WaitKind.PAUSE, target_id=target.target_id, task_token=token, since=pacer.now())
    if chain.park(target.deployment_id, wait):
        return None
    if earlier := watching.get(target.deployment_id, WaitKind.PAUSE, target.target_id):
        watching.remove(target.deployment_id, [earlier])
        results.wake(earlier.task_token, StepSignal.WAIT)
    return StepSignal.WAIT


def _park(target: Target, token: str, moment: Moment | None) -> StepResult | None:
    """The watch gives the target its moment when it comes; another one than that, which is void."""
    wait = watching.Wait(kind=WaitKind.SEND, target_id=target.target_id, task_token=token, since=pacer.now())
    return None if chain.park(target.deployment_id, wait, moment) else StepSignal.WAIT


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
        bundle_url="" if deployment.is_restart else bucket.bundle_url(deployment.revision),
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
        targets.give_up_claim(target, step)
        return _park(target, token, moment)
    return _record_command(target, step, command_id, token)


def _record_command(target: Target, step: int, command_id: str, token: str) -> StepResult | None:
    """Put the command on record with the token that waits for it. Where its event came before, read it."""
    now = clock.now()
    before = _run(target, step)
    run = SegmentRun(
        command_id=command_id,
        sent_at=clock.timestamp(now),
        task_token=token,
        attempt=before.attempt,
        renewals=before.renewals,
    )
    expires_at = int((now + timedelta(days=targets.COMMAND_DAYS)).timestamp())
    is_running = targets.store_command(target, step, command_id, run, expires_at=expires_at)
    current = deployments.get(target.deployment_id)
    if current and current.stop and current.stop.cancel:
        ssm.cancel(command_id, target.target_id)
    sent = replace(target, segments={**target.segments, str(step): run})
    if not is_running:
        return read_once(sent, step, command_id)
    chain.come_by(target.deployment_id, watching.reconcile_seconds())
    return None


def _found_busy(target: Target, step: int, command_id: str, result: SegmentResult) -> StepResult | None:
    """The target waits and asks again later, or fails, as its group says."""
    deployment, now = deployments.get(target.deployment_id), clock.timestamp()
    at_most = deployment.settings.host_busy_seconds if deployment else 0
    wait = wait_for_host(target, step, result, at_most=at_most, now=now)
    if not isinstance(wait, HostWait):
        return results.store(target, step, wait)
    return _sent_again(targets.wait_for_host(target, step, command_id, wait, now))


def _sent_again(run: SegmentRun | None) -> StepResult | None:
    """The state asks again, if this call has ended the run."""
    if run is None:
        return None
    if run.task_token:
        results.wake(run.task_token, StepSignal.WAIT)
    return StepSignal.WAIT


def _comment(target: Target, step: int) -> str:
    attempt = _run(target, step).attempt
    again = f" attempt {attempt}" if attempt else ""
    return f"stepdeploy {target.deployment_id} {target.target_id} segment {step}{again}"


def _run(target: Target, step: int) -> SegmentRun:
    """Of an older engine, a first step that has begun has none."""
    return target.segments.get(str(step), SegmentRun())


def _claimed(target: Target, step: int, now: str) -> Target:
    """As `targets.begin_segment` and `targets.claim` leave it."""
    return replace(target, segments={**target.segments, str(step): replace(_run(target, step), claimed_at=now)})
