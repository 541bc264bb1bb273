"""Planning a deployment: its revision pinned, its targets found and on record, its stages' manifests in S3."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from functions.aws import clock, hosts, revisions, targets
from functions.aws.table import table
from functions.core import stages, texts
from functions.core.errors import Conflict, NotDeployable
from functions.core.gate import Counters
from functions.core.health import HealthConstraintsInvalid
from functions.core.records import Deployment, Target
from functions.core.selection import Instance, new_targets
from functions.core.statuses import UNSUCCESSFUL, DeploymentErrorCode, DeploymentStatus

MAX_TARGETS = 10_000
NOTHING_TO_DO = Counters()  # every instance runs the revision, and only others were wanted


def plan(deployment: Deployment) -> list[dict[str, Any]]:
    """The stages as the state machine runs them; empty when too few targets can be reached. Raises NotDeployable.

    A deployment that had begun before (Prepare is retried, or runs twice) is planned the same again, whatever its
    targets have done since.
    """
    if deployment.status is DeploymentStatus.CREATED:
        deployment, fleet = _begin(deployment)
    else:
        fleet = list(table().targets(deployment.deployment_id))
    if deployment.status is not DeploymentStatus.IN_PROGRESS or deployment.stop:
        return []
    return [
        revisions.write_manifest(deployment.deployment_id, stage)
        for stage in stages.plan(deployment, deployment.counters.allowed, fleet)
        if stage.target_ids
    ]


def _begin(deployment: Deployment) -> tuple[Deployment, list[Target]]:
    """The deployment and its targets as they are on record then: another call may have begun it, or somebody stopped
    it. Raises Conflict while another call is about to begin it."""
    pinned = replace(deployment, revision=revisions.pin(deployment.revision))
    fleet = _fleet(pinned)
    try:
        begun = replace(pinned, counters=stages.count(pinned, fleet) if fleet else NOTHING_TO_DO)
    except HealthConstraintsInvalid as error:
        raise NotDeployable(DeploymentErrorCode.HEALTH_CONSTRAINTS_INVALID, str(error)) from error
    if table().begin(begun, fleet, clock.timestamp()):
        return replace(begun, status=DeploymentStatus.IN_PROGRESS), fleet
    found = table().deployment(deployment.deployment_id) or deployment
    if found.status is DeploymentStatus.CREATED and not found.stop and not found.failure:
        raise Conflict(f"{deployment.deployment_id} is prepared by another call now: look again")
    return found, list(table().targets(deployment.deployment_id))


def _fleet(deployment: Deployment) -> list[Target]:
    settings = deployment.settings
    elsewhere, reached = targets.select_on_premises(settings.on_premises_tag_groups)
    instances = targets.select(settings.tag_groups)
    found = [*instances, *elsewhere]
    found = _narrowed(deployment, found)
    if not found and deployment.outdated_only:
        return []
    if not found:
        tags = "targetInstances" if deployment.has_own_targets else "ec2TagSet"
        raise NotDeployable(DeploymentErrorCode.NO_INSTANCES, texts.no_instances(deployment.group_key, tags))
    if len(found) > MAX_TARGETS:
        raise NotDeployable(
            DeploymentErrorCode.OVER_MAX_INSTANCES,
            f"The tags of {deployment.group_key} select {len(found)} instances, at most {MAX_TARGETS}: split it.",
        )
    reachable = targets.ping([instance.instance_id for instance in instances]) | reached
    return new_targets(deployment.deployment_id, deployment.group_id, found, reachable, clock.timestamp())


def _narrowed(deployment: Deployment, found: list[Instance]) -> list[Instance]:
    """Those of the instances that the deployment goes to. Raises NotDeployable for an id that is not among them."""
    wanted: Callable[[str], bool] | None = None
    if deployment.retry_of:
        wanted = {target.target_id for target in table().targets(deployment.retry_of, UNSUCCESSFUL)}.__contains__
    elif deployment.instance_ids:
        if missing := set(deployment.instance_ids) - {instance.instance_id for instance in found}:
            message = texts.no_such_instances(deployment.group_key, sorted(missing))
            raise NotDeployable(DeploymentErrorCode.NO_INSTANCES, message)
        wanted = set(deployment.instance_ids).__contains__
    elif deployment.outdated_only:
        current = hosts.running(deployment.group_id, deployment.revision)
        return [instance for instance in found if instance.instance_id not in current]
    return [instance for instance in found if wanted(instance.instance_id)] if wanted else found
