"""Planning a deployment: its revision pinned, its targets found and on record, its stages' manifests in S3."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from functions.aws import bucket, clock
from functions.aws.fleet import ec2
from functions.core import quotas
from functions.core.access import Fleet
from functions.core.auto_scaling import ScalingGroup
from functions.core.errors import Conflict, NotDeployable
from functions.core.messages import texts
from functions.core.records import Balancer, Deployment, HookKind, Host, Launch, Step, TagGroup, Target
from functions.core.rollout import stages
from functions.core.rollout.budgets import in_order
from functions.core.rollout.health import HealthConstraintsInvalid
from functions.core.rollout.selecting import Standing, Traits
from functions.core.rollout.stages import Manifest
from functions.core.rollout.steps import launch_steps, plan_steps, termination_steps
from functions.core.rollout.traffic import pin
from functions.core.selection import ONLINE, Contact, Instance, described, matches, new_targets
from functions.core.statuses import (
    UNSUCCESSFUL,
    Creator,
    DeploymentErrorCode,
    DeploymentStatus,
    OverriddenSetting,
    TargetStatus,
)
from functions.engine.auto_scaling import scaling
from functions.engine.starting import budgets, preflight, who_may
from functions.engine.starting import fleet as engine_fleet
from functions.store.records import deployments, groups, hosts, preparing, targets
from functions.telemetry import logger


def plan(deployment: Deployment) -> list[Manifest]:
    """The stages as the state machine runs them; empty when too few targets can be reached. Raises NotDeployable.

    A deployment that had begun before (Prepare is retried, or runs twice) is planned the same again, whatever its
    targets have done since.
    """
    if deployment.status is DeploymentStatus.CREATED:
        deployment, fleet = _begin(deployment)
    else:
        fleet = list(targets.of(deployment.deployment_id))
    if not stages.is_running(deployment) or deployment.stop or deployment.launch:
        return []
    found = stages.plan(deployment, fleet)
    ordered = [replace(each, target_ids=in_order(each.target_ids, fleet)) for each in found]
    return [bucket.write_manifest(deployment.deployment_id, stage) for stage in ordered]


def _begin(deployment: Deployment) -> tuple[Deployment, list[Target]]:
    """The deployment and its targets as they are on record then: another call may have begun it, or somebody stopped
    it. Raises Conflict while another call is about to begin it."""
    pinned = deployment if deployment.is_restart else replace(deployment, revision=bucket.pin(deployment.revision))
    fleet, balancers, traits, counted = _fleet(pinned)
    pinned = replace(pinned, balancers=balancers, budgets=budgets.shares(counted))
    try:  # no fleet: every instance runs the revision, and only others were wanted
        begun, fleet = stages.begin(pinned, fleet, traits) if fleet else (replace(pinned, counters=None), fleet)
    except HealthConstraintsInvalid as error:
        raise NotDeployable(DeploymentErrorCode.HEALTH_CONSTRAINTS_INVALID, str(error)) from error
    fleet = budgets.with_homes(fleet, counted)
    if preparing.begin(begun, fleet, clock.timestamp()):
        return replace(begun, status=DeploymentStatus.IN_PROGRESS), fleet
    found = deployments.get(deployment.deployment_id) or deployment
    if found.status is DeploymentStatus.CREATED and not found.stop and not found.failure:
        raise Conflict(f"{deployment.deployment_id} is being prepared by another call: try again")
    return found, list(targets.of(deployment.deployment_id))


def _fleet(deployment: Deployment) -> tuple[list[Target], tuple[Balancer, ...], dict[str, Traits], budgets.Counted]:
    """Its targets, the load balancers that they leave and come back to, what stages choose targets by, and the budgets
    that they ask."""
    if deployment.launch:
        return *_alone(deployment, deployment.launch), {}, ()
    scaling_groups = scaling.check(deployment)
    selected = _selected(deployment, scaling_groups)
    found = _narrowed(deployment, selected.hosts)
    if not found and deployment.outdated_only:
        return [], (), {}, ()
    if not found:
        raise NotDeployable(DeploymentErrorCode.NO_INSTANCES, _nothing(deployment, selected))
    if len(found) > quotas.MAX_TARGETS:
        raise NotDeployable(
            DeploymentErrorCode.OVER_MAX_INSTANCES,
            f"The tags of {deployment.group_key} select {len(found)} instances, at most {quotas.MAX_TARGETS}:"
            " split it.",
        )
    chosen = selected.only({instance.instance_id for instance in found})
    who_may.check_hosts(deployment, chosen)
    balancers = preflight.check_load_balancers(deployment, found)
    counted = budgets.count(deployment, [instance.instance_id for instance in found])
    scaling.suspend(deployment, scaling_groups)
    contacts, steps = engine_fleet.contacts(chosen), _steps(deployment)
    fleet = new_targets(deployment.deployment_id, deployment.group_id, found, contacts, clock.timestamp(), steps)
    known = {host.target_id: host for host in hosts.of(deployment.group_id)}
    out = {name for name, host in known.items() if host.status is TargetStatus.FAILED}
    traits = _traits(deployment, found, known)
    return [replace(each, was_out_of_service=each.target_id in out) for each in fleet], balancers, traits, counted


def _traits(deployment: Deployment, found: Sequence[Instance], known: Mapping[str, Host]) -> dict[str, Traits]:
    """What the stages choose the instances by: their tags, and what they run."""
    brought = hosts.deployments_of(known.values())

    def standing(host: Host | None) -> Standing:
        before = brought.get(host.deployment_id) if host and host.status is TargetStatus.SUCCEEDED else None
        if before is None:
            return Standing.UNKNOWN
        return Standing.CURRENT if before.revision.is_same(deployment.revision) else Standing.OLD

    return {each.instance_id: Traits(tags=each.tags, standing=standing(known.get(each.instance_id))) for each in found}


def _alone(deployment: Deployment, launch: Launch) -> tuple[list[Target], tuple[Balancer, ...]]:
    """The one target of a deployment to an instance that waits in a lifecycle hook. Whether SSM reaches it already, the
    target waits for."""
    instance = ec2.named(launch.action.instance_id)
    if instance is None:
        raise NotDeployable(DeploymentErrorCode.NO_INSTANCES, f"{launch.action.instance_id} is gone")
    who_may.check_hosts(deployment, Fleet(ec2=[instance]))
    balancers = preflight.check_load_balancers(deployment, [instance])
    settings, hooks, now = deployment.settings, deployment.revision.hooks, clock.timestamp()
    is_launch = launch.action.kind is HookKind.LAUNCH
    steps = launch_steps(settings, hooks=hooks) if is_launch else termination_steps(settings, hooks_before=hooks)
    group_id = deployment.group_id if is_launch else ""  # what is about to end says nothing of what hosts run
    contacts = {instance.instance_id: Contact(ping=ONLINE)}
    (target,) = new_targets(deployment.deployment_id, group_id, [instance], contacts, now, lambda each: steps)
    traffic = pin(instance.instance_id, balancers, {}, ()) if balancers and is_launch else None
    return [replace(target, traffic=traffic)], balancers


def _steps(deployment: Deployment) -> Callable[[Instance], tuple[Step, ...]]:
    """The steps of each instance."""
    settings = deployment.settings
    before = preflight.hooks_of_hosts(deployment) if settings.load_balancers.are_used else {}

    def steps(instance: Instance) -> tuple[Step, ...]:
        of_host = before.get(instance.instance_id, ())
        hooks = deployment.revision.hooks
        return plan_steps(
            settings, is_ec2=instance.is_ec2, hooks=hooks, hooks_before=of_host, is_restart=deployment.is_restart
        )

    return steps


def _selected(deployment: Deployment, scaling_groups: Sequence[ScalingGroup]) -> Fleet:
    """The instances that fit the group's tags and, if the request has some, the request's.

    The request's tags are those of EC2 instances (CodeDeploy's EC2TagFilter): no on-premises instance fits them.
    """
    tags, on_premises = _tags_of_group(deployment)
    if own := deployment.own_tag_groups:
        ec2_hosts = engine_fleet.select(tags, (), scaling_groups).ec2
        return Fleet(ec2=[instance for instance in ec2_hosts if matches(instance.tags, own)])
    return engine_fleet.select(tags, on_premises, scaling_groups)


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
