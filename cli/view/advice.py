"""What a person may do next about a deployment."""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from cli.view.words import Info, group_of, revision_name
from functions.core.causes import Cause
from functions.core.records import SharedFailure
from functions.core.statuses import DeploymentErrorCode as Code
from functions.core.statuses import DeploymentStatus

_REMEDIES = {
    Code.ALARM_ACTIVE: "check the alarms or metrics named above and what they measure",
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
_OF_HOSTS = (Cause.UNREACHABLE, Cause.DENIED, Cause.UNSUPPORTED, Cause.BUSY)  # which doctor looks at
_OF_NO_REVISION = (*_OF_HOSTS, Cause.EXPIRED)  # nothing is wrong with the revision
_NO_REVISION = (Code.ALARM_ACTIVE, Code.MANUAL_STOP, Code.NO_INSTANCES)  # likewise, where no host failed
_NO_ALARM = re.compile(r"[Aa]larms? (?P<names>.+?) do(?:es)? not exist")
_SUPERSEDED = re.compile(r"Superseded by the newer deployment (?P<id>d-[A-Z0-9]{9})")


def next_steps(
    info: Info,
    found: Sequence[SharedFailure],
    group: Mapping[str, Any],
    names: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[str]:
    """One sentence or command each. `found`: why hosts failed; `group`: the DeploymentGroupInfo, empty where there is
    none; `names`: of hosts, by id."""
    status = DeploymentStatus(info["status"])
    if not status.is_final:
        yield from _while_it_runs(info)
    elif status is not DeploymentStatus.SUCCEEDED or found:
        yield from _after_a_failure(info, found, names)
        if back := (info.get("rollbackInfo") or {}).get("rollbackDeploymentId"):
            yield f"see how the rollback went: stepdeploy show {back}"
        elif group:
            yield from _again(info, found)
            yield from _back(info, found, group.get("rollbackChoice") or {})
        else:
            yield "deploy it where it was meant for: stepdeploy deploy APPLICATION/GROUP REVISION"


def _while_it_runs(info: Info) -> Iterator[str]:
    deployment_id = info["deploymentId"]
    yield f"follow it: stepdeploy watch {deployment_id}"
    if info.get("stopInfo"):
        yield f"it is stopping; to cut off the scripts that run: stepdeploy stop {deployment_id} --cancel"
    else:
        yield f"stop it: stepdeploy stop {deployment_id}"


def _after_a_failure(info: Info, found: Sequence[SharedFailure], names: Mapping[str, str]) -> Iterator[str]:
    """What to look at."""
    for cause in found[:1]:
        if cause.failure.script_name:
            host = names.get(cause.target_ids[0], cause.target_ids[0])
            yield f"read the whole log: stepdeploy logs {info['deploymentId']} {shlex.quote(host)} --full"
    if any(cause.failure.cause in _OF_HOSTS for cause in found):
        yield f"see what is wrong with the hosts: stepdeploy doctor {group_of(info)}"
    code, message = _error(info)
    if missing := _NO_ALARM.search(message) if code == Code.ALARM_ACTIVE else None:
        yield f"create {missing['names']}, or take it out of deployments.yaml"
    elif remedy := _REMEDIES.get(code):
        yield remedy
    if newer := _SUPERSEDED.search(message):
        yield f"see what took its place: stepdeploy show {newer['id']}"


def _again(info: Info, found: Sequence[SharedFailure]) -> Iterator[str]:
    """How to deploy once more, after what was wrong is fixed."""
    code, message = _error(info)
    if _SUPERSEDED.search(message):
        return
    overview = info.get("deploymentOverview") or {}
    if overview.get("Failed") or overview.get("Skipped"):
        yield f"after fixing the hosts, retry on them: stepdeploy retry {info['deploymentId']}"
    if any(cause.failure.cause not in _OF_NO_REVISION for cause in found):
        yield f"after fixing the revision: stepdeploy deploy {group_of(info)}"
    elif not found:
        what = "then deploy it again" if code in _NO_REVISION else "after fixing the revision"
        yield f"{what}: stepdeploy deploy {group_of(info)}"


def _back(info: Info, found: Sequence[SharedFailure], choice: Mapping[str, Any]) -> Iterator[str]:
    if not found or not choice:
        return
    if choice.get("revision"):
        place = f"{revision_name(choice)} of {choice.get('deploymentId')}"
        back = f"stepdeploy rollback {group_of(info)} --to {choice.get('deploymentId')}"
        yield f"or go back to the last good revision, {place}: {back}"
    else:
        yield str(choice.get("reason"))


def _error(info: Info) -> tuple[Any, str]:
    """The code of a deployment's errorInformation, and its message."""
    found = info.get("errorInformation") or {}
    return found.get("code"), str(found.get("message", ""))
