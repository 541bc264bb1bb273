"""What the rules of `functions/core/access.py` need, loaded; a no becomes NotDeployable."""

from functions.core import access
from functions.core.errors import NotDeployable
from functions.core.records import Deployment, Group
from functions.core.statuses import DeploymentErrorCode
from functions.store import guards
from functions.store.records import applications, groups


def group_to_deploy(application: str, name: str, principal: str | None) -> Group:
    """The group as it is now, to which the principal may deploy. Raises NotDeployable, also when there is none."""
    group = known_group(application, name)
    check_deploy(group, principal)
    return group


def known_group(application: str, name: str) -> Group:
    """The group as it is now. Raises NotDeployable when there is none."""
    group = groups.get(application, name)
    if group is None or group.removed_at:
        raise _missing(application, name)
    return group


def check_deploy(group: Group, principal: str | None) -> None:
    """Raises NotDeployable when the principal may not deploy to the group."""
    _require(access.may_deploy(group, principal))


def check_stop(deployment: Deployment, principal: str | None) -> None:
    """Raises NotDeployable when the principal may not stop the deployment."""
    _require(access.may_stop(deployment, groups.get(deployment.application, deployment.group), principal))


def check_approve(deployment: Deployment, stage: int, principal: str | None) -> None:
    """Raises NotDeployable when the principal may not let the deployment go on after a stage."""
    group = groups.get(deployment.application, deployment.group)
    _require(access.may_approve(deployment, group, stage, principal))


def check_hosts(deployment: Deployment, fleet: access.Fleet) -> None:
    """Raises NotDeployable when the deployment may not touch all of these hosts."""
    _require(access.may_touch(deployment, fleet, guards.guards()))


def _require(refusal: str | None) -> None:
    if refusal is not None:
        raise NotDeployable(DeploymentErrorCode.IAM_ROLE_PERMISSIONS, refusal)


def _missing(application: str, name: str) -> NotDeployable:
    if not applications.has(application):
        code, what = DeploymentErrorCode.APPLICATION_MISSING, f"application {application!r}"
    else:
        code, what = DeploymentErrorCode.DEPLOYMENT_GROUP_MISSING, f"deployment group {name!r} of {application!r}"
    return NotDeployable(code, f"There is no {what}: declare it in deployments.yaml and run cdk deploy.")
