"""Which hosts a deployment goes to: those of its group, and of them those that its request wants."""

from collections.abc import Callable, Sequence

from functions.aws.fleet import ec2
from functions.core import quotas
from functions.core.access import Fleet
from functions.core.auto_scaling import ScalingGroup
from functions.core.errors import NotDeployable
from functions.core.messages import texts
from functions.core.records import Deployment, TagGroup
from functions.core.selection import Instance, described, matches
from functions.core.statuses import UNSUCCESSFUL, Creator, DeploymentErrorCode, OverriddenSetting
from functions.engine.starting import fleet
from functions.store.records import groups, hosts, targets
from functions.telemetry import logger


def select(deployment: Deployment, scaling_groups: Sequence[ScalingGroup]) -> Fleet:
    """Raises NotDeployable where there is none, or are too many. None at all is right where every instance runs the
    revision and only others were wanted."""
    selected = _selected(deployment, scaling_groups)
    found = _narrowed(deployment, selected.hosts)
    if not found and deployment.outdated_only:
        return Fleet(ec2=())
    if not found:
        raise NotDeployable(DeploymentErrorCode.NO_INSTANCES, _nothing(deployment, selected))
    if len(found) > quotas.MAX_TARGETS:
        raise NotDeployable(
            DeploymentErrorCode.OVER_MAX_INSTANCES,
            f"The tags of {deployment.group_key} select {len(found)} instances, at most {quotas.MAX_TARGETS}:"
            " split it.",
        )
    return selected.only({instance.instance_id for instance in found})


def _selected(deployment: Deployment, scaling_groups: Sequence[ScalingGroup]) -> Fleet:
    """The instances that fit the group's tags and, if the request has some, the request's.

    The request's tags are those of EC2 instances (CodeDeploy's EC2TagFilter): no on-premises instance fits them.
    """
    tags, on_premises = _tags_of_group(deployment)
    if own := deployment.own_tag_groups:
        ec2_hosts = fleet.select(tags, (), scaling_groups).ec2
        return Fleet(ec2=[instance for instance in ec2_hosts if matches(instance.tags, own)])
    return fleet.select(tags, on_premises, scaling_groups)


def _nothing(deployment: Deployment, selected: Fleet) -> str:
    """Why there is no instance to deploy to."""
    if selected.hosts and deployment.is_restart:
        return texts.nothing_to_restart(deployment.group_key, deployment.revision.place)
    if selected.hosts and deployment.retry_of:
        return texts.nothing_to_retry(deployment.group_key, deployment.retry_of)
    if deployment.own_tag_groups and not selected.hosts:
        members = sorted(deployment.own & {OverriddenSetting.TAG_FILTERS, OverriddenSetting.TAG_SET})
        ids = [instance.instance_id for instance in ec2.select(_tags_of_group(deployment)[0])]
        return texts.none_narrowed(deployment.group_key, ids, members[0])
    return texts.no_instances(deployment.group_key, described(_tags_of_group(deployment)[0]))


def _tags_of_group(deployment: Deployment) -> tuple[tuple[TagGroup, ...], tuple[TagGroup, ...]]:
    """The group's tags of EC2 instances and of on-premises ones.

    A deployment of an older engine has its request's tags in their place: then the group as it is now has to say, and
    one that is gone selects nothing.
    """
    if not deployment.replaces_tags:
        return deployment.settings.tag_groups, deployment.settings.on_premises_tag_groups
    group = groups.of_deployment(deployment)
    return (group.settings.tag_groups if group else ()), ()


def _narrowed(deployment: Deployment, found: list[Instance]) -> list[Instance]:
    """Those of the instances that the deployment goes to. Raises NotDeployable for an id that is not among them."""
    wanted: Callable[[str], bool] | None = None
    if deployment.retry_of:
        wanted = {target.target_id for target in targets.of(deployment.retry_of, UNSUCCESSFUL)}.__contains__
    elif deployment.instance_ids:
        missing = set(deployment.instance_ids) - {instance.instance_id for instance in found}
        if missing and deployment.creator is not Creator.AUTO_UPDATE:  # else Auto Scaling has ended them meanwhile
            message = texts.no_such_instances(deployment.group_key, sorted(missing))
            raise NotDeployable(DeploymentErrorCode.NO_INSTANCES, message)
        wanted = set(deployment.instance_ids).__contains__
    elif deployment.outdated_only:
        current = hosts.running(deployment.group_id, deployment.revision)
        return [instance for instance in found if instance.instance_id not in current]
    chosen = [instance for instance in found if wanted(instance.instance_id)] if wanted else found
    return _restartable(deployment, chosen) if deployment.is_restart else chosen


def _restartable(deployment: Deployment, chosen: list[Instance]) -> list[Instance]:
    """Those that have the revision: to the others only a deployment can bring it."""
    installed = hosts.restartable(deployment.group_id, deployment.revision)
    if others := [each.instance_id for each in chosen if each.instance_id not in installed]:
        logger.warning("the restart leaves out what has not the revision", instance_ids=others)
    return [each for each in chosen if each.instance_id in installed]
