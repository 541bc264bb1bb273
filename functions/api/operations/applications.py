"""Applications: made by requests, or declared in deployments.yaml, which then alone changes them."""

from collections.abc import Sequence
from typing import Any

from functions.api import model, responses
from functions.api.operations import Caller
from functions.api.operations.groups import known_application, missing_application
from functions.api.requests import resource_tags
from functions.aws import clock
from functions.core.declaration.registrants import owner
from functions.core.errors import Refused
from functions.core.records import Application, Group
from functions.core.text.names import is_reserved
from functions.store.records import applications, groups, lock
from functions.store.table.patience import Attempts

MAX = 1000
MAX_AT_ONCE = 100
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
    if len(applications.names()) >= MAX:
        raise Refused("ApplicationLimitExceededException", f"there are already {MAX} applications: delete one first")
    if not applications.create(new):
        raise _name_taken("applicationName", name)
    return {"applicationId": new.application_id}


def get_application(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    return {"application": responses.application(known_application(given["applicationName"]))}


def batch_get_applications(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """All of those named, in their order. Raises Refused if one is not there."""
    names = list(dict.fromkeys(given["applicationNames"]))
    if len(names) > MAX_AT_ONCE:
        what = f"applicationNames: has {len(names)} names, at most {MAX_AT_ONCE}"
        raise Refused("BatchLimitExceededException", what)
    found = applications.named(names)
    for name in names:
        if name not in found:
            raise missing_application(name)
    return {"applicationsInfo": [responses.application(found[name]) for name in names]}


def list_applications(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """Names, in their order."""
    names, token = applications.page(given.get("nextToken"))
    return {"applications": names, "nextToken": token}


def update_application(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """Another name, for the application and its groups; deployments keep the name under which they were made."""
    operation, after = "UpdateApplication", given.get("newApplicationName")
    if "applicationName" not in given:
        raise Refused("ApplicationNameRequiredException", "applicationName: is missing")
    attempts = Attempts(_TRIES, f"{given['applicationName']} changed {_TRIES} times while renaming it")
    while True:
        application = known_application(given["applicationName"])
        if after is None or after == application.name:
            return {}
        _check_name("newApplicationName", after)
        moved = list(groups.of(application.name))
        _check_undeclared(operation, application, moved)
        if applications.get(after):
            raise _name_taken("newApplicationName", after)
        if busy := [group.name for group in moved if lock.holder(group.key)]:
            what = f"newApplicationName: deployments run in {', '.join(busy[:3])}: wait until they have ended"
            raise model.refusal(operation, "InvalidInputException", what)
        try:
            if applications.rename(application, after, moved):
                return {}
        except applications.TooManyGroups:
            what = f"newApplicationName: {application.name} has {len(moved)} groups, too many to move at once"
            raise model.refusal(operation, "InvalidInputException", f"{what}: create a new application") from None
        attempts.again()


def delete_application(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """With its groups; deployments stay on record. An unknown one is as it should be."""
    name = given["applicationName"]
    attempts = Attempts(_TRIES, f"{name} changed {_TRIES} times while deleting it")
    while True:
        application = applications.get(name)
        if application is None:
            return {}
        left = list(groups.of(name))
        _check_undeclared("DeleteApplication", application, left)
        if all(groups.store_change(group, None) for group in left) and applications.delete(application):
            return {}
        attempts.again()


def _name_taken(member: str, name: str) -> Refused:
    return Refused("ApplicationAlreadyExistsException", f"{member}: {name} exists already: choose another name")


def _check_name(member: str, name: str) -> None:
    """What the model cannot know of a name."""
    if is_reserved(name):
        what = "a name that begins with a dot is the engine's own in the revision bucket: choose another"
        raise Refused("InvalidApplicationNameException", f"{member}: {name}: {what}")


def _check_undeclared(operation: str, application: Application, moved: Sequence[Group]) -> None:
    """Raises Refused for what deployments.yaml declares or a stack registered: it, or one of its groups."""
    if words := owner(application):
        raise model.refusal(operation, "InvalidInputException", f"applicationName: {application.name} {words}")
    for group in moved:
        if words := owner(group):
            what = f"applicationName: {application.name}: its group {group.name} {words}"
            raise model.refusal(operation, "InvalidInputException", what)
