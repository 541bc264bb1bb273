"""Auto Scaling around a deployment: processes are suspended before it and resumed after it, and instances that it has
missed get a deployment of their own.

Each suspension is on record before it is made, and resumed by whoever finds the record of a deployment that is over.
"""

from collections.abc import Iterable

from functions.aws import clock
from functions.aws.fleet import autoscaling
from functions.core.auto_scaling import ScalingGroup, problems, waiting
from functions.core.errors import NotDeployable
from functions.core.new_deployment import auto_update
from functions.core.records import Deployment, DeploymentSummary, Group
from functions.core.statuses import (
    Creator,
    DeploymentErrorCode,
    DeploymentStatus,
    OutdatedInstancesStrategy,
    TargetStatus,
)
from functions.engine.auto_scaling import lifecycle
from functions.engine.starting.uses import record_use
from functions.store.records import deployments, groups, hosts, launches, lock, suspensions
from functions.store.records.suspensions import Suspension
from functions.telemetry import logger


def check(deployment: Deployment) -> list[ScalingGroup]:
    """The deployment's Auto Scaling groups as they are. Raises NotDeployable."""
    settings = deployment.settings.auto_scaling
    if not settings.groups:
        return []
    found = autoscaling.groups(settings.groups)
    if wrong := problems(settings, found):
        raise NotDeployable(DeploymentErrorCode.AUTO_SCALING_CONFIGURATION, "\n".join(wrong))
    return found


def follow(deployment_id: str) -> None:
    """What Auto Scaling gets to hear once a deployment is over. To do it twice does no harm; what a function dies over,
    `mend` does."""
    deployment = deployments.get(deployment_id)
    if deployment is None or not deployment.settings.auto_scaling.groups or not deployment.status.is_final:
        return
    if deployment.launch:
        lifecycle.tell(deployment)
        return
    resume(deployment)
    sweep(deployment)


# -- suspension


def suspend(deployment: Deployment, found: Iterable[ScalingGroup]) -> None:
    """Keep Auto Scaling from what the group does not want while it is deployed to. What is suspended already, and not
    by the engine, is somebody else's, and stays so. Raises NotDeployable, before a host is touched."""
    wanted = set(deployment.settings.auto_scaling.suspended)
    for group in found if wanted else ():
        ours = {each for one in suspensions.of(group.name) for each in one.processes}
        mine = sorted(wanted - (set(group.suspended) - ours))
        if not mine:
            continue
        record = Suspension(scaling_group=group.name, deployment_id=deployment.deployment_id, processes=tuple(mine))
        suspensions.put(record)
        try:
            autoscaling.suspend(group.name, mine)
        except autoscaling.Refused as refused:
            suspensions.delete(record)
            message = f"{group.name}: Auto Scaling does not suspend {', '.join(mine)}: {refused}"
            raise NotDeployable(DeploymentErrorCode.AUTO_SCALING_IAM_ROLE_PERMISSIONS, message) from refused


def resume_all() -> None:
    """Resume what deployments that are over have left suspended."""
    for record in suspensions.all():
        deployment = deployments.get(record.deployment_id)
        if deployment is None or deployment.status.is_final:
            _resume(record)


def resume(deployment: Deployment) -> None:
    """Resume what the deployment had suspended, now that it is over."""
    if deployment.settings.auto_scaling.suspended:
        for name in deployment.settings.auto_scaling.groups:
            for record in suspensions.of(name):
                if record.deployment_id == deployment.deployment_id:
                    _resume(record)


def _resume(record: Suspension) -> None:
    """Those processes that no other deployment to the same Auto Scaling group wants suspended. One that cannot be
    resumed now stays on record, and is tried again."""
    suspensions.note_over(record)
    others = [each for each in suspensions.of(record.scaling_group) if not each.is_over]
    wanted = {process for each in others for process in each.processes}
    if free := sorted(set(record.processes) - wanted):
        try:
            autoscaling.resume(record.scaling_group, free)
        except autoscaling.Denied as denied:
            logger.error("processes stay suspended", group=record.scaling_group, processes=free, error=str(denied))
            return
        except autoscaling.Refused as refused:
            logger.warning("the Auto Scaling group is gone", group=record.scaling_group, error=str(refused))
    suspensions.delete(record)


