"""The targets of a deployment, with their lifecycle events: those of a running command as SSM has them now."""

import re
from dataclasses import replace
from typing import Any

from functions.api import responses, target_responses
from functions.api.operations import Caller
from functions.api.operations.deployments import known
from functions.core.errors import Refused
from functions.core.limits import SHOWN
from functions.core.place import Place
from functions.core.records import Target
from functions.engine.running import progress
from functions.settings import settings
from functions.store.records import targets

MAX_AT_ONCE = 25
_ID = re.compile(r"[A-Za-z0-9+=,.@_-]{1,100}")
_STATUSES = ("Pending", "InProgress", "Succeeded", "Failed", "Skipped", "Unknown", "Ready")  # as in the model


def list_deployment_targets(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """Ids, of some statuses or all, and what a picture of all targets needs of each."""
    deployment_id = begun(given)
    filters = given.get("targetFilters") or {}
    if filters.get("ServerInstanceLabel"):
        what = f"targetFilters: the deployment {deployment_id} is in place, so its targets have no ServerInstanceLabel"
        raise Refused("InvalidDeploymentInstanceTypeException", f"{what}: leave it out")
    statuses = filters.get("TargetStatus") or []
    if unknown := [each for each in statuses if each not in _STATUSES]:
        what = f"targetFilters.TargetStatus: {unknown[0][:SHOWN]!r} is not one of {', '.join(_STATUSES)}"
        raise Refused("InvalidInstanceStatusException", what)
    found, token = targets.page(deployment_id, statuses, given.get("nextToken"))
    return {
        "targetIds": [each.target_id for each in found],
        "targetSummaries": [target_responses.summary(each) for each in found],
        "nextToken": token,
    }


def get_deployment_target(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    (target,) = _known(begun(given), "targetId", [given["targetId"]])
    return {"deploymentTarget": responses.target(target, place(caller))}


def batch_get_deployment_targets(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """Those named, in their order; an unknown one refuses all."""
    ids = given["targetIds"]
    if len(ids) > MAX_AT_ONCE:
        what = f"targetIds: has {len(ids)} ids, at most {MAX_AT_ONCE}"
        raise Refused("DeploymentTargetListSizeExceededException", what)
    found = _known(begun(given), "targetIds", ids)
    return {"deploymentTargets": [responses.target(each, place(caller)) for each in found]}


def place(caller: Caller) -> Place:
    """Where the engine runs: the account of whoever may call it, but IAM's ARNs have no Region."""
    return replace(Place.of(caller.arn), region=settings().region)


def begun(given: dict[str, Any]) -> str:
    """The id of the deployment. Raises Refused when it is not there, or has no targets yet."""
    deployment = known(given["deploymentId"])
    if not responses.has_targets(deployment):
        what = f"The deployment {deployment.deployment_id} has not started: it is {deployment.status}"
        raise Refused("DeploymentNotStartedException", what)
    return deployment.deployment_id


def check_id(member: str, target_id: str, code: str) -> None:
    if _ID.fullmatch(target_id) is None:
        raise Refused(code, f"{member}: {target_id[:SHOWN]!r} is not an instance id, for example i-0123456789abcdef0")


def _known(deployment_id: str, member: str, ids: list[str]) -> list[Target]:
    for each in ids:
        check_id(member, each, "InvalidDeploymentTargetIdException")
    found = targets.named(deployment_id, ids)
    if missing := [each for each in ids if each not in found]:
        what = f"Instance(s) not found in the deployment {deployment_id}: {', '.join(missing)}"
        raise Refused("DeploymentTargetDoesNotExistException", what)
    return progress.with_live_progress([found[each] for each in ids])
