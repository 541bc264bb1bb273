"""ELBv2's operations on load balancers."""

from __future__ import annotations

import re
from typing import Any

from local.elb import attributes
from local.elb.pages import page
from local.elb.records import NAME, LoadBalancer, Registry
from local.elb.tags import from_list
from local.elb.zones import attached
from local.query import QueryError

ZONE_ID = "Z35SXDOTRQ7X7K"  # us-east-1's


def create(registry: Registry, asked: dict[str, Any]) -> dict[str, Any]:
    name, kind, scheme = asked["Name"], asked.get("Type", "application"), asked.get("Scheme", "internet-facing")
    if not re.fullmatch(NAME, name):
        raise QueryError("ValidationError", f"The load balancer name '{name}' is not valid")
    if kind not in ("application", "network"):
        raise QueryError("ValidationError", f"The local cloud has no load balancers of the type '{kind}'")
    vpc, zones = _zones(registry, asked, at_least=2 if kind == "application" else 1)
    existing = next((each for each in registry.load_balancers.values() if each.name == name), None)
    if existing is not None:
        if (existing.type, existing.scheme, existing.zones) != (kind, scheme, zones):
            message = f"A load balancer with the same name '{name}' exists, but with different settings"
            raise QueryError("DuplicateLoadBalancerName", message)
        return {"LoadBalancers": [described(existing)]}
    is_application = kind == "application"
    found = LoadBalancer(
        arn=registry.new_arn(f"loadbalancer/{'app' if is_application else 'net'}/{name}"),
        name=name,
        type=kind,
        scheme=scheme,
        vpc=vpc,
        zones=zones,
        security_groups=asked.get("SecurityGroups", []),
        address=registry.world.new_address(),
        attributes=dict(attributes.APPLICATION_BALANCER if is_application else attributes.NETWORK_BALANCER),
        tags=from_list(asked.get("Tags", [])),
    )
    registry.load_balancers[found.arn] = found
    return {"LoadBalancers": [described(found, state="provisioning")]}


def describe(registry: Registry, asked: dict[str, Any]) -> dict[str, Any]:
    found = list(registry.load_balancers.values())
    if "LoadBalancerArns" in asked:
        found = [registry.load_balancer(arn) for arn in asked["LoadBalancerArns"]]
    if "Names" in asked:
        names = {each.name: each for each in found}
        if missing := [name for name in asked["Names"] if name not in names]:
            raise QueryError("LoadBalancerNotFound", f"Load balancers '[{', '.join(missing)}]' not found")
        found = [names[name] for name in asked["Names"]]
    shown, more = page(found, asked)
    return {"LoadBalancers": [described(each) for each in shown], **more}


def delete(registry: Registry, asked: dict[str, Any]) -> dict[str, Any]:
    """One that is not there is deleted already."""
    found = registry.load_balancers.get(asked["LoadBalancerArn"])
    if found is None:
        return {}
    if found.attributes["deletion_protection.enabled"] == "true":
        message = f"Load balancer '{found.arn}' cannot be deleted because deletion protection is enabled"
        raise QueryError("OperationNotPermitted", message)
    for listener in registry.listeners_of(found):
        listener.front.close()
        del registry.listeners[listener.arn]
    del registry.load_balancers[found.arn]
    return {}


def describe_attributes(registry: Registry, asked: dict[str, Any]) -> dict[str, Any]:
    return attributes.shown(registry.load_balancer(asked["LoadBalancerArn"]).attributes)


def modify_attributes(registry: Registry, asked: dict[str, Any]) -> dict[str, Any]:
    found = registry.load_balancer(asked["LoadBalancerArn"])
    found.attributes = attributes.changed(found.attributes, asked["Attributes"])
    return attributes.shown(found.attributes)


def set_subnets(registry: Registry, asked: dict[str, Any]) -> dict[str, Any]:
    found = registry.load_balancer(asked["LoadBalancerArn"])
    found.vpc, found.zones = _zones(registry, asked, at_least=2 if found.type == "application" else 1)
    return {"AvailabilityZones": _described_zones(found)}


def set_security_groups(registry: Registry, asked: dict[str, Any]) -> dict[str, Any]:
    found = registry.load_balancer(asked["LoadBalancerArn"])
    found.security_groups = asked["SecurityGroups"]
    return {"SecurityGroupIds": found.security_groups}


def described(found: LoadBalancer, state: str = "active") -> dict[str, Any]:
    """Its DNS name is its address on this machine: no name server is needed, and every client understands it."""
    return {
        "LoadBalancerArn": found.arn,
        "DNSName": found.address,
        "CanonicalHostedZoneId": ZONE_ID,
        "CreatedTime": found.created,
        "LoadBalancerName": found.name,
        "Scheme": found.scheme,
        "VpcId": found.vpc,
        "State": {"Code": state},
        "Type": found.type,
        "AvailabilityZones": _described_zones(found),
        "SecurityGroups": found.security_groups,
        "IpAddressType": "ipv4",
    }


def _described_zones(found: LoadBalancer) -> list[dict[str, Any]]:
    return [{"ZoneName": zone, "SubnetId": subnet, "LoadBalancerAddresses": []} for zone, subnet in found.zones.items()]


def _zones(registry: Registry, asked: dict[str, Any], *, at_least: int) -> tuple[str, dict[str, str]]:
    """The VPC of the subnets, and the subnets by their zones: at least so many. Raises QueryError."""
    subnets = asked.get("Subnets") or [each["SubnetId"] for each in asked.get("SubnetMappings", [])]
    vpc, zones = attached(registry.world, subnets)
    if len(zones) < at_least:
        count = "two subnets in two different Availability Zones" if at_least == 2 else "one subnet"
        raise QueryError("ValidationError", f"At least {count} must be specified")
    return vpc, zones


OPERATIONS = {
    "CreateLoadBalancer": create,
    "DescribeLoadBalancers": describe,
    "DeleteLoadBalancer": delete,
    "DescribeLoadBalancerAttributes": describe_attributes,
    "ModifyLoadBalancerAttributes": modify_attributes,
    "SetSubnets": set_subnets,
    "SetSecurityGroups": set_security_groups,
}
