"""The Availability Zones of a load balancer, by the subnets that it is attached to."""

from collections.abc import Iterable

from local.elb.records import World
from local.query import QueryError


def attached(world: World, subnets: Iterable[str], zones: Iterable[str] = ()) -> tuple[str, dict[str, str]]:
    """The VPC, and the subnets by their zones; also `zones` that are named without a subnet. Raises QueryError."""
    found, vpc = dict.fromkeys(zones, ""), ""
    for subnet in subnets:
        where = world.subnet(subnet)
        if where is None:
            raise QueryError("SubnetNotFound", f"The subnet ID '{subnet}' does not exist")
        zone, vpc = where
        if zone in found:
            message = "A load balancer cannot be attached to multiple subnets in the same Availability Zone"
            raise QueryError("InvalidConfigurationRequest", message)
        found[zone] = subnet
    return vpc, found
