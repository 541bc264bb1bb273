"""What deployments there are, and how they are."""

import re
from datetime import UTC, datetime
from typing import Any

from functions.api import responses
from functions.api.operations import Caller, groups
from functions.core.errors import Refused
from functions.core.records import Deployment
from functions.core.statuses import DeploymentStatus
from functions.core.text.times import timestamp
from functions.engine.running import budgets
from functions.store.records import deployments, lock, places

MAX_AT_ONCE = 25
_ID = re.compile(r"d-[A-Z0-9]{9}")


def get_deployment(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    found = known(given["deploymentId"])
    return {"deploymentInfo": _told(places.counted(found), caller)}


def batch_get_deployments(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """The known ones of those named, in their order."""
    ids = given["deploymentIds"]
    if len(ids) > MAX_AT_ONCE:
        raise Refused("BatchLimitExceededException", f"deploymentIds: has {len(ids)} ids, at most {MAX_AT_ONCE}")
    for each in ids:
        check_id(each)
    known_ones = places.counted_all(list(deployments.named(ids).values()))
    found = {each.deployment_id: each for each in known_ones}
    return {"deploymentsInfo": [_told(found[each], caller) for each in ids if each in found]}


def _told(found: Deployment, caller: Caller) -> dict[str, Any]:
    """With what it waits for: of each group at most one deployment waits behind another, so few are asked for."""
    behind = lock.holder(found.group_key) if found.status is DeploymentStatus.QUEUED else None
    waits = budgets.waits(found, caller.now) if found.status is DeploymentStatus.IN_PROGRESS else ()
    return {**responses.deployment(found), "queuedBehind": behind, "waitingFor": list(waits) or None}


def list_deployments(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """Ids, the newest first."""
    application, group = given.get("applicationName"), given.get("deploymentGroupName")
    if bool(application) != bool(group):
        missing = "DeploymentGroupName" if application else "ApplicationName"
        raise Refused(f"{missing}RequiredException", "applicationName and deploymentGroupName: give both or neither")
    if application and group:
        groups.ever(application, group)
    ids, token = deployments.page(
        f"{application}/{group}" if group else None,
        given.get("includeOnlyStatuses") or [],
        _range(given.get("createTimeRange") or {}),
        given.get("nextToken"),
    )
    return {"deployments": ids, "nextToken": token}


def _range(given: dict[str, Any]) -> tuple[str | None, str | None]:
    start, end = given.get("start"), given.get("end")
    if start is not None and end is not None and start > end:
        raise Refused("InvalidTimeRangeException", "createTimeRange: its start is after its end")
    return (None if start is None else _moment(start), None if end is None else _moment(end))


def _moment(seconds: float) -> str:
    return timestamp(datetime.fromtimestamp(seconds, UTC))


def check_id(deployment_id: str) -> None:
    if _ID.fullmatch(deployment_id) is None:
        what = f"deploymentId: {deployment_id[:200]!r} is not d- and nine of A-Z0-9"
        raise Refused("InvalidDeploymentIdException", what)


def known(deployment_id: str) -> Deployment:
    """The deployment. Raises Refused."""
    check_id(deployment_id)
    found = deployments.get(deployment_id)
    if found is None:
        raise Refused("DeploymentDoesNotExistException", f"The deployment {deployment_id} could not be found")
    return found


def running(deployment_id: str) -> Deployment:
    """A deployment that has not ended. Raises Refused."""
    found = known(deployment_id)
    if found.status.is_final:
        what = f"The deployment {found.deployment_id} has ended: it is {found.status}"
        raise Refused("DeploymentAlreadyCompletedException", what)
    return found


def given_id(given: dict[str, Any]) -> str:
    """The id in a request whose model does not require one. Raises Refused."""
    if not given.get("deploymentId"):
        raise Refused("DeploymentIdRequiredException", "deploymentId: is missing")
    return str(given["deploymentId"])
