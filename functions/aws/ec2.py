"""EC2: the instances that tags select."""

from collections.abc import Sequence

from functions.aws.clients import client
from functions.core.records import TagGroup
from functions.core.selection import Instance, ec2_filters, matches


def select(groups: Sequence[TagGroup]) -> list[Instance]:
    """Running and stopped instances that fit the tag set, in the order of their ids.

    EC2 finds the first group's instances; the other groups are then a matter of the tags that came with them.
    """
    if not groups:
        return []
    found: dict[str, Instance] = {}
    for tag_filter in ec2_filters(groups[0]):
        states = {"Name": "instance-state-name", "Values": ["running", "stopped"]}
        pages = (
            client("ec2")
            .get_paginator("describe_instances")
            .paginate(Filters=[tag_filter, states], PaginationConfig={"PageSize": 1000})
        )
        for page in pages:
            for reservation in page["Reservations"]:
                for instance in reservation["Instances"]:
                    tags = {tag["Key"]: tag["Value"] for tag in instance.get("Tags", ())}
                    if matches(tags, groups):
                        instance_id = instance["InstanceId"]
                        zone = instance.get("Placement", {}).get("AvailabilityZone")
                        found[instance_id] = Instance(instance_id=instance_id, tags=tags, zone=zone)
    return [found[instance_id] for instance_id in sorted(found)]
