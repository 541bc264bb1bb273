"""The Auto Scaling groups of a deployment group, as requests name them.

Source: CodeDeploy API model 2014-10-06 (AutoScalingGroupNameList, terminationHookEnabled); the rest are extensions.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from functions.core import quotas
from functions.core.auto_scaling import MAX_ORDER, NAME_RULE, ORDER_RULE, ScalingProcess, is_name
from functions.core.errors import Refused
from functions.core.limits import SHOWN
from functions.core.records import AfterFailedLaunches, AutoScaling

INVALID = "InvalidAutoScalingGroupException"
_NEEDING = ("terminationHookEnabled", "ec2DeploymentOptions", "launchOrder", "launchesTakePlaces")


def auto_scaling(before: AutoScaling, given: Mapping[str, Any]) -> AutoScaling:
    """What the request says in the place of what was before. Raises Refused."""
    after = before
    if "autoScalingGroups" in given:
        after = replace(after, groups=_names(given["autoScalingGroups"] or []))
    if (hook := given.get("terminationHookEnabled")) is not None:
        after = replace(after, has_termination_hook=hook)
    if "ec2DeploymentOptions" in given:
        after = replace(after, suspended=_processes((given["ec2DeploymentOptions"] or {}).get("processesToSuspend")))
    if (order := given.get("launchOrder")) is not None:
        after = replace(after, order=_order(order))
    if (takes := given.get("launchesTakePlaces")) is not None:
        after = replace(after, takes_places=takes)
    if word := given.get("afterFailedLaunches"):
        after = replace(after, after_failed_launches=AfterFailedLaunches(word))
    if not after.groups:
        if any(_says_something(given.get(name)) for name in _NEEDING):
            what = f"{', '.join(_NEEDING)}: do not have any effect without autoScalingGroups"
            raise Refused("InvalidInputException", what)
        return AutoScaling()
    return after


def _names(given: list[str]) -> tuple[str, ...]:
    if len(given) > quotas.MAX_SCALING_GROUPS:
        raise Refused(INVALID, f"autoScalingGroups: has {len(given)}, at most {quotas.MAX_SCALING_GROUPS}")
    for number, name in enumerate(given):
        if not is_name(name):
            what = f"{name[:SHOWN]!r} is not the name of an Auto Scaling group; it has {NAME_RULE}"
            raise Refused(INVALID, f"autoScalingGroups[{number}]: {what}")
        if name in given[:number]:
            raise Refused(INVALID, f"autoScalingGroups[{number}]: {name} is listed twice: name it once")
    return tuple(given)


def _processes(given: list[str] | None) -> tuple[str, ...]:
    for number, each in enumerate(given or ()):
        if each not in set(ScalingProcess):
            what = f"{each[:SHOWN]!r} is not a process that can be suspended: give one of {', '.join(ScalingProcess)}"
            raise Refused("InvalidInputException", f"ec2DeploymentOptions.processesToSuspend[{number}]: {what}")
    return tuple(dict.fromkeys(given or ()))


def _order(given: int) -> int:
    if not 1 <= given <= MAX_ORDER:
        raise Refused("InvalidInputException", f"launchOrder: {given} {ORDER_RULE}")
    return given


def _says_something(value: Any) -> bool:
    return any(map(_says_something, value.values())) if isinstance(value, dict) else bool(value)
