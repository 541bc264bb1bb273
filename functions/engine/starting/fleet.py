"""The hosts that a deployment group means, as they are now."""

from collections.abc import Sequence
from dataclasses import replace

from functions.aws.fleet import ec2, ssm
from functions.core.access import Fleet
from functions.core.auto_scaling import ScalingGroup
from functions.core.records import TagGroup
from functions.core.selection import Contact, Instance, OutsideHosts
from functions.store.records import on_premises


def select(
    tag_groups: Sequence[TagGroup],
    on_premises_tag_groups: Sequence[TagGroup],
    scaling_groups: Sequence[ScalingGroup] = (),
) -> Fleet:
    """Running and stopped instances of EC2 that fit the first tag set, registered ones that fit the second, and members
    of the Auto Scaling groups that are in service or on standby; each once."""
    others = _outside() if on_premises_tag_groups else OutsideHosts()
    found = {each.instance_id: each for each in ec2.select(tag_groups)}
    found |= {each.instance_id: each for each in _members(scaling_groups)}
    return Fleet(
        ec2=[found[each] for each in sorted(found)], on_premises=others.select(on_premises_tag_groups), outside=others
    )


def _members(scaling_groups: Sequence[ScalingGroup]) -> list[Instance]:
    known = {each.instance_id: each for group in scaling_groups for each in group.members}
    return [
        replace(each, is_standby=member.is_standby)
        for each in ec2.members([group.name for group in scaling_groups])
        if (member := known.get(each.instance_id)) and (member.is_target or member.enters)
    ]


def contacts(fleet: Fleet) -> dict[str, Contact]:
    """What SSM says of the hosts that it manages, by id."""
    return ssm.contacts([instance.instance_id for instance in fleet.ec2]) | fleet.outside.contacts


def _outside() -> OutsideHosts:
    """The registered on-premises instances, and the hosts outside EC2 that SSM manages."""
    registered = {each.name: each.tags for each in on_premises.registered()}
    return OutsideHosts(registered=registered, nodes=ssm.nodes() if registered else [])
