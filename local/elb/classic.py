"""Classic Load Balancers: the API of 2012-06-01, its instance states, its draining, over the same sockets and checks.

A new instance needs the whole healthy threshold; draining ends as soon as nothing is in flight; where nobody is
healthy, nobody gets traffic. Policies, certificates and zones of EC2-Classic are not here.
Source: Classic Load Balancers User Guide, "Configure health checks", "Configure connection draining".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from local.elb.pages import page
from local.elb.records import World
from local.elb.settings import Settings
from local.elb.tags import from_list, to_list
from local.elb.traffic.front import Front
from local.elb.traffic.health import HealthCheck
from local.elb.traffic.http import Answer, Asked, Forward, HttpListener
from local.elb.traffic.pool import Member, Place, Pool
from local.elb.traffic.tunnel import TcpListener
from local.elb.zones import attached
from local.query import QueryError

ANY_PORT = 0  # an instance has no port of its own: listeners have
_NAME = r"(?!-)[A-Za-z0-9-]{1,32}(?<!-)"
_TARGET = r"(HTTPS?):(\d+)(/.*)|(TCP|SSL):(\d+)"
_ATTRIBUTES: dict[str, dict[str, Any]] = {
    "CrossZoneLoadBalancing": {"Enabled": False},
    "AccessLog": {"Enabled": False},
    "ConnectionDraining": {"Enabled": False, "Timeout": 300},
    "ConnectionSettings": {"IdleTimeout": 60},
}

IN_SERVICE = ("InService", "N/A", "N/A")
LEAVING = ("InService", "N/A", "Instance deregistration currently in progress.")
NOT_REGISTERED = ("OutOfService", "Instance", "Instance is not currently registered with the LoadBalancer.")
NOT_ITS_ZONE = (
    "OutOfService",
    "ELB",
    "Instance is in the EC2 Availability Zone for which LoadBalancer is not configured to route traffic to.",
)
REGISTERING = ("OutOfService", "ELB", "Instance registration is still in progress.")
FAILING = (
    "OutOfService",
    "Instance",
    "Instance has failed at least the UnhealthyThreshold number of health checks consecutively.",
)
UNKNOWN = ("Unknown", "ELB", "A transient error occurred. Please try again later.")


@dataclass(eq=False)
class ClassicBalancer:
    name: str
    scheme: str
    vpc: str
    zones: dict[str, str]  # by name: its subnet
    security_groups: list[str]
    address: str
    tags: dict[str, str]
    check: dict[str, Any]  # as described
    attributes: dict[str, dict[str, Any]] = field(default_factory=lambda: {**_ATTRIBUTES})
    listeners: dict[int, tuple[dict[str, Any], Front]] = field(default_factory=dict)  # by port
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    pool: Pool = field(init=False)

    @property
    def draining_seconds(self) -> float:
        draining = self.attributes["ConnectionDraining"]
        return float(draining.get("Timeout", 300)) if draining["Enabled"] else 0.0


class Classic:
    """All Classic Load Balancers, by name."""

    def __init__(self, world: World, settings: Settings) -> None:
        self.world, self.settings = world, settings
        self.balancers: dict[str, ClassicBalancer] = {}

    def get(self, name: str) -> ClassicBalancer:
        if name not in self.balancers:
            raise QueryError("LoadBalancerNotFound", f"There is no ACTIVE Load Balancer named '{name}'")
        return self.balancers[name]

    def close(self) -> None:
        for balancer in self.balancers.values():
            _close(balancer)


def create(classic: Classic, asked: dict[str, Any]) -> dict[str, Any]:
    name = asked["LoadBalancerName"]
    if not re.fullmatch(_NAME, name):
        raise QueryError("ValidationError", f"LoadBalancer name '{name}' is not valid")
    if name in classic.balancers:
        raise QueryError("DuplicateLoadBalancerName", f"Load Balancer with name '{name}' already exists")
    if not asked["Listeners"]:
        raise QueryError("ValidationError", "Listeners list can not be empty")
    vpc, zones = _zones(classic, asked)
    first = asked["Listeners"][0]
    balancer = ClassicBalancer(
        name=name,
        scheme=asked.get("Scheme", "internet-facing"),
        vpc=vpc,
        zones=zones,
        security_groups=asked.get("SecurityGroups", []),
        address=classic.world.new_address(),
        tags=from_list(asked.get("Tags", [])),
        check=_check_described(f"TCP:{first['InstancePort']}"),
    )
    balancer.pool = Pool(
        _health_check(balancer.check),
        classic.settings,
        zones=lambda: frozenset(balancer.zones),
        source=lambda: balancer.address,
        passes_at_first=None,
        fails_open=False,
    )
    try:
        for listener in asked["Listeners"]:
            _listen(balancer, listener)
    except QueryError:
        _close(balancer)
        raise
    classic.balancers[name] = balancer
    return {"DNSName": balancer.address}


def create_listeners(classic: Classic, asked: dict[str, Any]) -> dict[str, Any]:
    balancer = classic.get(asked["LoadBalancerName"])
    for listener in asked["Listeners"]:
        _listen(balancer, listener)
    return {}


def delete_listeners(classic: Classic, asked: dict[str, Any]) -> dict[str, Any]:
    balancer = classic.get(asked["LoadBalancerName"])
    for port in asked["LoadBalancerPorts"]:
        if found := balancer.listeners.pop(port, None):
            found[1].close()
    return {}


def delete(classic: Classic, asked: dict[str, Any]) -> dict[str, Any]:
    """One that is not there is deleted already."""
    if balancer := classic.balancers.pop(asked["LoadBalancerName"], None):
        _close(balancer)
    return {}


def describe(classic: Classic, asked: dict[str, Any]) -> dict[str, Any]:
    names = asked.get("LoadBalancerNames") or list(classic.balancers)
    shown, more = page([classic.get(name) for name in names], asked)
    return {"LoadBalancerDescriptions": [_described(each) for each in shown], **more}


def register(classic: Classic, asked: dict[str, Any]) -> dict[str, Any]:
    balancer = classic.get(asked["LoadBalancerName"])
    places: dict[str, Callable[[], Place | None]] = {}
    for instance_id in _ids(asked["Instances"]):
        if classic.world.instance(instance_id) is None:
            raise QueryError("InvalidInstance", f"Could not find EC2 instance {instance_id}.")
        places[instance_id] = lambda instance_id=instance_id: classic.world.instance(instance_id)  # type: ignore[misc]
    for instance_id, place in places.items():
        balancer.pool.register((instance_id, ANY_PORT), place)
    return {"Instances": _instances(balancer)}


def deregister(classic: Classic, asked: dict[str, Any]) -> dict[str, Any]:
    balancer = classic.get(asked["LoadBalancerName"])
    for instance_id in _ids(asked["Instances"]):
        if classic.world.instance(instance_id) is None:
            raise QueryError("InvalidInstance", f"Could not find EC2 instance {instance_id}.")
        key, delay = (instance_id, ANY_PORT), balancer.draining_seconds
        balancer.pool.deregister(key, delay=delay, ends_early=True, ends_connections=True)
    return {"Instances": _instances(balancer)}


def describe_health(classic: Classic, asked: dict[str, Any]) -> dict[str, Any]:
    balancer = classic.get(asked["LoadBalancerName"])
    ids = _ids(asked.get("Instances", [])) or [instance_id for instance_id, _ in balancer.pool.members]
    found = []
    for instance_id in ids:
        state, reason, description = _state(classic, balancer, instance_id)
        health = {"State": state, "ReasonCode": reason, "Description": description}
        found.append({"InstanceId": instance_id, **health})
    return {"InstanceStates": found}


def configure_health_check(classic: Classic, asked: dict[str, Any]) -> dict[str, Any]:
    balancer, check = classic.get(asked["LoadBalancerName"]), asked["HealthCheck"]
    if check["Timeout"] >= check["Interval"]:
        raise QueryError("ValidationError", "HealthCheck timeout must be less than interval")
    balancer.pool.check = _health_check(check)
    balancer.check = check
    return {"HealthCheck": check}


def modify_attributes(classic: Classic, asked: dict[str, Any]) -> dict[str, Any]:
    balancer, given = classic.get(asked["LoadBalancerName"]), asked["LoadBalancerAttributes"]
    given.pop("AdditionalAttributes", None)
    balancer.attributes |= {name: {**balancer.attributes[name], **values} for name, values in given.items()}
    return {"LoadBalancerName": balancer.name, "LoadBalancerAttributes": given}


def describe_attributes(classic: Classic, asked: dict[str, Any]) -> dict[str, Any]:
    return {"LoadBalancerAttributes": classic.get(asked["LoadBalancerName"]).attributes}


def add_tags(classic: Classic, asked: dict[str, Any]) -> dict[str, Any]:
    for name in asked["LoadBalancerNames"]:
        classic.get(name).tags.update(from_list(asked["Tags"]))
    return {}


def remove_tags(classic: Classic, asked: dict[str, Any]) -> dict[str, Any]:
    for name in asked["LoadBalancerNames"]:
        for tag in asked["Tags"]:
            classic.get(name).tags.pop(tag["Key"], None)
    return {}


def describe_tags(classic: Classic, asked: dict[str, Any]) -> dict[str, Any]:
    found = [classic.get(name) for name in asked["LoadBalancerNames"]]
    return {"TagDescriptions": [{"LoadBalancerName": each.name, "Tags": to_list(each.tags)} for each in found]}


def _listen(balancer: ClassicBalancer, listener: dict[str, Any]) -> None:
    port, protocol = listener["LoadBalancerPort"], listener["Protocol"].upper()
    behind = listener.get("InstanceProtocol", protocol).upper()
    described = {**listener, "Protocol": protocol, "InstanceProtocol": behind}
    if port in balancer.listeners:
        if balancer.listeners[port][0] == described:
            return
        message = f"A listener already exists for {balancer.name} with LoadBalancerPort {port}"
        raise QueryError("DuplicateListener", message)
    if protocol not in ("HTTP", "TCP") or (protocol == "HTTP") != behind.startswith("HTTP"):
        raise QueryError("UnsupportedProtocol", f"The local cloud's listeners speak HTTP and TCP, not {protocol}")
    balancer.listeners[port] = (described, _front(balancer, described))


def _front(balancer: ClassicBalancer, listener: dict[str, Any]) -> Front:
    port, inside, behind = listener["LoadBalancerPort"], listener["InstancePort"], listener["InstanceProtocol"]

    def choose() -> tuple[Member, int] | None:
        member = balancer.pool.next()
        return (member, inside) if member else None

    def decide(asked: Asked) -> Forward | Answer:
        member = balancer.pool.next()
        return Forward(member, inside, behind) if member else Answer(503)

    if listener["Protocol"] == "TCP":
        tcp = TcpListener(choose, lambda: balancer.address, behind)
        return Front(balancer.address, port, tcp.serve)
    http = HttpListener(
        decide,
        port=port,
        source=lambda: balancer.address,
        idle_seconds=lambda: float(balancer.attributes["ConnectionSettings"]["IdleTimeout"]),
    )
    return Front(balancer.address, port, http.serve)


def _state(classic: Classic, balancer: ClassicBalancer, instance_id: str) -> tuple[str, str, str]:
    place, member = classic.world.instance(instance_id), balancer.pool.members.get((instance_id, ANY_PORT))
    if place is None and member is None:
        raise QueryError("InvalidInstance", f"Could not find EC2 instance {instance_id}.")
    if member is None:
        return NOT_REGISTERED
    if classic.settings.health_unavailable:
        return UNKNOWN
    if member.is_draining:
        return LEAVING
    if place is None or not place.is_running:
        return "OutOfService", "Instance", f"Instance is in {place.state if place else 'terminated'} state."
    if place.zone not in (None, *balancer.zones):
        return NOT_ITS_ZONE
    if member.is_healthy:
        return IN_SERVICE
    return FAILING if member.failure else REGISTERING


def _described(balancer: ClassicBalancer) -> dict[str, Any]:
    return {
        "LoadBalancerName": balancer.name,
        "DNSName": balancer.address,
        "CanonicalHostedZoneName": balancer.address,
        "CanonicalHostedZoneNameID": "Z35SXDOTRQ7X7K",
        "ListenerDescriptions": [{"Listener": each, "PolicyNames": []} for each, _ in balancer.listeners.values()],
        "Policies": {"AppCookieStickinessPolicies": [], "LBCookieStickinessPolicies": [], "OtherPolicies": []},
        "BackendServerDescriptions": [],
        "AvailabilityZones": list(balancer.zones),
        "Subnets": list(balancer.zones.values()),
        "VPCId": balancer.vpc,
        "Instances": _instances(balancer),
        "HealthCheck": balancer.check,
        "SourceSecurityGroup": {"OwnerAlias": "amazon-elb", "GroupName": "amazon-elb-sg"},
        "SecurityGroups": balancer.security_groups,
        "CreatedTime": balancer.created,
        "Scheme": balancer.scheme,
    }


def _zones(classic: Classic, asked: dict[str, Any]) -> tuple[str, dict[str, str]]:
    """The VPC, and the subnets by their zones; zones without subnets are those of the default VPC."""
    vpc, zones = attached(classic.world, asked.get("Subnets", []), asked.get("AvailabilityZones", []))
    if not zones:
        raise QueryError("ValidationError", "Either AvailabilityZones or SubnetIds must be specified")
    return vpc, zones


def _check_described(target: str) -> dict[str, Any]:
    return {"Target": target, "Interval": 30, "Timeout": 5, "UnhealthyThreshold": 2, "HealthyThreshold": 10}


def _health_check(described: dict[str, Any]) -> HealthCheck:
    found = re.fullmatch(_TARGET, described["Target"])
    if found is None:
        raise QueryError("ValidationError", f"HealthCheck Target '{described['Target']}' is not valid")
    return HealthCheck(
        protocol=found[1] or found[4],
        port=int(found[2] or found[5]),
        path=found[3] or "/",
        interval=described["Interval"],
        timeout=described["Timeout"],
        healthy_threshold=described["HealthyThreshold"],
        unhealthy_threshold=described["UnhealthyThreshold"],
        matcher="200",
    )


def _instances(balancer: ClassicBalancer) -> list[dict[str, str]]:
    members = balancer.pool.members.values()
    return [{"InstanceId": member.id} for member in members if not member.is_draining]


def _ids(instances: list[dict[str, str]]) -> list[str]:
    return [each["InstanceId"] for each in instances]


def _close(balancer: ClassicBalancer) -> None:
    for _, front in balancer.listeners.values():
        front.close()
    balancer.pool.close()


OPERATIONS = {
    "CreateLoadBalancer": create,
    "CreateLoadBalancerListeners": create_listeners,
    "DeleteLoadBalancerListeners": delete_listeners,
    "DeleteLoadBalancer": delete,
    "DescribeLoadBalancers": describe,
    "RegisterInstancesWithLoadBalancer": register,
    "DeregisterInstancesFromLoadBalancer": deregister,
    "DescribeInstanceHealth": describe_health,
    "ConfigureHealthCheck": configure_health_check,
    "ModifyLoadBalancerAttributes": modify_attributes,
    "DescribeLoadBalancerAttributes": describe_attributes,
    "AddTags": add_tags,
    "RemoveTags": remove_tags,
    "DescribeTags": describe_tags,
}
