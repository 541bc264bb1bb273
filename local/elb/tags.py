"""Tags of what ELBv2 keeps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from local.elb.records import Registry
from local.query import QueryError

MAXIMUM = 50


def from_list(tags: list[dict[str, Any]]) -> dict[str, str]:
    """Raises QueryError DuplicateTagKeys, TooManyTags."""
    found = {tag["Key"]: tag.get("Value", "") for tag in tags}
    if len(found) < len(tags):
        raise QueryError("DuplicateTagKeys", "A tag key was specified more than once")
    if len(found) > MAXIMUM:
        raise QueryError("TooManyTags", f"The maximum number of tags '{MAXIMUM}' has been reached")
    return found


def to_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def add(registry: Registry, asked: dict[str, Any]) -> dict[str, Any]:
    found = [registry.tagged(arn) for arn in asked["ResourceArns"]]
    new = from_list(asked["Tags"])
    if any(len(tags | new) > MAXIMUM for tags in found):
        raise QueryError("TooManyTags", f"The maximum number of tags '{MAXIMUM}' has been reached")
    for tags in found:
        tags.update(new)
    return {}


def remove(registry: Registry, asked: dict[str, Any]) -> dict[str, Any]:
    for tags in [registry.tagged(arn) for arn in asked["ResourceArns"]]:
        for key in asked["TagKeys"]:
            tags.pop(key, None)
    return {}


def describe(registry: Registry, asked: dict[str, Any]) -> dict[str, Any]:
    return {
        "TagDescriptions": [
            {"ResourceArn": arn, "Tags": to_list(registry.tagged(arn))} for arn in asked["ResourceArns"]
        ]
    }


OPERATIONS = {"AddTags": add, "RemoveTags": remove, "DescribeTags": describe}
