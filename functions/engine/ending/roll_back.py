"""Going back: a running deployment is stopped and rolled back; otherwise the last other revision starts."""

from dataclasses import dataclass, replace

from functions.aws import clock
from functions.core.errors import InvalidInput
from functions.core.limits import SHOWN
from functions.core.new_deployment import requested_rollback
from functions.core.records import Deployment, Group
from functions.core.rollout import stop_mark
from functions.core.rollout.rollback_choice import good_deployments
from functions.core.statuses import Creator, OnBusy
from functions.engine.ending import stop
from functions.engine.starting import create, who_may
from functions.store.records import deployments, lock


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackStarted:
    """What goes back: a new deployment, or the stopped one's automatic rollback."""

    deployment_id: str | None = None
    stopped_deployment_id: str | None = None
    queued_deployment_id: str | None = None  # which starts when the rollback of the stopped one has ended
    reason: str | None = None  # why the new deployment goes to its revision


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a person wants of a rollback."""

    who: str
    principal: str | None  # the caller's ARN, if IAM is sure of it
    to: str | None = None  # one of the group's good deployments, instead of the last one
    cancel: bool = False  # cut off scripts that run; else they end by themselves


def roll_back(application: str, name: str, wish: Wish) -> RollbackStarted:
    """Raises NotDeployable and InvalidInput."""
    group = who_may.group_to_deploy(application, name, wish.principal)
    _check_choice(group, wish.to)
    holder = lock.holder(group.key)
    running = deployments.get(holder) if holder else None
    if running and not running.status.is_final:
        return _stop(running, wish)
    now = clock.timestamp()
    deployment = requested_rollback(
        group, deployment_id=clock.deployment_id(), now=now, requested_by=wish.who, to=wish.to
    )
    deployment = replace(deployment, principal=wish.principal)
    reason = deployment.rollback.reason if deployment.rollback else None
    return RollbackStarted(deployment_id=create.store(deployment, group, OnBusy.REJECT), reason=reason)


def _stop(running: Deployment, wish: Wish) -> RollbackStarted:
    if running.creator is Creator.ROLLBACK:
        raise InvalidInput(
            f"group {running.group_key}: {running.deployment_id} is already a rollback; wait until it has finished, or"
            f" stop it: stepdeploy stop {running.deployment_id}"
        )
    who_may.check_stop(running, wish.principal)  # it may be of a group that was deleted, and had the same name
    mark = stop_mark.by_person(
        wish.who, clock.timestamp(), reason="rollback", cancel=wish.cancel, auto_rollback=True, rollback_to=wish.to
    )
    stop.stop(running, mark)
    queued = lock.waiting(running.group_key)
    return RollbackStarted(stopped_deployment_id=running.deployment_id, queued_deployment_id=queued)


def _check_choice(group: Group, to: str | None) -> None:
    if to and all(each.deployment_id != to for each in good_deployments(group)):
        raise InvalidInput(
            f"{to[:SHOWN]} is not one of the last successful deployments of {group.key}."
            f" See them: stepdeploy rollback {group.key} --dry-run"
        )
