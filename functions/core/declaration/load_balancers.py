"""The load balancers of the file: a group's, and those that groups of the API may use."""

from collections.abc import Callable
from enum import StrEnum
from typing import Any

from functions.core import quotas
from functions.core.declaration.durations import seconds
from functions.core.declaration.value import Value
from functions.core.load_balancers import NAME_RULE, is_name, is_target_group
from functions.core.records import NO_LOAD_BALANCERS, LoadBalancers
from functions.core.statuses import DeploymentOption, Drain

_LISTS = ("targetGroupInfoList", "elbInfoList")
_MAX_NAME = 256  # characters, of an ARN, too
_MAX_PROPAGATION = 3600  # the longest deregistration delay that ELB knows


class _DeploymentType(StrEnum):
    IN_PLACE = "IN_PLACE"


def load_balancers(info: Value | None, style: Value | None) -> LoadBalancers:
    """Of a group. Unlike with the API, those that are named are used unless the style says otherwise."""
    members = style.known("deploymentType", "deploymentOption") if style else {}
    if kind := members.get("deploymentType"):
        kind.word(_DeploymentType)
    option = members.get("deploymentOption")
    has_control = option.word(DeploymentOption) is DeploymentOption.WITH_TRAFFIC_CONTROL if option else info is not None
    if info is None:
        if option and has_control:
            option.refuse("WITH_TRAFFIC_CONTROL needs loadBalancerInfo: name a load balancer there")
        return NO_LOAD_BALANCERS
    return _named(info, has_control=has_control)


def _named(info: Value, *, has_control: bool) -> LoadBalancers:
    members = info.known(*_LISTS, "propagationTime", "drain", "healthyTimeout", "reregisterOnFailure")
    read: dict[str, Any] = {}
    if propagation := members.get("propagationTime"):
        read["propagation_seconds"] = seconds(propagation, most=_MAX_PROPAGATION)
    if drain := members.get("drain"):
        read["drain"] = drain.word(Drain)
        if propagation and read["drain"] is Drain.ELB:
            propagation.refuse_key("does not have any effect with drain: elb, which waits for the load balancer")
    if healthy := members.get("healthyTimeout"):
        read["healthy_timeout_seconds"] = seconds(healthy, least=1)
    if reregister := members.get("reregisterOnFailure"):
        read["reregister_on_failure"] = reregister.flag()
    return LoadBalancers(**_lists(info, members), has_control=has_control, **read)


def open_load_balancers(info: Value) -> LoadBalancers:
    """Those at the top of the file, of any number."""
    return LoadBalancers(**_lists(info, info.known(*_LISTS), most=None))


def _lists(info: Value, members: dict[str, Value], most: int | None = quotas.MAX_LOAD_BALANCERS) -> dict[str, Any]:
    """The two lists of names. A mapping that names none is refused."""
    groups = _names(members.get("targetGroupInfoList"), is_target_group, "a target group's name or ARN", most)
    classic = _names(members.get("elbInfoList"), is_name, "a Classic Load Balancer's name", most)
    if not members.keys() & set(_LISTS):
        info.refuse(f"names no load balancer: give {' or '.join(_LISTS)}, or leave it out")
    return {"target_groups": groups, "classic": classic}


def _names(listed: Value | None, fits: Callable[[str], bool], what: str, most: int | None) -> tuple[str, ...]:
    if listed is None:
        return ()
    names: list[str] = []
    for each in (entries := listed.items(most=most)):
        if "name" not in (body := each.known("name", required=["name"])):
            continue
        name = body["name"].text(longest=_MAX_NAME)
        if name and not fits(name):
            body["name"].refuse(f"{body['name'].shown} is not {what}; a name has {NAME_RULE}")
        elif name in names:
            body["name"].refuse(f'the load balancer "{name}" is there twice')
        names.append(name)
    if not entries:
        listed.refuse("give at least one name")
    return tuple(names)
