"""EC2: the instances that tags select."""

from collections.abc import Callable, Collection, Sequence
from typing import Any

from functions.aws.clients import client
from functions.core.records import TagFilter, TagGroup
from functions.core.selection import SCALING_GROUP_TAG, Instance, ec2_filters, matches


def members(scaling_groups: Collection[str]) -> list[Instance]:
    """Running and stopped instances of Auto Scaling groups, by the tag that Auto Scaling puts on them."""
    if not scaling_groups:
        return []
    tag = TagGroup(filters=tuple(TagFilter(key=SCALING_GROUP_TAG, value=each) for each in sorted(scaling_groups)))
    return select((tag,))


def named(instance_id: str) -> Instance | None:
    """The instance, unless it is gone."""
    asked = {"Name": "instance-id", "Values": [instance_id]}
    return next(iter(_found(asked, lambda tags: True).values()), None)


def select(groups: Sequence[TagGroup]) -> list[Instance]:
    """Running and stopped instances that fit the tag set, in the order of their ids.

    EC2 finds the first group's instances; the other groups are then a matter of the tags that came with them.
    """
    if not groups:
        return []
    found: dict[str, Instance] = {}
    for tag_filter in ec2_filters(groups[0]):
        found |= _found(tag_filter, lambda tags: matches(tags, groups))
    return [found[instance_id] for instance_id in sorted(found)]


def _found(one_filter: dict[str, Any], fits: Callable[[dict[str, str]], bool]) -> dict[str, Instance]:
    states = {"Name": "instance-state-name", "Values": ["running", "stopped"]}
    pages = (
        client("ec2")
        .get_paginator("describe_instances")
        .paginate(Filters=[one_filter, states], PaginationConfig={"PageSize": 1000})
    )
    found: dict[str, Instance] = {}
    for page in pages:
        for reservation in page["Reservations"]:
            for instance in reservation["Instances"]:
                tags = {tag["Key"]: tag["Value"] for tag in instance.get("Tags", ())}
                if fits(tags):
                    instance_id = instance["InstanceId"]
                    zone = instance.get("Placement", {}).get("AvailabilityZone")
                    found[instance_id] = Instance(instance_id=instance_id, tags=tags, zone=zone)
    return found
