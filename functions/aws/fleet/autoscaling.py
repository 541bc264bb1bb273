"""Auto Scaling: groups and their instances, lifecycle hooks and the instances that wait in them, processes."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from functions.aws.clients import client
from functions.core.auto_scaling import DEFAULT_RESULTS, HEARTBEAT_SECONDS, TRANSITIONS, Member, ScalingGroup
from functions.core.limits import batches
from functions.core.records import HookAnswer, HookKind, LifecycleAction

_NAMES_A_CALL = 50
_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
_INVALID = "ValidationError"  # Auto Scaling's word for what is not there, too


class Refused(Exception):
    """Auto Scaling does not do it, also not later."""


class Denied(Refused):
    """The engine may not do it."""


class TooManyHooks(Refused):
    """The group has all the hooks that it can have."""


def groups(names: Collection[str]) -> list[ScalingGroup]:
    """Those of the named groups that there are, with their instances."""
    found = _pages("describe_auto_scaling_groups", "AutoScalingGroups", AutoScalingGroupNames=names)
    return [ScalingGroup.of(each) for each in found]


def states(instance_ids: Collection[str]) -> dict[str, Member]:
    """The instances that Auto Scaling has, by id."""
    found = _pages("describe_auto_scaling_instances", "AutoScalingInstances", InstanceIds=instance_ids)
    return {each["InstanceId"]: Member.of(each) for each in found}


def _pages(operation: str, member: str, **wanted: Collection[str]) -> Iterator[dict[str, Any]]:
    ((parameter, names),) = wanted.items()
    for some in batches(sorted(set(names)), _NAMES_A_CALL):
        for page in client("autoscaling").get_paginator(operation).paginate(**{parameter: some}):
            yield from page[member]


# -- hooks


def hooks(name: str) -> dict[str, str]:
    """The group's hooks: their metadata by their names."""
    found = _call("describe_lifecycle_hooks", AutoScalingGroupName=name)["LifecycleHooks"]
    return {each["LifecycleHookName"]: each.get("NotificationMetadata", "") for each in found}


def put_hook(name: str, hook: str, kind: HookKind, group_key: str) -> None:
    """Raises Refused."""
    _call(
        "put_lifecycle_hook",
        AutoScalingGroupName=name,
        LifecycleHookName=hook,
        LifecycleTransition=TRANSITIONS[kind],
        NotificationMetadata=group_key,
        HeartbeatTimeout=HEARTBEAT_SECONDS,
        DefaultResult=DEFAULT_RESULTS[kind].value,
    )


def delete_hook(name: str, hook: str) -> None:
    """One that is gone is as it should be. Raises Refused."""
    try:
        _call("delete_lifecycle_hook", AutoScalingGroupName=name, LifecycleHookName=hook)
    except Denied:
        raise
    except Refused as refused:
        if "not found" not in str(refused).lower() and "no lifecycle hook" not in str(refused).lower():
            raise


def complete(action: LifecycleAction, answer: HookAnswer) -> bool:
    """Auto Scaling goes on with an instance that waits. False when it did so before, or has ended the instance."""
    return _is_active("complete_lifecycle_action", action, LifecycleActionResult=answer.value)


def heartbeat(action: LifecycleAction) -> bool:
    """Auto Scaling waits for longer. False when it does not wait any more."""
    return _is_active("record_lifecycle_action_heartbeat", action)


def _is_active(operation: str, action: LifecycleAction, **more: str) -> bool:
    try:
        _call(
            operation,
            AutoScalingGroupName=action.scaling_group,
            LifecycleHookName=action.hook,
            InstanceId=action.instance_id,
            **more,
        )
    except Denied:
        raise
    except Refused:
        return False
    return True


# -- processes


def suspend(name: str, processes: Sequence[str]) -> None:
    """Raises Refused."""
    _call("suspend_processes", AutoScalingGroupName=name, ScalingProcesses=list(processes))


def resume(name: str, processes: Sequence[str]) -> None:
    """Raises Refused."""
    _call("resume_processes", AutoScalingGroupName=name, ScalingProcesses=list(processes))


def _call(operation: str, **request: Any) -> dict[str, Any]:
    from botocore.exceptions import ClientError

    try:
        answer: dict[str, Any] = getattr(client("autoscaling"), operation)(**request)
    except ClientError as error:
        code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
        if code in _DENIED:
            raise Denied(message or code) from error
        if code in ("LimitExceeded", "LimitExceededFault"):
            raise TooManyHooks(message or code) from error
        if code == _INVALID:
            raise Refused(message or code) from error
        raise
    return answer
