"""What a person may do next about a deployment."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from cli.view.words import Info, group_of, revision
from functions.core.causes import Cause
from functions.core.records import SharedFailure
from functions.core.statuses import DeploymentErrorCode as Code
from functions.core.statuses import DeploymentStatus

_REMEDIES = {
    Code.ALARM_ACTIVE: "check the alarms named above and what they measure",
    Code.APPLICATION_MISSING: "list the applications: stepdeploy groups",
    Code.DEPLOYMENT_GROUP_MISSING: "list the groups: stepdeploy groups",
    Code.HEALTH_CONSTRAINTS_INVALID: "give the group more hosts, or another deployment configuration",
    Code.INTERNAL_ERROR: "read the engine's log (docs/operate.md says where)",
    Code.INVALID_REVISION: "check the bundle before it is pushed: stepdeploy validate PATH",
    Code.NO_INSTANCES: "compare the group's tags with the hosts': stepdeploy groups",
    Code.OVER_MAX_INSTANCES: "split the group: select fewer hosts with additional tags",
    Code.RESOURCE_LIMIT_EXCEEDED: "wait for other deployments to end, or ask AWS to raise the quota",
    Code.REVISION_MISSING: "push the revision again, or deploy another one",
}
_OF_HOSTS = (Cause.UNREACHABLE, Cause.DENIED, Cause.BUSY)  # nothing is wrong with the revision
_LEFT_OUT = (Code.ALARM_ACTIVE, Code.HEALTH_CONSTRAINTS, Code.MANUAL_STOP)  # hosts


def next_steps(
    info: Info,
    found: Sequence[SharedFailure],
    choice: Mapping[str, Any] | None = None,
    names: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[str]:
    """One sentence or command each. `found`: why hosts failed; `choice`: where a rollback would go now, and why;
    `names`: of hosts, by id."""
    deployment_id, status = info["deploymentId"], DeploymentStatus(info["status"])
    if not status.is_final:
        yield f"follow it: stepdeploy watch {deployment_id}"
        if info.get("stopInfo"):
            yield f"it is stopping; to cut off the scripts that run: stepdeploy stop {deployment_id} --cancel"
        else:
            yield f"stop it: stepdeploy stop {deployment_id}"
        return
    if status is DeploymentStatus.SUCCEEDED and not found:
        return
    for cause in found[:1]:
        if cause.failure.script_name:
            host = names.get(cause.target_ids[0], cause.target_ids[0])
            yield f"read the whole log: stepdeploy logs {deployment_id} {shlex.quote(host)} --full"
    if any(cause.failure.cause in _OF_HOSTS for cause in found):
        yield f"see what is wrong with the hosts: stepdeploy doctor {group_of(info)}"
    if remedy := _REMEDIES.get(_code(info)):
        yield remedy
    if _went_back(info):
        yield f"see how the rollback went: stepdeploy show {_went_back(info)}"
        return
    if found or _code(info) in _LEFT_OUT:
        yield f"after fixing the hosts, retry on them: stepdeploy retry {deployment_id}"
    if not found or any(cause.failure.cause not in _OF_HOSTS for cause in found):
        yield f"after fixing the revision: stepdeploy deploy {group_of(info)}"
    if not found or not choice:
        return
    if choice.get("revision"):
        place = f"{revision(choice['revision'])} of {choice.get('deploymentId')}"
        back = f"stepdeploy rollback {group_of(info)} --to {choice.get('deploymentId')}"
        yield f"or go back to the last good revision, {place}: {back}"
    else:
        yield str(choice.get("reason"))


def _code(info: Info) -> Any:
    return (info.get("errorInformation") or {}).get("code")


def _went_back(info: Info) -> str:
    return (info.get("rollbackInfo") or {}).get("rollbackDeploymentId") or ""
