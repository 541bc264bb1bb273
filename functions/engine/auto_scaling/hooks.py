"""The lifecycle hooks of groups that requests make. Those of declared and registered groups are resources of stacks."""

from collections.abc import Iterator
from dataclasses import dataclass

from functions.aws.fleet import autoscaling
from functions.core.auto_scaling import MAX_HOOKS, hook_kinds, hook_name, problems, sharing_problem
from functions.core.errors import InvalidInput
from functions.core.records import Group, HookKind
from functions.store.records import declared, groups
from functions.telemetry import logger


class TooManyHooks(InvalidInput):
    """An Auto Scaling group has no room for another hook."""


@dataclass(frozen=True, slots=True)
class Hook:
    """A hook that a group has, or is to have."""

    scaling_group: str
    kind: HookKind
    name: str


def of(group: Group | None) -> list[Hook]:
    """Those of a group."""
    if group is None or group.removed_at:
        return []
    settings = group.settings.auto_scaling
    kinds = hook_kinds(settings)
    return [Hook(name, kind, hook_name(kind, group.key)) for name in settings.groups for kind in kinds]


def check(before: Group | None, after: Group) -> None:
    """Raises InvalidInput for what cannot go well, before anything is changed."""
    if not check_allowed(before, after):
        return
    settings = after.settings.auto_scaling
    if found := problems(settings, autoscaling.groups(settings.groups)):
        raise InvalidInput("\n".join(found))
    for each in _new(before, after):
        _check_room(each, after)


def check_allowed(before: Group | None, after: Group) -> bool:
    """Whether the group has Auto Scaling groups that it did not have. Raises InvalidInput for those that the engine
    may not use, or that another group has."""
    settings = after.settings.auto_scaling
    is_same = before is not None and settings == before.settings.auto_scaling and before.key == after.key
    if is_same or not settings.groups:
        return False
    allowed, owners = declared.scaling_groups(), groups.of_scaling_groups()
    for name in settings.groups:
        if name not in allowed:
            raise InvalidInput(
                f"{name}: the engine may not use this Auto Scaling group; name it in deployments.yaml, under"
                " autoScalingGroups, and run cdk deploy"
            )
        known = {before.key, after.key} if before else {after.key}
        for key in sorted(set(owners.get(name, ())) - known):
            other = groups.of_key(key)
            if wrong := sharing_problem(name, after, other) if other and not other.removed_at else None:
                raise InvalidInput(wrong)
    return True


def _check_room(hook: Hook, group: Group) -> None:
    there = autoscaling.hooks(hook.scaling_group)
    if there.get(hook.name, group.key) != group.key:
        raise InvalidInput(
            f"{hook.scaling_group}: has a lifecycle hook {hook.name} of somebody else already; delete it first"
        )
    if hook.name not in there and len(there) >= MAX_HOOKS:
        raise TooManyHooks(f"{hook.scaling_group}: has {len(there)} lifecycle hooks, at most {MAX_HOOKS}: delete one")


def put(before: Group | None, after: Group) -> None:
    """Those that the group gets, before it is stored: without their group, hooks let instances through. Raises
    InvalidInput."""
    for each in _new(before, after):
        try:
            autoscaling.put_hook(each.scaling_group, each.name, each.kind, after.key)
        except autoscaling.TooManyHooks as refused:
            raise TooManyHooks(f"{each.scaling_group}: {refused}") from refused
        except autoscaling.Refused as refused:
            raise InvalidInput(f"{each.scaling_group}: {refused}") from refused


def clean_up(before: Group, after: Group | None) -> list[Hook]:
    """Delete those that the group has no more; the ones that could not be deleted."""
    left = list[Hook]()
    for each in sorted(set(of(before)) - set(of(after)), key=str):
        try:
            autoscaling.delete_hook(each.scaling_group, each.name)
        except autoscaling.Refused as refused:
            logger.warning("a lifecycle hook stays behind", hook=each.name, error=str(refused))
            left.append(each)
    return left


def _new(before: Group | None, after: Group) -> Iterator[Hook]:
    had = set(of(before))
    return (each for each in of(after) if each not in had)
