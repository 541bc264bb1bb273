"""Tags of applications and deployment groups, also of declared ones: deployments.yaml does not speak of them."""

import re
from typing import Any, NamedTuple

from functions.api.operations import Caller, arns
from functions.api.requests import resource_tags
from functions.core.errors import Refused
from functions.core.limits import SHOWN
from functions.core.text.names import is_name
from functions.store.records import applications, groups
from functions.store.table.patience import Attempts

_TRIES = 12  # of a change that met another one
_RESOURCE = re.compile(r"(application|deploymentgroup):([^/]+)(?:/([^/]+))?")
_FORMS = "application:NAME or deploymentgroup:APPLICATION/NAME"


class Resource(NamedTuple):
    """An application, or one of its groups."""

    application: str
    group: str | None


def list_tags_for_resource(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """All of them at once: there are 50 at most."""
    resource = _resource(given["ResourceArn"], caller)
    tags = _tags(resource)
    if tags is None:
        what = f"ResourceArn: there is no {given['ResourceArn'][:SHOWN]}"
        raise Refused("InvalidArnException", what)
    return {"Tags": [{"Key": key, "Value": value} for key, value in sorted(tags.items())]}


def tag_resource(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    more = resource_tags.given(given["Tags"], "Tags")
    _change(_resource(given["ResourceArn"], caller), more, ())
    return {}


def untag_resource(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    _change(_resource(given["ResourceArn"], caller), {}, given["TagKeys"])
    return {}


def _change(resource: Resource, more: dict[str, str], without: list[str] | tuple[str, ...]) -> None:
    attempts = Attempts(_TRIES, f"tags of {resource} changed {_TRIES} times while changing them")
    while True:
        before = _tags(resource)
        if before is None:
            kind = "Application" if resource.group is None else "DeploymentGroup"
            raise Refused(
                f"{kind}DoesNotExistException", f"ResourceArn: there is no {resource.group or resource.application}"
            )
        kept = {key: value for key, value in before.items() if key not in without}
        after = resource_tags.check_number({**kept, **more}, "Tags")
        if after == before or groups.set_tags(*resource, before, after):
            return
        attempts.again()


def _tags(resource: Resource) -> dict[str, str] | None:
    if resource.group is None:
        application = applications.get(resource.application)
        return application.tags if application else None
    group = groups.get(resource.application, resource.group)
    return group.tags if group and not group.removed_at else None


def _resource(arn: str, caller: Caller) -> Resource:
    own = arns.own(caller)
    if not arn.startswith(own):
        what = f"ResourceArn: {arn[:SHOWN]!r} is not of this service, Region and account: begin with {own}"
        raise Refused("InvalidArnException", what)
    found = _RESOURCE.fullmatch(arn.removeprefix(own))
    if found is None or (found[1] == "application") == bool(found[3]):
        raise Refused("ArnNotSupportedException", f"ResourceArn: {arn[:SHOWN]!r} has no tags: give {own}{_FORMS}")
    if not all(map(is_name, filter(None, (found[2], found[3])))):
        raise Refused("InvalidArnException", f"ResourceArn: {arn[:SHOWN]!r} has an invalid name")
    return Resource(found[2], found[3])
