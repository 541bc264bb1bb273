"""Applications: made by requests, or declared in deployments.yaml, which then alone changes them."""

from typing import Any

from functions.api import model, responses
from functions.api.operations import Caller
from functions.api.operations.groups import known_application, missing_application
from functions.api.requests import resource_tags
from functions.aws import clock
from functions.core.errors import Conflict, Refused
from functions.core.records import Application
from functions.core.text.names import is_reserved
from functions.settings import settings
from functions.store import groups as store_groups
from functions.store import pages
from functions.store.keys import listed_application_key
from functions.store.table import table
from functions.store.transactions import pause

MOST = 1000
MOST_AT_ONCE = 100
_MOST_WRITES = 100  # of a DynamoDB transaction
_TRIES = 12  # of a change that met another one


def create_application(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    name = given["applicationName"]
    _check_name("applicationName", name)
    if (platform := given.get("computePlatform", responses.PLATFORM)) != responses.PLATFORM:
        what = f"computePlatform: {platform} is not supported: give {responses.PLATFORM}, or leave it out"
        raise Refused("InvalidComputePlatformException", what)
    new = Application(
        name=name,
        application_id=clock.new_uuid(),
        create_time=caller.now,
        tags=resource_tags.given(given.get("tags") or [], "tags"),
    )
    if store_groups.number_of_applications(table()) >= MOST:
        raise Refused("ApplicationLimitExceededException", f"there are {MOST} applications already: delete one first")
    if not store_groups.create_application(table(), new):
        raise _taken("applicationName", name)
    return {"applicationId": new.application_id}


def get_application(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    return {"application": responses.application(known_application(given["applicationName"]))}


def batch_get_applications(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """All of those named, in their order. Raises Refused if one is not there."""
    names = list(dict.fromkeys(given["applicationNames"]))
    if len(names) > MOST_AT_ONCE:
        what = f"applicationNames: has {len(names)} names, at most {MOST_AT_ONCE}"
        raise Refused("BatchLimitExceededException", what)
    found = store_groups.applications(table(), names)
    for name in names:
        if name not in found:
            raise missing_application(name)
    return {"applicationsInfo": [responses.application(found[name]) for name in names]}


def list_applications(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """Names, in their order."""
    question = {
        "TableName": settings().table_name,
        "KeyConditionExpression": "pk = :pk",
        "ExpressionAttributeValues": {":pk": {"S": listed_application_key("")["pk"]}},
        "ConsistentRead": True,
    }
    items, token = pages.page(question, given.get("nextToken"))
    return {"applications": [item["name"] for item in items], "nextToken": token}


def update_application(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """Another name, for the application and its groups; deployments keep the name under which they were made."""
    operation, after = "UpdateApplication", given.get("newApplicationName")
    if "applicationName" not in given:
        raise Refused("ApplicationNameRequiredException", "applicationName: is missing")
    for attempt in range(_TRIES):
        application = known_application(given["applicationName"])
        if after is None or after == application.name:
            return {}
        _check_name("newApplicationName", after)
        moved = list(store_groups.groups(table(), application.name))
        _check_undeclared(operation, application, [group.name for group in moved if group.declared])
        if store_groups.application(table(), after):
            raise _taken("newApplicationName", after)
        if busy := [group.name for group in moved if table().holder(group.key)]:
            what = f"newApplicationName: deployments run in {', '.join(busy[:3])}: wait until they have ended"
            raise model.refusal(operation, "InvalidInputException", what)
        writes = store_groups.rename_application(table(), application, after, moved)
        if len(writes) > _MOST_WRITES:
            what = f"newApplicationName: {application.name} has {len(moved)} groups, too many to move at once"
            raise model.refusal(operation, "InvalidInputException", f"{what}: make a new application")
        try:
            table().transact(writes)
        except Conflict:
            pause(attempt)
            continue
        return {}
    raise Conflict(f"{given['applicationName']} changed {_TRIES} times while renaming it")


def delete_application(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """With its groups; deployments stay on record. An unknown one is as it should be."""
    name = given["applicationName"]
    for attempt in range(_TRIES):
        application = store_groups.application(table(), name)
        if application is None:
            return {}
        groups = list(store_groups.groups(table(), name))
        _check_undeclared("DeleteApplication", application, [group.name for group in groups if group.declared])
        if all(store_groups.change_group(table(), group, None) for group in groups) and store_groups.delete_application(
            table(), application
        ):
            return {}
        pause(attempt)
    raise Conflict(f"{name} changed {_TRIES} times while deleting it")


def _taken(member: str, name: str) -> Refused:
    return Refused("ApplicationAlreadyExistsException", f"{member}: {name} exists already: choose another name")


def _check_name(member: str, name: str) -> None:
    """What the model cannot know of a name."""
    if is_reserved(name):
        what = "a name that begins with a dot is the engine's own in the revision bucket: choose another"
        raise Refused("InvalidApplicationNameException", f"{member}: {name}: {what}")


def _check_undeclared(operation: str, application: Application, declared_groups: list[str]) -> None:
    what = "it" if application.declared else f"its group {declared_groups[0]}" if declared_groups else None
    if what:
        told = f"applicationName: {application.name}: {what} is declared in deployments.yaml"
        raise model.refusal(operation, "InvalidInputException", f"{told}: change it there and run cdk deploy")
