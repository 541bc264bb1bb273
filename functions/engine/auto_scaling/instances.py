"""What becomes of instances that Auto Scaling launches and ends while deployments run."""

from dataclasses import replace

from functions.aws import clock, weather
from functions.aws.fleet import autoscaling, ssm
from functions.core.auto_scaling import HEARTBEAT_SECONDS
from functions.core.causes import Cause
from functions.core.records import Deployment, HookKind, Launch, Target, TargetFailure
from functions.core.rollout import stop_mark
from functions.core.rollout.command_result import failed_without_report
from functions.core.rollout.steps import End, next_step
from functions.core.selection import ONLINE, Contact
from functions.core.statuses import TargetStatus
from functions.engine.auto_scaling import turns
from functions.engine.ending import stop
from functions.engine.running import chain, results
from functions.store.records import deployments, groups, lock, pacer, targets, watching
from functions.store.records.watching import Turn, Wait, WaitKind
from functions.telemetry import logger

BEAT_SECONDS = HEARTBEAT_SECONDS / 3  # two may be lost
_BEAT_AGAIN_SECONDS = 20  # after one that Auto Scaling did not take
TERMINATION_SECONDS = 300.0  # for the last scripts of an instance
_LONGEST_START = 3600_000  # milliseconds until a new instance has to be Online
_LOOK_SECONDS = 5.0  # between two looks at an instance that starts
_FEW = 10  # an instance each


# -- an instance that starts


def is_up(deployment: Deployment, target: Target) -> bool:
    """Whether a command can be sent to it: one that was launched just now may have no SSM Agent yet, or has to wait."""
    if deployment.launch is None or target.status is not TargetStatus.PENDING:
        return True
    found = weather.known(lambda: ssm.contacts([target.target_id])) or {}
    return _is_online(found.get(target.target_id)) and turns.may_begin(deployment, deployment.launch)


def wait_until_up(target: Target, token: str) -> bool:
    """The watch looks when it is. False when it does already."""
    wait = Wait(kind=WaitKind.HOST, target_id=target.target_id, task_token=token, since=pacer.now())
    return chain.park(target.deployment_id, wait)


def look(deployment: Deployment, turn: Turn) -> tuple[Turn, float | None]:
    """A deployment to an instance that waits in a hook: Auto Scaling hears that it goes on, and whether it is up."""
    if deployment.launch is None:
        return turn, None
    wanted = [seconds for seconds in (_look_if_up(deployment, deployment.launch),) if seconds is not None]
    turn, seconds = _beat(deployment, turn)
    return turn, min([*wanted, seconds])


def _look_if_up(deployment: Deployment, launch: Launch) -> float | None:
    deployment_id = deployment.deployment_id
    waiting = watching.waits(deployment_id, WaitKind.HOST, _FEW)
    if not waiting:
        return None
    contacts, done = weather.known(lambda: ssm.contacts([each.target_id for each in waiting])), list[Wait]()
    found = targets.named(deployment_id, [each.target_id for each in waiting])
    for wait in waiting:
        target = found[wait.target_id]
        decision = next_step(target, deployment.stop)
        if isinstance(decision, End):
            results.wake(wait.task_token, decision.status)
        elif _is_online((contacts or {}).get(wait.target_id)):
            if not turns.may_begin(deployment, launch):
                continue
            watching.add(deployment_id, replace(wait, kind=WaitKind.SEND))
        elif pacer.now() - wait.since > _LONGEST_START:
            _never_up(target, wait)
        else:
            continue
        done.append(wait)
    watching.remove(deployment_id, done)
    return _LOOK_SECONDS if len(done) < len(waiting) else 0.0


def _is_online(contact: Contact | None) -> bool:
    return contact is not None and contact.ping == ONLINE


def _never_up(target: Target, wait: Wait) -> None:
    message = f"SSM has not reached the instance within {_LONGEST_START // 60_000} minutes of its launch"
    results.store(target, 0, failed_without_report(Cause.UNREACHABLE, message, target.steps[0].events))
    results.wake(wait.task_token, TargetStatus.FAILED)


def _beat(deployment: Deployment, turn: Turn) -> tuple[Turn, float]:
    assert deployment.launch  # noqa: S101 - `look` has asked
    action, age = deployment.launch.action, (clock.now() - deployment.began).total_seconds()
    if action.kind is HookKind.TERMINATION:
        if age >= TERMINATION_SECONDS and not deployment.stop:
            why = f"{TERMINATION_SECONDS:.0f} s are over"
            stop.set_mark(deployment, stop_mark.by_auto_scaling(why, clock.timestamp()))
        return turn, max(TERMINATION_SECONDS - age, _LOOK_SECONDS)
    left = BEAT_SECONDS - ((pacer.now() - turn.heartbeat_at) / 1000 if turn.heartbeat_at else age)
    if left > 0:
        return turn, left
    is_waited_for = weather.known(lambda: autoscaling.heartbeat(action))
    if is_waited_for is None:
        return turn, clock.jittered(_BEAT_AGAIN_SECONDS)
    if not is_waited_for and not deployment.stop:
        why = f"Auto Scaling does not wait for {action.instance_id} any more"
        stop.set_mark(deployment, stop_mark.by_auto_scaling(why, clock.timestamp()))
    return replace(turn, heartbeat_at=pacer.now()), BEAT_SECONDS


# -- an instance that ends


def ended(target: Target) -> TargetFailure | None:
    """What to say of a target that has failed, where that is because Auto Scaling ends its instance, or has it no more.

    Only of those that belong to the Auto Scaling groups of their deployment's group.
    """
    deployment = deployments.get(target.deployment_id)
    if deployment is None or target.scaling_group not in deployment.settings.auto_scaling.groups:
        return None
    member = autoscaling.states([target.target_id]).get(target.target_id)
    if member and not member.is_leaving:
        return None
    state = f"is {member.state}" if member else "has left its Auto Scaling group"
    return TargetFailure(cause=Cause.TERMINATED, message=f"{target.target_id} {state}")


def note_ended(scaling_group: str, instance_id: str) -> None:
    """Auto Scaling has ended an instance: what runs there now has an end, which is no failure."""
    for group_key in groups.of_scaling_groups().get(scaling_group, ()):
        holder = lock.holder(group_key)
        target = targets.get(holder, instance_id) if holder else None
        if target and target.status is TargetStatus.IN_PROGRESS:
            _end(target)


def _end(target: Target) -> None:
    message = f"Auto Scaling has ended {target.target_id}"
    for step, run in target.segments.items():
        if run.status is None:
            events = target.steps[int(step)].events
            logger.info("its instance has ended", deployment_id=target.deployment_id, target_id=target.target_id)
            results.store(target, int(step), failed_without_report(Cause.TERMINATED, message, events))
