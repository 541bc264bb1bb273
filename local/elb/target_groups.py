"""ELBv2's operations on target groups."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from local.elb import attributes
from local.elb.pages import page
from local.elb.records import NAME, Registry, TargetGroup
from local.elb.tags import from_list
from local.elb.traffic.health import HealthCheck
from local.query import QueryError

PROTOCOLS = ("HTTP", "HTTPS", "TCP")
CHECKS = ("Protocol", "Port", "Enabled", "Path", "IntervalSeconds", "TimeoutSeconds")
CHANGEABLE = (*(f"HealthCheck{name}" for name in CHECKS), "HealthyThresholdCount", "UnhealthyThresholdCount", "Matcher")


def create(registry: Registry, asked: dict[str, Any]) -> dict[str, Any]:
    name = asked["Name"]
    if not re.fullmatch(NAME, name):
        raise QueryError("ValidationError", f"Target group name '{name}' is not valid")
    described = _described(asked)
    existing = next((each for each in registry.groups.values() if each.name == name), None)
    if existing is not None:
        if {**existing.described, "TargetGroupArn": ""} != {**described, "TargetGroupArn": ""}:
            message = f"A target group with the same name '{name}' exists, but with different settings"
            raise QueryError("DuplicateTargetGroupName", message)
        return {"TargetGroups": [shown(registry, existing)]}
    described["TargetGroupArn"] = arn = registry.new_arn(f"targetgroup/{name}")
    pool = registry.new_pool(arn, health_check(described))
    group = TargetGroup(arn, described, {}, from_list(asked.get("Tags", [])), pool)
    _set_attributes(group, _default_attributes(group))
    registry.groups[arn] = group
    return {"TargetGroups": [shown(registry, group)]}


def describe(registry: Registry, asked: dict[str, Any]) -> dict[str, Any]:
    found = list(registry.groups.values())
    if "LoadBalancerArn" in asked:
        used = registry.groups_of(registry.load_balancer(asked["LoadBalancerArn"]))
        found = [group for group in found if group.arn in used]
    if "TargetGroupArns" in asked:
        found = [registry.group(arn) for arn in asked["TargetGroupArns"]]
    if "Names" in asked:
        names = {group.name: group for group in found}
        if not set(asked["Names"]) <= names.keys():
            raise QueryError("TargetGroupNotFound", "One or more target groups not found")
        found = [names[name] for name in asked["Names"]]
    chosen, more = page(found, asked)
    return {"TargetGroups": [shown(registry, group) for group in chosen], **more}


def modify(registry: Registry, asked: dict[str, Any]) -> dict[str, Any]:
    group = registry.group(asked["TargetGroupArn"])
    described = {**group.described, **{name: asked[name] for name in CHANGEABLE if name in asked}}
    _check(described)
    group.described = described
    group.pool.check = health_check(described)
    return {"TargetGroups": [shown(registry, group)]}


def delete(registry: Registry, asked: dict[str, Any]) -> dict[str, Any]:
    """One that is not there is deleted already."""
    arn = asked["TargetGroupArn"]
    if registry.users(arn):
        raise QueryError("ResourceInUse", f"Target group '{arn}' is currently in use by a listener or a rule")
    if group := registry.groups.pop(arn, None):
        group.pool.close()
    return {}


def describe_attributes(registry: Registry, asked: dict[str, Any]) -> dict[str, Any]:
    return attributes.shown(registry.group(asked["TargetGroupArn"]).attributes)


def modify_attributes(registry: Registry, asked: dict[str, Any]) -> dict[str, Any]:
    group = registry.group(asked["TargetGroupArn"])
    _set_attributes(group, attributes.changed(group.attributes, asked["Attributes"]))
    return attributes.shown(group.attributes)


def shown(registry: Registry, group: TargetGroup) -> dict[str, Any]:
    return {**group.described, "LoadBalancerArns": [each.arn for each in registry.users(group.arn)]}


def health_check(described: Mapping[str, Any]) -> HealthCheck:
    port = described.get("HealthCheckPort", "traffic-port")
    return HealthCheck(
        protocol=described.get("HealthCheckProtocol", "HTTP"),
        port=None if port == "traffic-port" else int(port),
        path=described.get("HealthCheckPath", "/"),
        interval=described["HealthCheckIntervalSeconds"],
        timeout=described["HealthCheckTimeoutSeconds"],
        healthy_threshold=described["HealthyThresholdCount"],
        unhealthy_threshold=described["UnhealthyThresholdCount"],
        matcher=described.get("Matcher", {}).get("HttpCode", "200"),
        enabled=described["HealthCheckEnabled"],
    )


def _described(asked: dict[str, Any]) -> dict[str, Any]:
    """As a new group is described; defaults as the API reference of CreateTargetGroup says. Raises QueryError."""
    kind = asked.get("TargetType", "instance")
    found: dict[str, Any] = {"TargetGroupArn": "", "TargetGroupName": asked["Name"], "TargetType": kind}
    if kind == "lambda":
        found |= {"HealthCheckEnabled": False, "HealthCheckPath": "/", "Matcher": {"HttpCode": "200"}}
        found |= {"HealthCheckIntervalSeconds": 35, "HealthCheckTimeoutSeconds": 30}
        found |= {"HealthyThresholdCount": 5, "UnhealthyThresholdCount": 2}
    elif kind not in ("instance", "ip"):
        raise QueryError("ValidationError", f"The local cloud has no targets of the type '{kind}'")
    else:
        for name in ("Protocol", "Port", "VpcId"):
            if name not in asked:
                raise QueryError("ValidationError", f"A {name} must be specified")
        protocol = asked["Protocol"]
        if protocol not in PROTOCOLS:
            message = f"Target groups of the local cloud have the protocols {', '.join(PROTOCOLS)}, not '{protocol}'"
            raise QueryError("ValidationError", message)
        check = asked.get("HealthCheckProtocol", "TCP" if protocol == "TCP" else "HTTP")
        found |= {"Protocol": protocol, "Port": asked["Port"], "VpcId": asked["VpcId"], "IpAddressType": "ipv4"}
        found |= {"HealthCheckProtocol": check, "HealthCheckPort": "traffic-port", "HealthCheckEnabled": True}
        found |= {"HealthCheckIntervalSeconds": 30, "HealthyThresholdCount": 5, "UnhealthyThresholdCount": 2}
        found["HealthCheckTimeoutSeconds"] = (6 if check == "HTTP" else 10) if protocol == "TCP" else 5
        if protocol != "TCP":
            found["ProtocolVersion"] = asked.get("ProtocolVersion", "HTTP1")
        if check != "TCP":
            found |= {"HealthCheckPath": "/", "Matcher": {"HttpCode": "200-399" if protocol == "TCP" else "200"}}
    found |= {name: asked[name] for name in CHANGEABLE if name in asked}
    _check(found)
    return found


def _check(described: Mapping[str, Any]) -> None:
    """What the API reference says of CreateTargetGroup's parameters together. Raises QueryError."""
    protocol, check = described.get("Protocol"), described.get("HealthCheckProtocol")
    if described["HealthCheckTimeoutSeconds"] >= described["HealthCheckIntervalSeconds"] and protocol != "TCP":
        message = "Health check interval must be greater than the timeout"
        raise QueryError("ValidationError", message)
    if not described["HealthCheckEnabled"] and described["TargetType"] != "lambda":
        message = f"Health check enabled must be true for target groups with target type '{described['TargetType']}'"
        raise QueryError("InvalidConfigurationRequest", message)
    if check not in (None, "HTTP", "HTTPS", *(["TCP"] if protocol == "TCP" else [])):
        raise QueryError("InvalidConfigurationRequest", f"Health check protocol '{check}' is not supported")
    if check == "TCP" and {"HealthCheckPath", "Matcher"} & described.keys():
        message = "You cannot specify a health check path or matcher with the health check protocol TCP"
        raise QueryError("InvalidConfigurationRequest", message)
    if described.get("ProtocolVersion", "HTTP1") != "HTTP1":
        raise QueryError("ValidationError", "Targets of the local cloud speak HTTP1")
    port = described.get("HealthCheckPort", "traffic-port")
    if port != "traffic-port" and not (port.isdecimal() and 1 <= int(port) <= 65535):
        raise QueryError("ValidationError", f"Health check port '{port}' must be 'traffic-port' or a port number")
    code = described.get("Matcher", {}).get("HttpCode", "200")
    if not re.fullmatch(r"\d{3}(-\d{3})?(,\d{3}(-\d{3})?)*", code):
        raise QueryError(
            "ValidationError", f"Health check matcher HTTP code '{code}' must be within '200-499' inclusive"
        )


def _default_attributes(group: TargetGroup) -> dict[str, str]:
    if group.type == "lambda":
        return dict(attributes.LAMBDA_GROUP)
    return dict(attributes.APPLICATION_GROUP if group.is_application else attributes.NETWORK_GROUP)


def _set_attributes(group: TargetGroup, values: dict[str, str]) -> None:
    group.attributes = values
    group.pool.slow_start_seconds = int(values.get("slow_start.duration_seconds", "0"))
    group.pool.by_load = values.get("load_balancing.algorithm.type") == "least_outstanding_requests"
    closes = values.get("target_health_state.unhealthy.connection_termination.enabled")
    group.pool.closes_unhealthy = closes == "true"


OPERATIONS = {
    "CreateTargetGroup": create,
    "DescribeTargetGroups": describe,
    "ModifyTargetGroup": modify,
    "DeleteTargetGroup": delete,
    "DescribeTargetGroupAttributes": describe_attributes,
    "ModifyTargetGroupAttributes": modify_attributes,
}
