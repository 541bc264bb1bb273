"""How a deployment to an instance that waits in a lifecycle hook ends: with Auto Scaling's answer, in one transaction.

What an instance enters service with is decided there: where the group has another good revision by now, that one is
deployed first.
"""

from dataclasses import replace

from functions.aws import clock
from functions.core.errors import Conflict
from functions.core.limits import MESSAGE
from functions.core.new_deployment import launch_deployment
from functions.core.records import AfterFailedLaunches, Deployment, Failure, Group, HookAnswer, HookKind, Launch
from functions.core.statuses import DeploymentStatus
from functions.engine.starting.uses import record_use
from functions.store.records import deployments, groups, launches
from functions.telemetry import logger

FAILED_LAUNCHES = 3  # in a row, after which the group's setting decides
_TRIES = 5


def close(closed: Deployment, launch: Launch) -> None:
    """End it. A deployment that has ended stays as it is. Raises Conflict."""
    for _ in range(_TRIES):
        group = groups.of_deployment(closed)
        if group and group.removed_at:
            group = None
        ended, answer, follow_up = _decide(closed, launch, group)
        counts = group if launch.action.kind is HookKind.LAUNCH and answer is HookAnswer.CONTINUE else None
        if launches.close(ended, launch.action, answer, counts, follow_up):
            _remember(ended, launch)
            if follow_up:
                record_use(follow_up)
            return
        current = deployments.get(closed.deployment_id)
        if current is None or current.status.is_final:
            return
        if current.stop and not closed.stop:
            raise Conflict(f"{closed.deployment_id} was stopped while its end was decided: decide again")
    raise Conflict(f"the group of {closed.deployment_id} changed {_TRIES} times while it was ended")


def _decide(
    closed: Deployment, launch: Launch, group: Group | None
) -> tuple[Deployment, HookAnswer, Deployment | None]:
    """The deployment as it ends, the answer, and what is deployed to the instance before that."""
    if launch.action.kind is HookKind.TERMINATION or group is None:
        return closed, HookAnswer.CONTINUE, None
    if closed.status is DeploymentStatus.SUCCEEDED:
        good = group.last_successful
        is_current = good is None or good.revision is None or closed.revision.is_same(good.revision)
        next_id, now = clock.deployment_id(), clock.timestamp()
        again = None if is_current else launch_deployment(group, launch.action, deployment_id=next_id, now=now)
        return closed, HookAnswer.CONTINUE, again
    is_last = closed.status is DeploymentStatus.FAILED and launches.failures(group.group_id) + 1 >= FAILED_LAUNCHES
    if is_last and group.settings.auto_scaling.after_failed_launches is AfterFailedLaunches.CONTINUE:
        return _told(closed), HookAnswer.CONTINUE, None
    return closed, HookAnswer.ABANDON, None


def _told(closed: Deployment) -> Deployment:
    why = (
        f"{FAILED_LAUNCHES} launches in a row have failed: the instance enters service without the revision"
        " (afterFailedLaunches: CONTINUE)."
    )
    logger.error("an instance enters service without the revision", deployment_id=closed.deployment_id)
    if closed.failure is None:
        return closed
    failure = Failure(code=closed.failure.code, message=f"{why} {closed.failure.message}"[:MESSAGE])
    return replace(closed, failure=failure)


def _remember(ended: Deployment, launch: Launch) -> None:
    if launch.action.kind is HookKind.LAUNCH and ended.status is not DeploymentStatus.STOPPED:
        launches.count(ended.group_id, has_failed=ended.status is DeploymentStatus.FAILED)
