"""Auto Scaling's operations on lifecycle hooks, and the answers that they wait for."""

from __future__ import annotations

from typing import Any

from local.autoscaling.fleet import Fleet
from local.autoscaling.records import LAUNCHING, TERMINATING, Action, Group, Hook
from local.query import QueryError

_SHORTEST, _LONGEST = 30, 7200  # seconds of a time-out: the API reference of PutLifecycleHook
_RESULTS = ("CONTINUE", "ABANDON")
_MEMBERS = {
    "LifecycleTransition": "transition",
    "HeartbeatTimeout": "heartbeat",
    "DefaultResult": "default",
    "NotificationMetadata": "metadata",
    "NotificationTargetARN": "target",
    "RoleARN": "role",
}


def put(fleet: Fleet, asked: dict[str, Any]) -> dict[str, Any]:
    """What waits already waits by the hook as it was."""
    put_hook(fleet, fleet.group(asked["AutoScalingGroupName"]), asked)
    return {}


def put_hook(fleet: Fleet, group: Group, asked: dict[str, Any]) -> None:
    """A hook that there is keeps what is not given. Raises QueryError."""
    name = asked["LifecycleHookName"]
    given = {member: asked[key] for key, member in _MEMBERS.items() if key in asked}
    known = group.hooks.get(name)
    before = {member: getattr(known, member) for member in _MEMBERS.values()} if known else {}
    if "transition" not in before | given:
        message = "You must specify a LifecycleTransition when creating a new lifecycle hook."
        raise QueryError("ValidationError", message)
    hook = Hook(name, group.name, **(before | given))
    if hook.transition not in (LAUNCHING, TERMINATING):
        raise QueryError("ValidationError", f"Invalid lifecycle transition: {hook.transition}")
    if not _SHORTEST <= hook.heartbeat <= _LONGEST:
        message = f"Heartbeat timeout must be between {_SHORTEST} and {_LONGEST} seconds, not {hook.heartbeat}"
        raise QueryError("ValidationError", message)
    _check_result(hook.default)
    if known is None and len(group.hooks) >= fleet.settings.hooks_per_group:
        message = f"The maximum number of lifecycle hooks per AutoScalingGroup, {len(group.hooks)}, is reached"
        raise QueryError("LimitExceeded", message)
    group.hooks[name] = hook


def describe(fleet: Fleet, asked: dict[str, Any]) -> dict[str, Any]:
    group, names = fleet.group(asked["AutoScalingGroupName"]), asked.get("LifecycleHookNames", [])
    found = [hook for hook in group.hooks.values() if not names or hook.name in names]
    return {"LifecycleHooks": [hook.described() for hook in found]}


def delete(fleet: Fleet, asked: dict[str, Any]) -> dict[str, Any]:
    """What it holds is completed first: launches are abandoned, terminations go on."""
    group, name = fleet.group(asked["AutoScalingGroupName"]), asked["LifecycleHookName"]
    hook = group.hooks.pop(name, None)
    if hook is None:
        raise QueryError("ValidationError", f"No Lifecycle Hook found with name: {name}")
    for member in group.members.values():
        for action in member.actions:
            if action.hook.name == name:
                result = "ABANDON" if hook.transition == LAUNCHING else "CONTINUE"
                action.complete(result, "Lifecycle Hook was deleted")
    return {}


def complete(fleet: Fleet, asked: dict[str, Any]) -> dict[str, Any]:
    result = asked["LifecycleActionResult"]
    _check_result(result)
    _waiting(fleet, asked).complete(result, f"Lifecycle Action Completed with {result} Result")
    return {}


def beat(fleet: Fleet, asked: dict[str, Any]) -> dict[str, Any]:
    _waiting(fleet, asked).beat()
    return {}


def _waiting(fleet: Fleet, asked: dict[str, Any]) -> Action:
    """What is answered, by its token or by its instance. Raises QueryError ValidationError when it is late."""
    group, name = fleet.group(asked["AutoScalingGroupName"]), asked["LifecycleHookName"]
    token, instance_id = asked.get("LifecycleActionToken"), asked.get("InstanceId")
    if token is None and instance_id is None:
        raise QueryError("ValidationError", "Either InstanceId or LifecycleActionToken must be specified.")
    for member in group.members.values():
        for action in member.actions:
            fits = action.token == token if token else member.id == instance_id
            if fits and action.hook.name == name and action.is_active:
                return action
    which = f"token {token}" if token else f"instance ID {instance_id}"
    raise QueryError("ValidationError", f"No active Lifecycle Action found with {which}")


def _check_result(result: str) -> None:
    if result not in _RESULTS:
        message = f"Lifecycle action result must be one of {', '.join(_RESULTS)}, not {result}"
        raise QueryError("ValidationError", message)


OPERATIONS = {
    "PutLifecycleHook": put,
    "DescribeLifecycleHooks": describe,
    "DeleteLifecycleHook": delete,
    "CompleteLifecycleAction": complete,
    "RecordLifecycleActionHeartbeat": beat,
}
