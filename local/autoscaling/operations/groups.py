"""Auto Scaling's operations on groups."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import Any

from local.autoscaling.activities import now
from local.autoscaling.fleet import Fleet
from local.autoscaling.keeper import keep
from local.autoscaling.lives import leave
from local.autoscaling.operations import hooks, tags, traffic
from local.autoscaling.pages import page
from local.autoscaling.records import Group, Member
from local.query import QueryError

_NOT_HERE = {"MixedInstancesPolicy": "mixed instances policies", "InstanceId": "groups made of an instance"}
_LAUNCHED = ("LaunchTemplate", "LaunchConfigurationName")
_SETTINGS = (
    *("MinSize", "MaxSize", "DefaultCooldown", "HealthCheckType", "HealthCheckGracePeriod", "PlacementGroup"),
    *("VPCZoneIdentifier", "TerminationPolicies", "NewInstancesProtectedFromScaleIn", "ServiceLinkedRoleARN"),
    *("MaxInstanceLifetime", "CapacityRebalance", "Context", "DesiredCapacityType", "DefaultInstanceWarmup"),
    *("InstanceMaintenancePolicy", "DeletionProtection", "AvailabilityZoneDistribution"),
    *("AvailabilityZoneImpairmentPolicy", "CapacityReservationSpecification", "InstanceLifecyclePolicy"),
)
# As the API reference of CreateAutoScalingGroup says.
_DEFAULTS = {
    "DefaultCooldown": 300,
    "HealthCheckType": "EC2",
    "HealthCheckGracePeriod": 0,
    "VPCZoneIdentifier": "",
    "TerminationPolicies": ["Default"],
    "NewInstancesProtectedFromScaleIn": False,
}


def create(fleet: Fleet, asked: dict[str, Any]) -> dict[str, Any]:
    name = asked["AutoScalingGroupName"]
    if name in fleet.groups:
        message = f"AutoScalingGroup by this name already exists - A group with the name {name} already exists"
        raise QueryError("AlreadyExists", message)
    _refuse_what_is_not_here(asked)
    if sum(key in asked for key in _LAUNCHED) != 1:
        message = "Valid requests must contain either LaunchTemplate, LaunchConfigurationName, InstanceId or "
        raise QueryError("ValidationError", f"{message}MixedInstancesPolicy parameter.")
    role = f"arn:aws:iam::{fleet.world.account}:role/aws-service-role/autoscaling.amazonaws.com"
    defaults = {**_DEFAULTS, "ServiceLinkedRoleARN": f"{role}/AWSServiceRoleForAutoScaling"}
    settings = {**defaults, **{key: asked[key] for key in _SETTINGS if key in asked}, **_launched(fleet, asked)}
    desired = asked.get("DesiredCapacity", settings["MinSize"])
    _check_sizes(settings, desired)
    place = f"{fleet.world.region}:{fleet.world.account}"
    arn = f"arn:aws:autoscaling:{place}:autoScalingGroup:{uuid.uuid4()}:autoScalingGroupName/{name}"
    group = Group(name, arn, settings, _zones(fleet, asked), tags.from_list(asked.get("Tags", [])), desired)
    for hook in asked.get("LifecycleHookSpecificationList", []):
        hooks.put_hook(fleet, group, hook)
    for source in traffic.sources_of(asked):
        traffic.attach(fleet, group, source)
    group.reason = _reason("a user request created an AutoScalingGroup", 0, desired)
    fleet.groups[name] = group
    group.keeper = fleet.spawn(keep(fleet, group))
    return {}


def update(fleet: Fleet, asked: dict[str, Any]) -> dict[str, Any]:
    group = fleet.group(asked["AutoScalingGroupName"])
    _refuse_what_is_not_here(asked)
    settings = {**group.settings, **{key: asked[key] for key in _SETTINGS if key in asked}}
    if launched := _launched(fleet, asked):
        settings = {key: value for key, value in settings.items() if key not in _LAUNCHED} | launched
    # A new bound moves the desired capacity with it, unless that is given.
    bounded = min(max(group.desired, settings["MinSize"]), settings["MaxSize"])
    desired = asked.get("DesiredCapacity", bounded)
    _check_sizes(settings, desired)
    if "AvailabilityZones" in asked or "VPCZoneIdentifier" in asked:
        group.zones = _zones(fleet, asked)
    group.settings = settings
    if desired != group.desired:
        what = "a user request update of AutoScalingGroup constraints to min: {MinSize}, max: {MaxSize}, desired: "
        group.reason = _reason(what.format(**settings) + str(desired), group.desired, desired)
    group.desired = desired
    group.changed.set()
    return {}


def set_desired(fleet: Fleet, asked: dict[str, Any]) -> dict[str, Any]:
    group, desired = fleet.group(asked["AutoScalingGroupName"]), asked["DesiredCapacity"]
    if desired > group.largest:
        what = f"New SetDesiredCapacity value {desired} is above max value {group.largest} for the AutoScalingGroup."
        raise QueryError("ValidationError", what)
    if desired < group.smallest:
        what = f"New SetDesiredCapacity value {desired} is below min value {group.smallest} for the AutoScalingGroup."
        raise QueryError("ValidationError", what)
    what = "a user request explicitly set group desired capacity"
    group.reason, group.desired = _reason(what, group.desired, desired), desired
    group.changed.set()
    return {}


def delete(fleet: Fleet, asked: dict[str, Any]) -> dict[str, Any]:
    group, force = fleet.group(asked["AutoScalingGroupName"]), asked.get("ForceDelete", False)
    protection = group.settings.get("DeletionProtection", "none")
    if protection == "prevent-all-deletion" or (force and protection == "prevent-force-deletion"):
        raise QueryError("ResourceInUse", f"The deletion protection of the AutoScalingGroup is {protection}.")
    if not force and any(not activity.is_over for activity in group.activities):
        what = "You cannot delete an AutoScalingGroup while there are scaling activities in progress for that group."
        raise QueryError("ScalingActivityInProgress", what)
    if not force and (group.members or group.pool):
        what = "You cannot delete an AutoScalingGroup while there are instances or pending Spot instance request(s)"
        raise QueryError("ResourceInUse", f"{what} still in the group.")
    group.is_deleting = True
    for member in list(group.members.values()):
        cause = f"At {now()} a user request force deleted the AutoScalingGroup."
        leave(fleet, member, cause, at_once=True)
    if not group.members:
        assert group.keeper
        group.keeper.cancel()
        fleet.forget(group)
    group.changed.set()
    return {}


def describe(fleet: Fleet, asked: dict[str, Any]) -> dict[str, Any]:
    names = asked.get("AutoScalingGroupNames", [])
    if len(names) > (most := asked.get("MaxRecords", 50)):
        raise QueryError("ValidationError", f"You cannot specify more than {most} AutoScalingGroup names")
    found = [group for group in fleet.groups.values() if not names or group.name in names]
    for each in asked.get("Filters", []):
        found = [group for group in found if _passes(group, each["Name"], each.get("Values", []))]
    chosen, more = page(found, asked)
    with_instances = asked.get("IncludeInstances", True)
    return {"AutoScalingGroups": [_described(group, with_instances) for group in chosen], **more}


def describe_instances(fleet: Fleet, asked: dict[str, Any]) -> dict[str, Any]:
    """Those of warm pools, too."""
    ids = asked.get("InstanceIds", [])
    if len(ids) > 50:
        raise QueryError("ValidationError", "You cannot specify more than 50 instance ids")
    members = [member for group in fleet.groups.values() for member in group.shown()]
    chosen, more = page([member for member in members if not ids or member.id in ids], asked, most=50)
    return {
        "AutoScalingInstances": [
            {**described_member(member), "AutoScalingGroupName": member.group.name} for member in chosen
        ],
        **more,
    }


def described_member(member: Member) -> dict[str, Any]:
    return {
        "InstanceId": member.id,
        "InstanceType": member.template.instance_type,
        "AvailabilityZone": member.zone,
        "LifecycleState": member.state,
        "HealthStatus": member.health,
        **member.template.shown,
        "ProtectedFromScaleIn": member.is_protected,
    }


def _described(group: Group, with_instances: bool) -> dict[str, Any]:
    pool = group.pool
    return {
        "AutoScalingGroupName": group.name,
        "AutoScalingGroupARN": group.arn,
        **group.settings,
        "DesiredCapacity": group.desired,
        "AvailabilityZones": list(group.zones),
        "LoadBalancerNames": [source.identifier for source in group.sources if source.type == "elb"],
        "TargetGroupARNs": [source.identifier for source in group.sources if source.type == "elbv2"],
        "TrafficSources": [{"Identifier": source.identifier, "Type": source.type} for source in group.sources],
        "Instances": [described_member(each) for each in group.shown() if not each.is_warm] if with_instances else [],
        "CreatedTime": group.created,
        "SuspendedProcesses": [
            {"ProcessName": name, "SuspensionReason": reason} for name, reason in group.suspended.items()
        ],
        "EnabledMetrics": [],
        "Status": "Delete in progress" if group.is_deleting else None,
        "Tags": tags.described(group),
        "WarmPoolConfiguration": described_pool(group) if pool else None,
        "WarmPoolSize": len([member for member in group.warm() if member.is_launched]) if pool else None,
    }


def described_pool(group: Group) -> dict[str, Any]:
    pool = group.pool
    assert pool
    return {
        "MinSize": pool.minimum,
        "MaxGroupPreparedCapacity": pool.prepared,
        "PoolState": pool.state,
        "Status": "PendingDelete" if pool.is_deleting else None,
        "InstanceReusePolicy": {"ReuseOnScaleIn": pool.reuses},
    }


def _passes(group: Group, name: str, values: list[str]) -> bool:
    kinds: Mapping[str, Callable[[], bool]] = {
        "tag-key": lambda: bool(set(values) & group.tags.keys()),
        "tag-value": lambda: any(tag.value in values for tag in group.tags.values()),
    }
    if name.startswith("tag:"):
        tag = group.tags.get(name.removeprefix("tag:"))
        return tag is not None and tag.value in values
    if name not in kinds:
        message = f"Filter type {name} is not correct. Allowed Filter types are: tag-key, tag-value, tag:<key>"
        raise QueryError("ValidationError", message)
    return kinds[name]()


def _refuse_what_is_not_here(asked: Mapping[str, Any]) -> None:
    for key, words in _NOT_HERE.items():
        if key in asked:
            raise QueryError("ValidationError", f"{key}: the local cloud has no {words}")


def _launched(fleet: Fleet, asked: Mapping[str, Any]) -> dict[str, Any]:
    """What a group launches from, as it is described."""
    if wanted := asked.get("LaunchTemplate"):
        shown = fleet.world.template(wanted).shown["LaunchTemplate"]
        return {"LaunchTemplate": {**shown, "Version": wanted.get("Version", "$Default")}}
    if name := asked.get("LaunchConfigurationName"):
        return fleet.world.launch_configuration(name).shown
    return {}


def _zones(fleet: Fleet, asked: Mapping[str, Any]) -> dict[str, str]:
    zones: dict[str, str] = {}
    for subnet in filter(None, str(asked.get("VPCZoneIdentifier", "")).split(",")):
        zone = fleet.world.zone_of(subnet.strip())
        if zone is None:
            raise QueryError("ValidationError", f"The subnet ID '{subnet.strip()}' does not exist")
        zones.setdefault(zone, subnet.strip())
    if not zones:
        zones = {zone: fleet.world.default_subnet(zone) for zone in asked.get("AvailabilityZones", [])}
    if not zones:
        raise QueryError("ValidationError", "At least one Availability Zone or VPC Subnet is required.")
    return zones


def _check_sizes(settings: Mapping[str, Any], desired: int) -> None:
    smallest, largest = settings["MinSize"], settings["MaxSize"]
    if largest < smallest:
        what = f"Max bound, {largest}, must be greater than or equal to min bound, {smallest}"
        raise QueryError("ValidationError", what)
    if not smallest <= desired <= largest:
        what = f"Desired capacity:{desired} must be between the specified min size:{smallest} and max size:{largest}"
        raise QueryError("ValidationError", what)


def _reason(what: str, before: int, desired: int) -> str:
    return f"At {now()} {what} changing the desired capacity from {before} to {desired}."


OPERATIONS = {
    "CreateAutoScalingGroup": create,
    "UpdateAutoScalingGroup": update,
    "SetDesiredCapacity": set_desired,
    "DeleteAutoScalingGroup": delete,
    "DescribeAutoScalingGroups": describe,
    "DescribeAutoScalingInstances": describe_instances,
}
