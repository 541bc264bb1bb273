"""Windows and freezes: who waits for them, and what ends the wait."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from functions.aws import clock
from functions.core import calendar as rule
from functions.core.calendar import State
from functions.core.records import Bypass, Calendar, Closed, Deployment, HoldKind
from functions.core.rollout.holds import needed
from functions.core.statuses import BEGUN, DeploymentStatus
from functions.engine.running import holds
from functions.store.records import calendar, deployments, lock
from functions.telemetry import logger


def may_begin(deployment: Deployment) -> State:
    return rule.may_begin(deployment, calendar.read(), clock.now())


def frozen(deployment: Deployment | None) -> Closed | None:
    """The freeze that keeps a deployment from its next stage."""
    if deployment is None or deployment.status.is_final:
        return None
    state = rule.may_go_on(deployment, calendar.read(), clock.now())
    return state if isinstance(state, Closed) else None


def is_ready(deployment_id: str) -> bool:
    """Whether a deployment that waits for its group's lock may have it now. If not, it is noted for what it waits."""
    deployment = deployments.get(deployment_id)
    if deployment is None:
        return True  # the lock's own conditions find it gone
    state = may_begin(deployment)
    if not isinstance(state, Closed):
        return True
    _note(deployment, state)
    return False


def review(deployment: Deployment) -> bool:
    """Give a deployment that is Queued its turn if nothing is in its way any more. False when something is."""
    state = may_begin(deployment)
    if isinstance(state, Closed):
        _note(deployment, state)
        return False
    if lock.promote(deployment):
        return True
    if deployment.closed:  # another one still has the group
        deployments.note_closed(deployment.deployment_id, None)
    return False


def review_all(scope: str) -> None:
    """Look again at every deployment that waits for the calendar: it has changed. One that cannot be looked at now
    keeps no other waiting; what is due, its schedule and `find_lost` bring up again."""
    for deployment in _waiting(scope):
        try:
            look_again(deployment)
        except Exception:
            logger.exception("a deployment was not looked at", deployment_id=deployment.deployment_id)


def look_again(deployment: Deployment) -> None:
    """Let a deployment that waits for the calendar go by it as it is now."""
    if deployment.status is DeploymentStatus.QUEUED:
        review(deployment)
    else:
        holds.wake(deployment)


def outdated(some: Iterable[Deployment]) -> list[Deployment]:
    """Those that wait for windows or freezes which have changed since, or are over."""
    waiting = [each for each in some if each.closed or _is_held(each)]
    current, now = calendar.read() if waiting else Calendar(), clock.now()
    return [each for each in waiting if _is_outdated(each, current, now)]


def _is_outdated(deployment: Deployment, current: Calendar, now: datetime) -> bool:
    hold = deployment.hold
    if hold is None:
        return (
            deployment.status is DeploymentStatus.QUEUED
            and rule.may_begin(deployment, current, now) != deployment.closed
        )
    state = rule.may_go_on(deployment, current, now)
    left = needed(deployment, hold.stage, hold, now, state if isinstance(state, Closed) else None)
    return left is None or (left.kinds, left.until) != (hold.kinds, hold.until)


def bypass(deployment: Deployment, given: Bypass) -> bool:
    """Let one deployment go past windows and freezes. False when it is over."""
    if not deployments.bypass(deployment.deployment_id, given):
        return False
    logger.warning("windows and freezes are bypassed", deployment_id=deployment.deployment_id, by=given.by)
    current = deployments.get(deployment.deployment_id)
    if current and current.status is DeploymentStatus.QUEUED:
        review(current)
    elif current and current.hold:
        holds.wake(current)
    return True


def _note(deployment: Deployment, closed: Closed) -> None:
    if deployment.closed != closed:
        deployments.note_closed(deployment.deployment_id, closed)


def _waiting(scope: str) -> Iterator[Deployment]:
    for each in deployments.of_status(DeploymentStatus.QUEUED):
        if rule.covers(scope, each.group_key):
            yield each
    for status in BEGUN:
        for each in deployments.of_status(status):
            if _is_held(each) and rule.covers(scope, each.group_key):
                yield each


def _is_held(deployment: Deployment) -> bool:
    """By a freeze, between two stages."""
    return bool(deployment.hold and HoldKind.FREEZE in deployment.hold.kinds)
