"""Auto Scaling's operations on the load balancers that a group's instances are registered with.

Target groups and Classic Load Balancers are traffic sources of two types; three sets of operations speak of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from local.autoscaling.fleet import Fleet
from local.autoscaling.pages import page
from local.autoscaling.records import Group, Process, Source
from local.query import QueryError

_TARGET_GROUP, _CLASSIC = "elbv2", "elb"
Operation = Callable[[Fleet, dict[str, Any]], dict[str, Any]]


def sources_of(asked: Mapping[str, Any]) -> list[Source]:
    """What a request names, in whichever way."""
    found = [Source(_TARGET_GROUP, each) for each in asked.get("TargetGroupARNs", [])]
    found += [Source(_CLASSIC, each) for each in asked.get("LoadBalancerNames", [])]
    for each in asked.get("TrafficSources", []):
        kind = each.get("Type", _TARGET_GROUP if each["Identifier"].startswith("arn:") else _CLASSIC)
        if kind not in (_TARGET_GROUP, _CLASSIC):
            raise QueryError("ValidationError", f"The local cloud has no traffic sources of the type '{kind}'")
        found.append(Source(kind, each["Identifier"]))
    return list(dict.fromkeys(found))


def attach(fleet: Fleet, group: Group, source: Source) -> None:
    """Raises QueryError ValidationError."""
    if not fleet.world.exists(source):
        what = "Target Groups" if source.type == _TARGET_GROUP else "Load Balancers"
        message = f"Provided {what} may not be valid. Please ensure they exist and try again."
        raise QueryError("ValidationError", message)
    group.sources[source] = "Added"
    if group.runs(Process.ADD_TO_LOAD_BALANCER):
        for member in group.members.values():
            if member.state == "InService":
                fleet.world.register(source, member.id)


def detach(fleet: Fleet, group: Group, source: Source) -> None:
    if group.sources.pop(source, None):
        for member in group.members.values():
            fleet.world.deregister(source, member.id)


def _changing(change: Callable[[Fleet, Group, Source], None]) -> Operation:
    def operation(fleet: Fleet, asked: dict[str, Any]) -> dict[str, Any]:
        group = fleet.group(asked["AutoScalingGroupName"])
        for source in sources_of(asked):
            change(fleet, group, source)
        return {}

    return operation


def _describing(answer: str, kinds: tuple[str, ...], shown: Callable[[Source, str], dict[str, Any]]) -> Operation:
    def operation(fleet: Fleet, asked: dict[str, Any]) -> dict[str, Any]:
        group = fleet.group(asked["AutoScalingGroupName"])
        wanted = (asked["TrafficSourceType"],) if "TrafficSourceType" in asked else kinds
        found = [source for source in group.sources if source.type in wanted]
        chosen, more = page(found, asked, default=100)
        return {answer: [shown(source, _state(fleet, group, source)) for source in chosen], **more}

    return operation


def _state(fleet: Fleet, group: Group, source: Source) -> str:
    """InService once an instance is healthy there."""
    members = [member for member in group.members.values() if member.state == "InService"]
    healthy = any(fleet.world.health(source, member.id) == "healthy" for member in members)
    return "InService" if healthy else group.sources[source]


OPERATIONS: Mapping[str, Operation] = {
    "AttachLoadBalancerTargetGroups": _changing(attach),
    "DetachLoadBalancerTargetGroups": _changing(detach),
    "DescribeLoadBalancerTargetGroups": _describing(
        "LoadBalancerTargetGroups",
        (_TARGET_GROUP,),
        lambda source, state: {"LoadBalancerTargetGroupARN": source.identifier, "State": state},
    ),
    "AttachLoadBalancers": _changing(attach),
    "DetachLoadBalancers": _changing(detach),
    "DescribeLoadBalancers": _describing(
        "LoadBalancers", (_CLASSIC,), lambda source, state: {"LoadBalancerName": source.identifier, "State": state}
    ),
    "AttachTrafficSources": _changing(attach),
    "DetachTrafficSources": _changing(detach),
    "DescribeTrafficSources": _describing(
        "TrafficSources",
        (_TARGET_GROUP, _CLASSIC),
        lambda source, state: {"Identifier": source.identifier, "Type": source.type, "State": state},
    ),
}
