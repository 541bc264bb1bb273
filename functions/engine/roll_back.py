"""Going back: a running deployment is stopped and rolled back; otherwise the last other revision starts."""

from dataclasses import dataclass, replace

from functions.aws import clock
from functions.core.errors import InvalidInput
from functions.core.new_deployment import requested_rollback
from functions.core.rollout import stop_mark
from functions.core.statuses import Creator, OnBusy
from functions.engine import create, stop, who_may
from functions.store import deployments, lock


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackStarted:
    """What goes back: a new deployment, or the stopped one's automatic rollback."""

    deployment_id: str | None = None
    stopped_deployment_id: str | None = None
    reason: str | None = None  # why the new deployment goes to its revision


def roll_back(application: str, name: str, *, who: str, principal: str | None) -> RollbackStarted:
    """`principal` is the caller's ARN, if IAM is sure of it. Raises NotDeployable and InvalidInput."""
    group = who_may.group_to_deploy(application, name, principal)
    holder = lock.holder(group.key)
    running = deployments.get(holder) if holder else None
    if running and not running.status.is_final:
        if running.creator is Creator.ROLLBACK:
            raise InvalidInput(
                f"group {application}/{name}: {running.deployment_id} is already a rollback; wait until it has finished"
            )
        who_may.check_stop(running, principal)  # it may be of a group that was deleted, and had the same name
        mark = stop_mark.by_person(who, clock.timestamp(), reason="rollback", cancel=True, auto_rollback=True)
        stop.stop(running, mark)
        return RollbackStarted(stopped_deployment_id=running.deployment_id)
    deployment = requested_rollback(group, deployment_id=clock.deployment_id(), now=clock.timestamp(), requested_by=who)
    deployment = replace(deployment, principal=principal)
    reason = deployment.rollback.reason if deployment.rollback else None
    return RollbackStarted(deployment_id=create.store(deployment, group, OnBusy.REJECT), reason=reason)
