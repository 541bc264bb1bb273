"""What got lost: deployments that wait for an event which never came, found by comparing the records with AWS.

Events of executions and alarms are best effort, and a record of the stream is given up after hours. Everything here is
what the event would have done, and harmless when it does so in the same moment.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial

from functions.aws import clock, cloudwatch, executions
from functions.core.errors import Unreadable
from functions.core.records import Deployment
from functions.core.rollout import stop_mark
from functions.core.rollout.stages import is_running
from functions.core.statuses import RUNNING, DeploymentStatus
from functions.engine import calendar
from functions.engine.ending import stop as engine_stop
from functions.engine.ending.stop import SHOWN
from functions.engine.running import chain, standing, turns
from functions.store.records import deployments
from functions.telemetry import logger

_LOOKING = timedelta(minutes=2)


def mend() -> None:
    """Look at every deployment that has not ended. Raises the first error there was, after all are looked at.

    Without one that runs or waits it costs four queries, else one request for a thousand executions, one for a hundred
    alarms, one for each deployment that seems to have no execution, and one for the places of a few that run.
    """
    left = list(_left())  # read before the executions: one that ends in between is looked at once more below
    running = [each for each in left if each.status in RUNNING]
    begun = executions.running() if any(map(_may_be_lost, running)) else set()
    stopped = _stop_by_alarms(running)
    tried = [_try(calendar.look_again, each) for each in calendar.outdated(left)]
    tried += [_try(_go_on, each) for each in left if each.deployment_id not in begun and _may_be_lost(each)]
    until = clock.now() + _LOOKING
    standing.measure(left)
    tried += [_try(partial(_watch, until=until), each) for each in running if each.deployment_id in begun]
    if errors := [error for error in (*stopped, *tried) if error]:
        raise errors[0]


def _left() -> Iterator[Deployment]:
    for status in (*RUNNING, DeploymentStatus.QUEUED):
        yield from deployments.of_status(status)


def _may_be_lost(deployment: Deployment) -> bool:
    """Not one that is so new that its event, or Step Functions' answer, may only be late, nor one that the calendar
    keeps waiting."""
    return not deployment.closed and clock.now() - deployment.began >= SHOWN


def _go_on(deployment: Deployment) -> None:
    """Do what nobody did: give it its turn, start its execution, or end it."""
    deployment_id = deployment.deployment_id
    if deployment.status is DeploymentStatus.QUEUED:
        if calendar.review(deployment):
            logger.warning("it was never given its turn", deployment_id=deployment_id)
    elif deployment.status is DeploymentStatus.CREATED and executions.find(deployment_id) is None:
        executions.start(deployment_id, deployment.launch.action.instance_id if deployment.launch else None)
        logger.warning("its execution was never started", deployment_id=deployment_id)
    elif engine_stop.end_if_left(deployment):
        logger.warning("it was not closed after its execution ended", deployment_id=deployment_id)


def _watch(deployment: Deployment, *, until: datetime) -> None:
    """Look for what the deployment's chain has left to this function. Start the chain if it is dead, if an older engine
    had none, and where there is more to look at than one call has time for."""
    if not is_running(deployment) or (clock.now() < until and turns.take_over(deployment.deployment_id)):
        return
    if chain.revive(deployment.deployment_id):
        logger.warning("its watch was dead", deployment_id=deployment.deployment_id)


def _stop_by_alarms(running: list[Deployment]) -> list[Exception | None]:
    """Stop those of which an alarm is in ALARM; one that had been when they began would have kept them from it."""
    watching = [each for each in running if not (each.stop and each.stop.cancel)]
    names = sorted({name for each in watching for name in each.settings.alarms.watched})
    if not names:
        return []
    states, now = cloudwatch.read(names), clock.timestamp()
    if states.unreadable:
        logger.warning("alarms cannot be read", reason=states.unreadable)

    def stop(deployment: Deployment) -> None:
        active = [name for name in deployment.settings.alarms.watched if name in states.active]
        if active and engine_stop.stop(deployment, stop_mark.by_alarms(active, now)):
            logger.warning("it was not stopped although its alarm is in ALARM", deployment_id=deployment.deployment_id)

    return [_try(stop, each) for each in watching]


def _try(act: Callable[[Deployment], None], deployment: Deployment) -> Exception | None:
    """The error of one deployment, which must not keep the others waiting."""
    try:
        act(deployment)
    except Unreadable:  # of a newer version of the engine: that one goes on with it
        logger.exception("a deployment waits for a newer engine", deployment_id=deployment.deployment_id)
    except Exception as error:
        logger.exception("a deployment stays as it is", deployment_id=deployment.deployment_id)
        return error
    return None
