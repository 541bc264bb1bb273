"""Which instances take part: CodeDeploy's tag sets.

Source: CodeDeploy User Guide, "Tagging instances for deployment groups": filters of a group are ORed, groups ANDed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from functions.core.causes import Cause
from functions.core.records import IN_PLACE_STEPS, Step, TagFilter, TagGroup, Target, TargetFailure
from functions.core.rollout.command_result import closed_events, pending_events
from functions.core.statuses import TargetStatus

SCALING_GROUP_TAG = "aws:autoscaling:groupName"  # AWS itself puts it on the instances of a group
ONLINE = "Online"  # the one ping status with which a host takes commands
LINUX = "Linux"  # the one platform that has a runner


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """An instance that the tags select."""

    instance_id: str
    tags: Mapping[str, str]
    zone: str | None = None  # its Availability Zone
    is_standby: bool = False  # in its Auto Scaling group

    @property
    def name(self) -> str | None:
        return self.tags.get("Name")

    @property
    def scaling_group(self) -> str | None:
        """The Auto Scaling group that it is a member of."""
        return self.tags.get(SCALING_GROUP_TAG)

    @property
    def is_ec2(self) -> bool:
        """No name of an on-premises instance begins with i-."""
        return self.instance_id.startswith("i-")


def matches(tags: Mapping[str, str], groups: Sequence[TagGroup]) -> bool:
    """Whether tags fit every group of the set; an empty set selects nothing.

    >>> matches({"role": "web"}, [TagGroup(filters=(TagFilter(key="role", value="web"), TagFilter(key="x")))])
    True
    """
    return bool(groups) and all(any(_fits(tags, one) for one in group.filters) for group in groups)


def _fits(tags: Mapping[str, str], one: TagFilter) -> bool:
    if one.key is None:
        return one.value in tags.values()
    return one.key in tags and (one.value is None or tags[one.key] == one.value)


def described(groups: Sequence[TagGroup]) -> str:
    """Tags as people write them.

    >>> described([TagGroup(filters=(TagFilter(key="role", value="web"), TagFilter(value="db")))])
    'role=web or *=db'
    >>> described([TagGroup(filters=(TagFilter(key="role"),)), TagGroup(filters=(TagFilter(key="a", value="b"),))])
    'role and a=b'
    """
    any_of = [" or ".join(map(_described, group.filters)) for group in groups if group.filters]
    if len(any_of) == 1:
        return any_of[0]
    return " and ".join(f"({each})" if " or " in each else each for each in any_of)


def _described(one: TagFilter) -> str:
    return (one.key or "*") + ("" if one.value is None else f"={one.value}")


def ec2_filters(group: TagGroup) -> list[dict[str, Any]]:
    """EC2 DescribeInstances filters whose results together hold every instance of the group: one call each.

    >>> ec2_filters(TagGroup(filters=(TagFilter(key="role", value="a"), TagFilter(key="role", value="b"))))
    [{'Name': 'tag:role', 'Values': ['a', 'b']}]
    """
    found: dict[str, list[str]] = {}
    for one in group.filters:
        if one.key is None:
            name, value = "tag-value", one.value
        elif one.value is None:
            name, value = "tag-key", one.key
        else:
            name, value = f"tag:{one.key}", one.value
        found.setdefault(name, []).append(value or "")
    # Outside a wildcard EC2 takes `*` and `?` as such; a tag set has none.
    escape = str.maketrans({"\\": "\\\\", "*": "\\*", "?": "\\?"})
    return [{"Name": name, "Values": [value.translate(escape) for value in values]} for name, values in found.items()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """What SSM says of a host that it manages."""

    ping: str
    platform: str = LINUX  # or Windows, or MacOS
    agent: str | None = None  # the SSM Agent's version


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A host outside EC2 that SSM manages: mi-... by a hybrid activation."""

    instance_id: str
    name: str | None  # as its activation named it
    contact: Contact
    last_ping: str


def on_premises(
    registered: Mapping[str, Mapping[str, str]], groups: Sequence[TagGroup], nodes: Sequence[Node]
) -> tuple[list[Instance], dict[str, Contact]]:
    """The registered instances (tags by name) that fit the tag set, and what SSM says of the nodes, by id.

    A registered instance is the node that its activation gave the same name, or whose id is the name. A host that was
    activated again has left a node behind, so the one that is online counts, or the last that was.
    """
    known: dict[str, Node] = {}
    for node in sorted(nodes, key=lambda each: (each.contact.ping == ONLINE, each.last_ping)):
        known |= {name: node for name in (node.name, node.instance_id) if name}
    found = [
        Instance(instance_id=known[name].instance_id if name in known else name, tags={**tags, "Name": name})
        for name, tags in sorted(registered.items())
        if matches(tags, groups)
    ]
    return found, {node.instance_id: node.contact for node in nodes}


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideHosts:
    """The hosts outside EC2: the registered ones, tags by name, and those that SSM manages."""

    registered: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    nodes: Sequence[Node] = ()

    def select(self, groups: Sequence[TagGroup]) -> list[Instance]:
        """The registered ones that fit the tag set."""
        return on_premises(self.registered, groups, self.nodes)[0]

    @property
    def contacts(self) -> dict[str, Contact]:
        """What SSM says of the nodes, by id."""
        return {node.instance_id: node.contact for node in self.nodes}


def new_targets(
    deployment_id: str,
    group_id: str,
    instances: Sequence[Instance],
    contacts: Mapping[str, Contact],
    now: str,
    steps_of: Callable[[Instance], tuple[Step, ...]] = lambda instance: IN_PLACE_STEPS,
) -> list[Target]:
    """The targets of a deployment. `contacts`: what SSM says of them, by id; all but a Linux that is Online fail."""
    return [
        _target(deployment_id, group_id, instance, contacts.get(instance.instance_id), now, steps_of(instance))
        for instance in instances
    ]


def _target(
    deployment_id: str, group_id: str, instance: Instance, contact: Contact | None, now: str, steps: tuple[Step, ...]
) -> Target:
    failure = _why_not(instance.instance_id, contact)
    target = Target(
        deployment_id=deployment_id,
        target_id=instance.instance_id,
        group_id=group_id or None,
        name=instance.name,
        zone=instance.zone,
        scaling_group=instance.scaling_group,
        is_standby=instance.is_standby,
        status=TargetStatus.FAILED if failure else TargetStatus.PENDING,
        last_updated_at=now,
        steps=steps,
        events=pending_events(steps),
        failure=failure,
    )
    return replace(target, events=closed_events(target, now)) if failure else target


def _why_not(instance_id: str, contact: Contact | None) -> TargetFailure | None:
    """Why no command may be sent to the host."""
    if contact is None:
        return TargetFailure(cause=Cause.UNREACHABLE, message=_unmanaged(instance_id))
    if contact.platform != LINUX:
        message = f"{contact.platform} is not supported: hosts run Linux. Take it out of the group: change its tags"
        return TargetFailure(cause=Cause.UNSUPPORTED, message=message)
    if contact.ping != ONLINE:
        message = (
            f"SSM cannot reach the instance (ping status {contact.ping}). "
            "Check that the instance and its SSM Agent are running."
        )
        return TargetFailure(cause=Cause.UNREACHABLE, message=message)
    return None


def _unmanaged(instance_id: str) -> str:
    if instance_id.startswith("i-"):
        return (
            "SSM does not manage this instance. Run the SSM Agent on it, "
            "and give it a role with AmazonSSMManagedInstanceCore"
        )
    remedy = f"aws ssm create-activation --default-instance-name {instance_id}"
    return f"SSM does not know this host. Register it: {remedy}"
