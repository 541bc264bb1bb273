"""ELBv2's operations on targets, and the states in which AWS tells of them.

A target is known by its id and its port: registered with a port of its own, it leaves only by id and port.
Source: the API reference of Elastic Load Balancing v2: RegisterTargets, DeregisterTargets, TargetHealth.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any

from local.elb.records import Registry, TargetGroup
from local.elb.traffic.pool import Key, Member, Place
from local.query import QueryError

NO_PORT = 0  # of a function

State = tuple[str, str, str]  # state, reason, description
HEALTHY: State = ("healthy", "", "")
REGISTERING: State = ("initial", "Elb.RegistrationInProgress", "Target registration is in progress")
CHECKING: State = ("initial", "Elb.InitialHealthChecking", "Initial health checks in progress")
DRAINING: State = ("draining", "Target.DeregistrationInProgress", "Target deregistration is in progress")
NOT_REGISTERED: State = ("unused", "Target.NotRegistered", "Target is not registered to the target group")
NOT_IN_USE: State = (
    "unused",
    "Target.NotInUse",
    "Target group is not configured to receive traffic from the load balancer",
)
ZONE_NOT_ENABLED: State = (
    "unused",
    "Target.NotInUse",
    "Target is in an Availability Zone that is not enabled for the load balancer",
)
IP_UNUSABLE: State = ("unused", "Target.IpUnusable", "Target IP address is reserved for use by a load balancer")
UNCHECKED: State = ("unavailable", "Target.HealthCheckDisabled", "Health checks are not enabled for this target")


def register(registry: Registry, asked: dict[str, Any]) -> dict[str, Any]:
    group = registry.group(asked["TargetGroupArn"])
    keys = [_key(group, target) for target in asked["Targets"]]
    places = {key: _place_of(registry, group, key[0]) for key in keys}
    _check_running(places)
    new = [key for key in dict.fromkeys(keys) if key not in group.pool.members]
    _check_quotas(registry, group, new)
    for key, place in places.items():
        group.pool.register(key, place)
    return {}


def deregister(registry: Registry, asked: dict[str, Any]) -> dict[str, Any]:
    """What is not registered with that id and port is gone already."""
    group = registry.group(asked["TargetGroupArn"])
    delay = float(group.attributes.get("deregistration_delay.timeout_seconds", "0"))
    # At the end of the delay a Network Load Balancer leaves connections alone, unless it is told otherwise.
    ends = group.attributes.get("deregistration_delay.connection_termination.enabled", "true") == "true"
    for target in asked["Targets"]:
        group.pool.deregister(_key(group, target), delay=delay, ends_early=False, ends_connections=ends)
    return {}


def describe_health(registry: Registry, asked: dict[str, Any]) -> dict[str, Any]:
    group = registry.group(asked["TargetGroupArn"])
    if registry.settings.health_unavailable:
        message = "The health of the specified targets could not be retrieved due to an internal error"
        raise QueryError("HealthUnavailable", message)
    keys = [_key(group, target) for target in asked.get("Targets", [])] or list(group.pool.members)
    return {"TargetHealthDescriptions": [_described(registry, group, key) for key in keys]}


def _described(registry: Registry, group: TargetGroup, key: Key) -> dict[str, Any]:
    state, reason, description = _state(registry, group, group.pool.members.get(key))
    health = {"State": state} | ({"Reason": reason, "Description": description} if reason else {})
    if group.type == "lambda":
        return {"Target": {"Id": key[0]}, "TargetHealth": health}
    port = str(group.pool.check.port or key[1])
    return {"Target": {"Id": key[0], "Port": key[1]}, "HealthCheckPort": port, "TargetHealth": health}


def _state(registry: Registry, group: TargetGroup, member: Member | None) -> State:
    if member is None:
        return NOT_REGISTERED
    if member.is_draining:
        return DRAINING
    zones, place = group.pool.zones(), member.place()
    if zones is None:
        return NOT_IN_USE
    if place is None or not place.is_running:
        return "unused", "Target.InvalidState", f"Target is in the {place.state if place else 'terminated'} state"
    if place.zone not in (None, *zones):
        return ZONE_NOT_ENABLED
    if group.type == "ip" and member.id in {each.address for each in registry.load_balancers.values()}:
        return IP_UNUSABLE
    if not group.pool.check.enabled:
        return UNCHECKED
    if not member.is_serving:
        return REGISTERING
    if member.failure:
        return "unhealthy", member.failure.reason, member.failure.description
    return HEALTHY if member.is_healthy else CHECKING


def _key(group: TargetGroup, target: dict[str, Any]) -> Key:
    if group.type == "lambda":
        return target["Id"], NO_PORT
    return target["Id"], target.get("Port", group.described["Port"])


def _place_of(registry: Registry, group: TargetGroup, target_id: str) -> Callable[[], Place | None]:
    """Where a target is, asked again each time. Raises QueryError for an address that is none."""
    if group.type == "instance":
        return lambda: registry.world.instance(target_id)
    place = _place_of_address(target_id) if group.type == "ip" else Place(None, "running", None)
    return lambda: place


def _place_of_address(address: str) -> Place:
    """Only what is on this machine is ever reached."""
    try:
        found = ipaddress.IPv4Address(address)
    except ValueError as error:
        raise QueryError("ValidationError", f"The IP address '{address}' is not a valid IPv4 address") from error
    return Place(address if found.is_loopback else None, "running", None)


def _check_running(places: dict[Key, Callable[[], Place | None]]) -> None:
    stopped = []
    for (target_id, _), find in places.items():
        place = find()
        if place is None:
            raise QueryError("InvalidTarget", f"Instance ID '{target_id}' is not valid")
        if not place.is_running:
            stopped.append(target_id)
    if stopped:
        message = f"The following targets are not in a running state and cannot be registered: '{', '.join(stopped)}'"
        raise QueryError("InvalidTarget", message)


def _check_quotas(registry: Registry, group: TargetGroup, new: list[Key]) -> None:
    settings = registry.settings
    most = 1 if group.type == "lambda" else settings.targets_per_group
    if new and len(group.pool.members) + len(new) > most:
        raise QueryError("TooManyTargets", f"The maximum number of targets '{most}' has been reached")
    beside = {arn for user in registry.users(group.arn) for arn in registry.groups_of(user)} | {group.arn}
    registered = [key for arn in beside for key in registry.groups[arn].pool.members] + new
    for target_id, _ in new:
        if sum(key[0] == target_id for key in registered) > settings.registrations_per_target:
            most = settings.registrations_per_target
            message = f"The maximum number of registrations '{most}' for the target '{target_id}' has been reached"
            raise QueryError("TooManyRegistrationsForTargetId", message)


OPERATIONS = {
    "RegisterTargets": register,
    "DeregisterTargets": deregister,
    "DescribeTargetHealth": describe_health,
}
