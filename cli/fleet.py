"""The instances that a deployment group's tags select, as the engine itself selects them."""

from collections.abc import Mapping
from typing import Any

from functions.aws import targets
from functions.core.asked_settings import tag_group, tag_set
from functions.core.records import TagGroup
from functions.core.selection import Instance


def instances(info: Mapping[str, Any]) -> list[Instance]:
    """Running and stopped ones, of a DeploymentGroupInfo."""
    return targets.select(tag_groups(info))


def tag_groups(info: Mapping[str, Any]) -> tuple[TagGroup, ...]:
    if tags := info.get("ec2TagSet"):
        return tag_set(tags, "ec2TagSet", "InvalidEC2TagException")
    if filters := info.get("ec2TagFilters"):
        return (tag_group(filters, "ec2TagFilters", "InvalidEC2TagException"),)
    return ()
