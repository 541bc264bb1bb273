"""Tags of groups, and of the instances that they launch."""

from __future__ import annotations

from typing import Any

from local.autoscaling.fleet import Fleet
from local.autoscaling.pages import page
from local.autoscaling.records import Group, Tag
from local.query import QueryError

MAXIMUM = 50
_TYPE = "auto-scaling-group"


def from_list(tags: list[dict[str, Any]]) -> dict[str, Tag]:
    """Raises QueryError ValidationError."""
    found = {tag["Key"]: Tag(tag.get("Value", ""), tag.get("PropagateAtLaunch", True)) for tag in tags}
    if len(found) > MAXIMUM:
        raise QueryError("ValidationError", f"A group can have at most {MAXIMUM} tags")
    return found


def refuse_reserved(asked: dict[str, Any]) -> None:
    """What CloudFormation may do, and callers may not. Raises QueryError ValidationError."""
    if any(tag["Key"].startswith("aws:") for tag in asked.get("Tags", [])):
        raise QueryError("ValidationError", "Tag keys that begin with aws: are reserved for internal use")


def described(group: Group) -> list[dict[str, Any]]:
    return [
        {
            "ResourceId": group.name,
            "ResourceType": _TYPE,
            "Key": key,
            "Value": tag.value,
            "PropagateAtLaunch": tag.propagates,
        }
        for key, tag in group.tags.items()
    ]


def put(fleet: Fleet, asked: dict[str, Any]) -> dict[str, Any]:
    """Instances that run keep the tags that they have."""
    for tag in asked["Tags"]:
        _group(fleet, tag).tags.update(from_list([tag]))
    return {}


def remove(fleet: Fleet, asked: dict[str, Any]) -> dict[str, Any]:
    for tag in asked["Tags"]:
        _group(fleet, tag).tags.pop(tag["Key"], None)
    return {}


def describe(fleet: Fleet, asked: dict[str, Any]) -> dict[str, Any]:
    found = [tag for group in fleet.groups.values() for tag in described(group)]
    names = {
        "auto-scaling-group": "ResourceId",
        "key": "Key",
        "value": "Value",
        "propagate-at-launch": "PropagateAtLaunch",
    }
    for each in asked.get("Filters", []):
        if each["Name"] not in names:
            raise QueryError("ValidationError", f"Filter type {each['Name']} is not correct.")
        found = [tag for tag in found if _text(tag[names[each["Name"]]]) in each.get("Values", [])]
    chosen, more = page(found, asked)
    return {"Tags": list(chosen), **more}


def _text(value: str | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else value


def _group(fleet: Fleet, tag: dict[str, Any]) -> Group:
    if tag.get("ResourceType", _TYPE) != _TYPE or "ResourceId" not in tag:
        raise QueryError("ValidationError", f"A tag must name a ResourceId and the ResourceType {_TYPE}")
    return fleet.group(tag["ResourceId"])


OPERATIONS = {"CreateOrUpdateTags": put, "DeleteTags": remove, "DescribeTags": describe}
