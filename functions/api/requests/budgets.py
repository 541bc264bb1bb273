"""A budget as requests make and change it."""

from collections.abc import Mapping
from typing import Any

from functions.api.requests.tags import EC2, ON_PREMISES
from functions.core import quotas
from functions.core.auto_scaling import NAME_RULE
from functions.core.auto_scaling import is_name as is_scaling_group
from functions.core.errors import InvalidInput, Refused
from functions.core.limits import SHOWN
from functions.core.records import Budget, MaximumOutOfService
from functions.core.rollout.health import MinimumHealthyHostsType
from functions.core.text.names import ALLOWED, is_name

INVALID = "InvalidInputException"


def budget(given: Mapping[str, Any]) -> Budget:
    """The whole of it: what a request leaves out it has not. Raises Refused."""
    name = given["budgetName"]
    if not is_name(name):
        raise Refused(INVALID, f"budgetName: {name[:SHOWN]!r} is not a name: give {ALLOWED}")
    found = Budget(
        name=name,
        maximum=_maximum(given["maximumOutOfService"]),
        tag_groups=EC2.selected(given) or (),
        on_premises_tag_groups=ON_PREMISES.selected(given) or (),
        scaling_groups=_scaling_groups(given.get("autoScalingGroups") or []),
    )
    if not (found.tag_groups or found.on_premises_tag_groups or found.scaling_groups):
        raise Refused(INVALID, "it selects no hosts: give ec2TagFilters, ec2TagSet or autoScalingGroups")
    return found


def _maximum(given: Mapping[str, Any]) -> MaximumOutOfService:
    if not given.get("type"):
        what = f"maximumOutOfService.type: is missing: give {' or '.join(MinimumHealthyHostsType)}"
        raise Refused(INVALID, what)
    try:
        return MaximumOutOfService(MinimumHealthyHostsType(given["type"]), given.get("value", 0))
    except InvalidInput as error:
        raise Refused(INVALID, f"maximumOutOfService: {error}") from error


def _scaling_groups(given: list[str]) -> tuple[str, ...]:
    if len(given) > quotas.MAX_SCALING_GROUPS:
        raise Refused(INVALID, f"autoScalingGroups: has {len(given)}, at most {quotas.MAX_SCALING_GROUPS}")
    for number, each in enumerate(given):
        if not is_scaling_group(each):
            what = f"{each[:SHOWN]!r} is not the name of an Auto Scaling group; it has {NAME_RULE}"
            raise Refused(INVALID, f"autoScalingGroups[{number}]: {what}")
    return tuple(dict.fromkeys(given))