# -- instances that were missed


def sweep(deployment: Deployment) -> None:
    """After a deployment to a whole group has succeeded: its members that are left behind get the revision, too."""
    if deployment.status is DeploymentStatus.SUCCEEDED:
        group = groups.get(deployment.application, deployment.group)
        if group and group.settings.auto_scaling.groups:
            bring_up_to_date(group, autoscaling.groups(group.settings.auto_scaling.groups))


def bring_up_to_date(group: Group, found: Iterable[ScalingGroup]) -> None:
    """Deploy the group's last successful revision to those members that have another one, or none.

    Each of them once: one that fails is told as failed. While a deployment runs nothing begins: its end looks again.
    """
    good = group.last_successful
    if good is None or good.revision is None or group.removed_at or lock.holder(group.key):
        return
    missing = _missing(group, found)
    if not missing:
        return
    if group.outdated_instances_strategy is OutdatedInstancesStrategy.IGNORE:
        logger.warning("members keep another revision: outdatedInstancesStrategy is IGNORE", instance_ids=missing)
        return
    missed_by = deployments.get(good.deployment_id)
    tried = launches.swept(group.group_id, good.deployment_id)
    new = sorted(set(missing) - tried)
    if missed_by is None or not new:
        return
    update = auto_update(group, missed_by, new, deployment_id=clock.deployment_id(), now=clock.timestamp())
    if lock.create(update, None, queue=False).busy_with:
        return
    launches.note_swept(group.group_id, good.deployment_id, [*tried, *new])
    deployments.note_update(missed_by.deployment_id, (*missed_by.updated_by, update.deployment_id))
    record_use(update)
    logger.info("members that were missed get the revision", deployment_id=update.deployment_id, instance_ids=new)


def _missing(group: Group, found: Iterable[ScalingGroup]) -> list[str]:
    """The ids of the members that serve, or are about to, without the revision. Those on which a deployment has failed
    are known as failed, and those that somebody has given another revision since have it on purpose. One that waits in
    a hook is no member yet, also if this group has let it in: `mend` finds it when the others have, too."""
    assert group.last_successful and group.last_successful.revision  # noqa: S101 - the caller has looked
    good, known_hosts = group.last_successful, hosts.of(group.group_id)
    brought = hosts.deployments_of(known_hosts)
    settled = {
        each.target_id
        for each in known_hosts
        if each.status is TargetStatus.FAILED or _is_meant(brought.get(each.deployment_id), good)
    }
    serve = {each.instance_id for one in found for each in one.members if each.is_target or each.enters}
    return sorted(serve - settled)


def _is_meant(brought_by: Deployment | None, good: DeploymentSummary) -> bool:
    """Whether a host has what it is to have: the good revision, or a later one that a person brought there."""
    if brought_by is None or good.revision is None:
        return False
    is_later = brought_by.create_time > good.create_time and brought_by.creator in (Creator.USER, Creator.ROLLBACK)
    return is_later or brought_by.revision.is_same(good.revision)


# -- what is lost


def mend() -> None:
    """Everything that an event should have told, or a function has died over: instances that wait, members without the
    revision, processes that are suspended. One query where there is no Auto Scaling group, else one call for all."""
    resume_all()
    named = groups.of_scaling_groups()
    for scaling in autoscaling.groups(named):
        for key in named[scaling.name]:
            group = groups.of_key(key)
            if group is None:
                continue
            members = {each.instance_id: each for each in scaling.members}
            for action in waiting(group, scaling):
                lifecycle.act_on(action, members[action.instance_id])
            bring_up_to_date(group, [scaling])
