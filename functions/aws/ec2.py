"""The fleet: instances that the tags select, and whether SSM reaches them."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from functions.aws.clients import client
from functions.aws.clock import timestamp
from functions.core.records import TagGroup
from functions.core.selection import Instance, Node, OutsideHosts, ec2_filters, matches
from functions.store import on_premises
from functions.store.table import table

_IDS_A_CALL = 50  # one page of DescribeInstanceInformation
_CALLS_AT_ONCE = 4  # SSM throttles descriptions early


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
                        found[instance_id] = Instance(instance_id=instance_id, tags=tags)
    return [found[instance_id] for instance_id in sorted(found)]


def outside() -> OutsideHosts:
    """The registered on-premises instances, and the hosts outside EC2 that SSM manages."""
    registered = {each.name: each.tags for each in on_premises.registered(table())}
    return OutsideHosts(registered=registered, nodes=nodes() if registered else [])


def nodes() -> list[Node]:
    """Every host outside EC2 that SSM manages."""
    wanted = [{"Key": "ResourceType", "Values": ["ManagedInstance"]}]
    pages = (
        client("ssm")
        .get_paginator("describe_instance_information")
        .paginate(Filters=wanted, PaginationConfig={"PageSize": _IDS_A_CALL})
    )
    return [
        Node(
            instance_id=host["InstanceId"],
            name=host.get("Name"),
            ping=host["PingStatus"],
            last_ping=timestamp(host["LastPingDateTime"]),
        )
        for page in pages
        for host in page["InstanceInformationList"]
    ]


def ping(instance_ids: Sequence[str]) -> dict[str, str]:
    """SSM's ping status (Online, ConnectionLost, Inactive) of the instances that it manages."""
    batches = [list(instance_ids[start : start + _IDS_A_CALL]) for start in range(0, len(instance_ids), _IDS_A_CALL)]
    if not batches:
        return {}
    client("ssm")  # made here: making clients is not thread-safe
    with ThreadPoolExecutor(max_workers=min(_CALLS_AT_ONCE, len(batches))) as pool:
        return {instance_id: status for batch in pool.map(_ping, batches) for instance_id, status in batch.items()}


def _ping(instance_ids: list[str]) -> dict[str, str]:
    pages = (
        client("ssm")
        .get_paginator("describe_instance_information")
        .paginate(Filters=[{"Key": "InstanceIds", "Values": instance_ids}], PaginationConfig={"PageSize": _IDS_A_CALL})
    )
    return {host["InstanceId"]: host["PingStatus"] for page in pages for host in page["InstanceInformationList"]}
