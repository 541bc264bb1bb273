"""Tag filters of the file: which hosts a group or a budget means."""

from enum import StrEnum

import yaml

from functions.core import quotas
from functions.core.declaration.value import Value
from functions.core.records import TagFilter, TagGroup

SELECTING = ("ec2TagFilters", "ec2TagSet", "onPremisesInstanceTagFilters", "onPremisesTagSet", "autoScalingGroups")


def tag_groups(members: dict[str, Value], filters: str, sets: str) -> tuple[TagGroup, ...]:
    """InvalidEC2TagCombination and InvalidOnPremisesTagCombination; a list that could never have a target."""
    flat, tag_set = members.get(filters), members.get(sets)
    if flat and tag_set:
        flat.refuse(f"give {filters} or {sets}, not both")
        return ()
    if flat:
        return (_tag_group(flat),)
    if tag_set:
        listed = tag_set.known(f"{sets}List", required=[f"{sets}List"]).get(f"{sets}List")
        lists = listed.items(most=quotas.MAX_TAG_GROUPS) if listed else []
        if listed and not lists:
            listed.refuse("give at least one list of tag filters")
        return tuple(_tag_group(each) for each in lists)
    return ()


def _tag_group(value: Value) -> TagGroup:
    filters = value.items(most=quotas.MAX_FILTERS)
    if not filters:
        value.refuse("give at least one tag filter")
    return TagGroup(filters=tuple(_tag_filter(each) for each in filters))


class _TagFilterType(StrEnum):
    KEY_ONLY = "KEY_ONLY"
    VALUE_ONLY = "VALUE_ONLY"
    KEY_AND_VALUE = "KEY_AND_VALUE"


_FILTER_PARTS = {
    _TagFilterType.KEY_ONLY: {"Key"},
    _TagFilterType.VALUE_ONLY: {"Value"},
    _TagFilterType.KEY_AND_VALUE: {"Key", "Value"},
}


def _tag_filter(value: Value) -> TagFilter:
    members = value.known("Key", "Value", "Type")
    parts = members.keys() & {"Key", "Value"}
    if not parts and isinstance(value.node, yaml.MappingNode):
        value.refuse("give Key, Value or both")
    elif "Type" in members and parts != _FILTER_PARTS[kind := members["Type"].word(_TagFilterType)]:
        wanted = " and ".join(sorted(_FILTER_PARTS[kind]))
        value.refuse(f"Type {kind} needs {wanted}, here is {' and '.join(sorted(parts))}")
    return TagFilter(
        key=members["Key"].text(longest=128) if "Key" in members else None,
        value=members["Value"].text(shortest=0, longest=256) if "Value" in members else None,
    )
