"""What IAM is asked before an operation: actions, resources, and the tags that are condition keys.

Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon EC2 Auto Scaling".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from local.authorization import Check
from local.autoscaling.fleet import Fleet
from local.autoscaling.records import Group


def checks(operation: str, asked: Mapping[str, Any], fleet: Fleet) -> list[Check]:
    """Everything that a caller needs; Describe* knows no resources."""
    action = f"autoscaling:{operation}"
    if operation.startswith("Describe"):
        return [Check(action, "*", {})]
    given = _request_tags(asked)
    names = dict.fromkeys(tag.get("ResourceId", "*") for tag in asked.get("Tags") or [])
    if operation in ("CreateOrUpdateTags", "DeleteTags"):
        return [Check(action, _arn(fleet, name), _keys(fleet.groups.get(name), given)) for name in names]
    group = _group(fleet, asked)
    name = group.name if group else str(asked.get("AutoScalingGroupName", "*"))
    actions = [action, *(["autoscaling:CreateOrUpdateTags"] if operation.startswith("Create") and given else [])]
    return [Check(each, _arn(fleet, name), _keys(group, given)) for each in actions]


def _group(fleet: Fleet, asked: Mapping[str, Any]) -> Group | None:
    """The one that is meant, maybe by one of its instances."""
    if name := asked.get("AutoScalingGroupName"):
        return fleet.groups.get(name)
    instance_id = asked.get("InstanceId")
    return next((group for group in fleet.groups.values() if instance_id in group.members), None)


def _arn(fleet: Fleet, name: str) -> str:
    """One that is to be made has no id yet."""
    if group := fleet.groups.get(name):
        return group.arn
    place = f"{fleet.world.region}:{fleet.world.account}"
    return f"arn:aws:autoscaling:{place}:autoScalingGroup:*:autoScalingGroupName/{name}"


def _keys(group: Group | None, given: Mapping[str, str]) -> dict[str, str]:
    tags = {key: tag.value for key, tag in group.tags.items()} if group else {}
    prefixes = ("autoscaling:ResourceTag", "aws:ResourceTag")
    found = {f"{prefix}/{key}": value for key, value in tags.items() for prefix in prefixes}
    return found | {f"aws:RequestTag/{key}": value for key, value in given.items()}


def _request_tags(asked: Mapping[str, Any]) -> dict[str, str]:
    return {tag.get("Key", ""): tag.get("Value", "") for tag in asked.get("Tags") or []}
