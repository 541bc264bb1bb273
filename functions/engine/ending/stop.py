"""Stopping a deployment: set the mark, close its places, cancel what is in flight if asked to, wake the bake. Never
StopExecution.

Where no execution is left that would end the deployment, it is ended here.
"""

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import TypeVar

from functions.aws import clock, cloudwatch, executions
from functions.aws.executions import Execution
from functions.aws.fleet import ssm
from functions.core.messages import texts
from functions.core.messages.verdict import stopped
from functions.core.records import Deployment, StopMark
from functions.core.rollout import stop_mark
from functions.core.statuses import DeploymentStatus, OnBusy, TargetStatus
from functions.engine.ending import end as engine_end
from functions.engine.running import holds, places
from functions.store.records import deployments, groups, lock, targets
from functions.telemetry import logger

T = TypeVar("T")

SHOWN = timedelta(minutes=2)  # by then Step Functions surely shows an execution that has started


def stop(deployment: Deployment, mark: StopMark) -> bool:
    """Stop a deployment that is not over. False when it is over.

    The first mark stays; a later one that cancels or rolls back makes it do so too. A second call also does again what
    the first may not have lived to do. A deployment whose execution is over ends now: the event that should have told
    so is lost.
    """
    if not set_mark(deployment, mark):
        return False
    try:
        end_if_left(deployment)
    except Exception:  # it is marked: its execution ends it, or find_lost does
        logger.exception("it is not known whether its execution runs", deployment_id=deployment.deployment_id)
    return True


def by_alarm(alarm: str) -> None:
    """Stop the deployments that watch an alarm of which somebody says that it went to ALARM.

    Only if CloudWatch says so too, of the time since a deployment began: an alarm asks for no principal. One deployment
    that cannot be stopped keeps no other from stopping; raises the first error there was.
    """
    watching: list[Deployment] = []
    errors = _each(groups.of_alarm(alarm), lambda group_key: watching.extend(_watching(group_key, alarm)))
    if watching:
        rang = cloudwatch.last_in_alarm(alarm, min(each.began for each in watching))
        mark = stop_mark.by_alarms([alarm], clock.timestamp())
        ringing = [each for each in watching if rang and rang >= each.began]
        if len(ringing) < len(watching):
            logger.warning("CloudWatch does not say that the alarm went to ALARM", alarm=alarm)
        errors += _each(ringing, lambda deployment: stop(deployment, mark))
    if errors:
        raise errors[0]


def _watching(group_key: str, alarm: str) -> list[Deployment]:
    """The deployment that runs in a group, if it watches the alarm: its copy of the settings decides, and a rollback
    watches none."""
    holder = lock.holder(group_key)
    deployment = deployments.get(holder) if holder else None
    return [deployment] if deployment and alarm in deployment.settings.alarms.watched else []


def _each(things: Iterable[T], act: Callable[[T], object]) -> list[Exception]:
    """Act on each; the errors of those that could not be."""
    errors: list[Exception] = []
    for thing in things:
        try:
            act(thing)
        except Exception as error:
            logger.exception("not all of it could be stopped", of=str(thing)[:200])
            errors.append(error)
    return errors


def set_mark(deployment: Deployment, mark: StopMark) -> bool:
    """As `stop`, of a deployment whose execution surely runs: it asks, or is not wanted before."""
    if deployment.status is DeploymentStatus.QUEUED and lock.stop_queued(deployment, stopped(mark), clock.timestamp()):
        return True  # else its turn has just come
    marked = deployments.mark_stop(deployment.deployment_id, mark)
    if marked is None:
        return False
    logger.info("stopping", deployment_id=deployment.deployment_id, by=mark.by, cancel=mark.cancel)
    places.close(marked)
    holds.wake(marked)
    if mark.cancel:
        cancel(running_commands(deployment.deployment_id))
    return True


def give_way(holder: Deployment) -> None:
    """Stop a deployment that is held between its stages, if the one that waits behind it is to supersede it. One whose
    hosts change goes on: it asks again when it is held."""
    if not holder.hold or not (waiting := lock.waiting(holder.group_key)):
        return
    newer = deployments.get(waiting)
    if newer and newer.settings.on_busy is OnBusy.SUPERSEDE:
        set_mark(holder, stop_mark.by_newer(waiting, clock.timestamp()))


def end_if_left(deployment: Deployment) -> bool:
    """End a deployment that has not ended although its execution has, or does not exist; False when there is one."""
    found = deployments.get(deployment.deployment_id)
    if found is None or found.status.is_final:
        return False
    execution = executions.find(found.deployment_id)
    if execution and not execution.is_over:
        return False
    if execution is None and clock.now() - found.began < SHOWN:
        return False
    end(found.deployment_id, execution)
    return True


def end(deployment_id: str, execution: Execution | None) -> None:
    """End a deployment after its execution: every target gets a terminal status, the lock is freed, what still runs on
    hosts is cancelled. `execution`: how that ended, None when there is none. A repeat changes nothing."""
    running = running_commands(deployment_id)  # read first: the end gives every target a terminal status
    engine_end.end(deployment_id, executions.words(deployment_id, execution))
    cancel(running)


def ask(deployment: Deployment, mark: StopMark) -> dict[str, str] | None:
    """Stop a deployment for somebody who waits for CodeDeploy's answer: Pending while it still ends, Succeeded when it
    has. None when it was over before."""
    if deployment.status.is_final or not stop(deployment, mark):
        return None
    now = deployments.get(deployment.deployment_id)
    over = now is None or now.status.is_final
    return {"status": "Succeeded" if over else "Pending", "statusMessage": texts.STOPPING}


Running = list[tuple[str, str]]  # command id and instance id


def running_commands(deployment_id: str) -> Running:
    """Every command of the deployment that may run, as far as it is on record; also of a target that was ended without
    its command's."""
    return [
        (run.command_id, target.target_id)
        for target in targets.of(deployment_id, (TargetStatus.IN_PROGRESS, TargetStatus.FAILED))
        for run in target.segments.values()
        if run.command_id and run.status is None
    ]


def cancel(running: Running) -> None:
    """Cancel commands. One that is being sent now is cancelled by its sender; raises what SSM refused, after all."""
    if running:
        ssm.cancel_all(running)
