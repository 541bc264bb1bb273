"""What deployments there are, and how they are."""

import re
from datetime import UTC, datetime
from typing import Any

from functions.api import responses
from functions.api.operations import Caller, groups
from functions.core.errors import Refused
from functions.core.records import Deployment
from functions.settings import settings
from functions.store import pages
from functions.store.table import table

MOST_AT_ONCE = 25
_ID = re.compile(r"d-[A-Z0-9]{9}")
_EVER = "9999"  # sorts behind every time


def get_deployment(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    return {"deploymentInfo": responses.deployment(known(given["deploymentId"]))}


def batch_get_deployments(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """The known ones of those named, in their order."""
    ids = given["deploymentIds"]
    if len(ids) > MOST_AT_ONCE:
        raise Refused("BatchLimitExceededException", f"deploymentIds: has {len(ids)} ids, at most {MOST_AT_ONCE}")
    for each in ids:
        check_id(each)
    found = table().deployments(ids)
    return {"deploymentsInfo": [responses.deployment(found[each]) for each in ids if each in found]}


def list_deployments(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """Ids, the newest first."""
    application, group = given.get("applicationName"), given.get("deploymentGroupName")
    if bool(application) != bool(group):
        missing = "DeploymentGroupName" if application else "ApplicationName"
        raise Refused(f"{missing}RequiredException", "applicationName and deploymentGroupName: give both or neither")
    if application and group:
        groups.ever(application, group)
    items, token = pages.page(_question(given), given.get("nextToken"))
    return {"deployments": [str(item["created"]).partition("#")[2] for item in items], "nextToken": token}


def _question(given: dict[str, Any]) -> dict[str, Any]:
    """The index that has the answer in the order of time, and what it leaves out."""
    statuses = given.get("includeOnlyStatuses") or []
    if given.get("applicationName"):
        index, name, value = "by_group", "group_key", f"{given['applicationName']}/{given['deploymentGroupName']}"
    elif len(statuses) == 1:
        index, name, value = "by_status", "status", statuses[0]
    else:
        index, name, value = "by_time", "kind", "deployment"
    start, end = _range(given.get("createTimeRange") or {})
    question: dict[str, Any] = {
        "TableName": settings().table_name,
        "IndexName": index,
        "KeyConditionExpression": "#key = :key AND #created BETWEEN :start AND :end",
        "ExpressionAttributeNames": {"#key": name, "#created": "created"},
        "ExpressionAttributeValues": {":key": {"S": value}, ":start": {"S": start}, ":end": {"S": end}},
        "ScanIndexForward": False,
    }
    if statuses and name != "status":
        values = {f":status{number}": {"S": status} for number, status in enumerate(dict.fromkeys(statuses))}
        question["FilterExpression"] = f"#status IN ({', '.join(values)})"
        question["ExpressionAttributeNames"]["#status"] = "status"
        question["ExpressionAttributeValues"] |= values
    return question


def _range(given: dict[str, Any]) -> tuple[str, str]:
    start, end = given.get("start"), given.get("end")
    if start is not None and end is not None and start > end:
        raise Refused("InvalidTimeRangeException", "createTimeRange: its start is after its end")
    return (_moment(start) if start is not None else "0", f"{_moment(end)}~" if end is not None else _EVER)


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def check_id(deployment_id: str) -> None:
    if _ID.fullmatch(deployment_id) is None:
        what = f"deploymentId: {deployment_id[:200]!r} is not d- and nine of A-Z0-9"
        raise Refused("InvalidDeploymentIdException", what)


def known(deployment_id: str) -> Deployment:
    """The deployment. Raises Refused."""
    check_id(deployment_id)
    found = table().deployment(deployment_id)
    if found is None:
        raise Refused("DeploymentDoesNotExistException", f"The deployment {deployment_id} could not be found")
    return found
