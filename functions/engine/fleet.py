"""The hosts that a deployment group means, as they are now."""

from collections.abc import Sequence

from functions.aws import ec2, ssm
from functions.core.access import Fleet
from functions.core.records import TagGroup
from functions.core.selection import OutsideHosts
from functions.store import on_premises


def select(tag_groups: Sequence[TagGroup], on_premises_tag_groups: Sequence[TagGroup]) -> Fleet:
    """Running and stopped instances of EC2 that fit the first tag set, and registered ones that fit the second."""
    others = _outside() if on_premises_tag_groups else OutsideHosts()
    return Fleet(ec2=ec2.select(tag_groups), on_premises=others.select(on_premises_tag_groups), outside=others)


def pings(fleet: Fleet) -> dict[str, str]:
    """SSM's ping status of the hosts that it manages, by id."""
    return ssm.ping([instance.instance_id for instance in fleet.ec2]) | fleet.outside.pings


def _outside() -> OutsideHosts:
    """The registered on-premises instances, and the hosts outside EC2 that SSM manages."""
    registered = {each.name: each.tags for each in on_premises.registered()}
    return OutsideHosts(registered=registered, nodes=ssm.nodes() if registered else [])
