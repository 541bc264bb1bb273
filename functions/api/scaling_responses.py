"""What the API tells of Auto Scaling, and of deployments that follow others."""

from typing import Any

from functions.core.auto_scaling import HOOK_MEMBERS, hook_kinds, hook_name
from functions.core.records import AutoScaling, Deployment, Group, RollbackInfo, Target


def scaling_group(name: str, record: Group) -> dict[str, Any]:
    """An AutoScalingGroup, with the hooks that the engine has there."""
    kinds = hook_kinds(record.settings.auto_scaling)
    return {"name": name, **{HOOK_MEMBERS[kind]: hook_name(kind, record.key) for kind in kinds}}


def auto_scaling(record: AutoScaling) -> dict[str, Any]:
    """The members that are extensions; none for a group without Auto Scaling."""
    if not record.groups:
        return {}
    options = {"processesToSuspend": list(record.suspended)} if record.suspended else None
    return {
        "ec2DeploymentOptions": options,
        "launchOrder": record.order,
        "launchesTakePlaces": record.takes_places or None,
        "afterFailedLaunches": record.after_failed_launches,
    }


def related(record: Deployment) -> dict[str, Any] | None:
    """A RelatedDeployments: the deployment that has missed instances, and those that went to them."""
    found = {
        "autoUpdateOutdatedInstancesRootDeploymentId": record.updates,
        "autoUpdateOutdatedInstancesDeploymentIds": list(record.updated_by),
    }
    return {name: value for name, value in found.items() if value} or None


def membership(record: Target) -> dict[str, Any]:
    """The members of an InstanceTarget that say where its instance is."""
    return {
        "availabilityZone": record.zone,
        "autoScalingGroup": record.scaling_group,
        "isStandby": record.is_standby or None,
    }


def rollback(record: RollbackInfo) -> dict[str, Any]:
    return {
        "rollbackDeploymentId": record.rollback_deployment_id,
        "rollbackTriggeringDeploymentId": record.rollback_triggering_deployment_id,
        "rollbackMessage": record.rollback_message,
        "rollbackReason": record.reason,
    }
