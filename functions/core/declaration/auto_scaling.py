"""The Auto Scaling groups of a deployment group of the file, and what the engine does with them."""

from collections.abc import Mapping, Sequence
from typing import Any

from functions.core import quotas
from functions.core.auto_scaling import MAX_ORDER, NAME_RULE, ORDER_RULE, ScalingProcess, is_name, shared
from functions.core.declaration.model import DeclaredGroup
from functions.core.declaration.value import Value
from functions.core.records import AfterFailedLaunches, AutoScaling, Group

_MAX_NAME = 255
_PROCESSES_MEMBER = "processesToSuspend"
_NEEDING = (
    "terminationHookEnabled",
    "ec2DeploymentOptions",
    "launchOrder",
    "launchesTakePlaces",
    "afterFailedLaunches",
)


def auto_scaling(members: Mapping[str, Value]) -> AutoScaling:
    """Of a group. What has no effect without an Auto Scaling group is refused."""
    listed, read = members.get("autoScalingGroups"), dict[str, Any]()
    if listed is None:
        for name in _NEEDING:
            if name in members:
                members[name].refuse_key("does not have any effect unless autoScalingGroups names a group")
        return AutoScaling()
    if hook := members.get("terminationHookEnabled"):
        read["has_termination_hook"] = hook.flag()
    if options := members.get("ec2DeploymentOptions"):
        read["suspended"] = _processes(options)
    if order := members.get("launchOrder"):
        read["order"] = _order(order)
    if takes := members.get("launchesTakePlaces"):
        read["takes_places"] = takes.flag()
    if after := members.get("afterFailedLaunches"):
        read["after_failed_launches"] = after.word(AfterFailedLaunches)
    return AutoScaling(groups=names(listed), **read)


def _order(given: Value) -> int | None:
    order = given.number()
    if order is None or not 1 <= order <= MAX_ORDER:
        given.refuse(f"{given.shown} {ORDER_RULE}")
    return order


def names(listed: Value, most: int | None = quotas.MAX_SCALING_GROUPS) -> tuple[str, ...]:
    """Names of Auto Scaling groups, each once."""
    found: list[str] = []
    for each in (entries := listed.items(most=most)):
        name = each.text(longest=_MAX_NAME)
        if name and not is_name(name):
            each.refuse(f"{each.shown} is not the name of an Auto Scaling group; it has {NAME_RULE}")
        elif name in found:
            each.refuse(f'the Auto Scaling group "{name}" is there twice')
        found.append(name)
    if not entries:
        listed.refuse("give at least one name")
    return tuple(found)


def _processes(options: Value) -> tuple[str, ...]:
    listed = options.known(_PROCESSES_MEMBER, required=[_PROCESSES_MEMBER]).get(_PROCESSES_MEMBER)
    return tuple(dict.fromkeys(each.word(ScalingProcess).value for each in listed.items())) if listed else ()


def check_shared(root: Value, groups: Sequence[DeclaredGroup]) -> None:
    """Deployment groups may name one Auto Scaling group in an order only."""
    made = [Group(application=each.application, name=each.name, group_id="", settings=each.settings) for each in groups]
    for problem in shared(made):
        root.refuse(f"autoScalingGroups: {problem}")
