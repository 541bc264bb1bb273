"""Auto Scaling's operations on single instances of a group."""

from __future__ import annotations

import time
from typing import Any

from local.autoscaling import lives
from local.autoscaling.activities import Activity, now
from local.autoscaling.fleet import Fleet
from local.autoscaling.records import GROUP_TAG, Group, Member, Template
from local.query import QueryError

_HEALTH = ("Healthy", "Unhealthy")


def enter_standby(fleet: Fleet, asked: dict[str, Any]) -> dict[str, Any]:
    group = fleet.group(asked["AutoScalingGroupName"])
    members = _in_state(group, asked, ("InService",), "is not in InService.")
    change = _decrement(group, asked, len(members))
    what = "was moved to standby in response to a user request"
    return _begun([lives.stand_by(fleet, each, f"At {now()} instance {each.id} {what}{change}.") for each in members])


def exit_standby(fleet: Fleet, asked: dict[str, Any]) -> dict[str, Any]:
    group = fleet.group(asked["AutoScalingGroupName"])
    members = _in_state(group, asked, ("Standby",), "is not in Standby.")
    change = _increment(group, len(members))
    what = f"was moved out of standby in response to a user request{change}"
    begun = []
    for each in members:
        cause = f"At {now()} instance {each.id} {what}."
        begun.append(lives.return_to_service(fleet, each, "Moving EC2 instance out of Standby", cause))
    return _begun(begun)


def attach(fleet: Fleet, asked: dict[str, Any]) -> dict[str, Any]:
    """They were launched elsewhere, and come without hooks."""
    group = fleet.group(asked["AutoScalingGroupName"])
    zones = {instance_id: _zone_of(fleet, group, instance_id) for instance_id in asked.get("InstanceIds", [])}
    change = _increment(group, len(zones))
    for instance_id, zone in zones.items():
        template = Template("", "t3.micro", {}, {})
        member = Member(instance_id, group, zone, template, "Pending", is_launched=True, is_booting=False)
        group.members[instance_id] = member
        fleet.world.set_tag(instance_id, GROUP_TAG, group.name)
        cause = f"At {now()} an instance was added in response to a user request{change}."
        lives.return_to_service(fleet, member, "Attaching an existing EC2 instance", cause)
    return {}


def detach(fleet: Fleet, asked: dict[str, Any]) -> dict[str, Any]:
    group = fleet.group(asked["AutoScalingGroupName"])
    members = _in_state(group, asked, ("InService", "Standby"), "is not in InService or Standby.")
    # A standby instance has left the desired capacity already, if it was to.
    change = _decrement(group, asked, sum(member.is_counted for member in members))
    what = f"was detached in response to a user request{change}"
    return _begun([lives.detach(fleet, each, f"At {now()} instance {each.id} {what}.") for each in members])


def terminate(fleet: Fleet, asked: dict[str, Any]) -> dict[str, Any]:
    """Through the hooks; without a decrement another instance is launched."""
    group = fleet.group(asked["AutoScalingGroupName"]) if "AutoScalingGroupName" in asked else None
    ids = asked.get("InstanceIds") or [asked.get("InstanceId", "")]
    members = [fleet.member(instance_id, group) for instance_id in ids]
    if any(member.is_warm for member in members):
        raise QueryError("ValidationError", "Instances in a warm pool cannot be terminated with this operation")
    change = _decrement(members[0].group, asked, sum(member.is_counted for member in members))
    begun = []
    for each in members:
        is_retained = each.state.endswith(":Retained")
        cause = f"At {now()} instance {each.id} was taken out of service in response to a user request{change}."
        if is_retained or each.activity is None or not each.is_leaving:
            begun.append(lives.leave(fleet, each, cause, at_once=is_retained))
        else:
            begun.append(each.activity)
    found = _begun(begun)["Activities"]
    return {"Activities": found} if "InstanceIds" in asked else {"Activity": found[0]}


def set_health(fleet: Fleet, asked: dict[str, Any]) -> dict[str, Any]:
    member, status = fleet.member(asked["InstanceId"]), asked["HealthStatus"]
    if status not in _HEALTH:
        raise QueryError("ValidationError", f"Health status must be one of {', '.join(_HEALTH)}, not {status}")
    since, grace = member.in_service_at, float(member.group.settings["HealthCheckGracePeriod"])
    is_young = since is None or time.monotonic() - since < grace * fleet.settings.second
    if grace and is_young and asked.get("ShouldRespectGracePeriod", True):
        return {}
    member.health, member.why_unhealthy = status, "a user health-check"
    member.group.changed.set()
    return {}


def set_protection(fleet: Fleet, asked: dict[str, Any]) -> dict[str, Any]:
    group = fleet.group(asked["AutoScalingGroupName"])
    for member in [fleet.member(instance_id, group) for instance_id in asked["InstanceIds"]]:
        member.is_protected = asked["ProtectedFromScaleIn"]
    return {}


def _in_state(group: Group, asked: dict[str, Any], states: tuple[str, ...], what: str) -> list[Member]:
    """Those that are named. Raises QueryError ValidationError for one in another state."""
    found = []
    for instance_id in dict.fromkeys(asked.get("InstanceIds", [])):
        member = group.members.get(instance_id)
        if member is None:
            message = f"The instance {instance_id} is not part of Auto Scaling group {group.name}."
            raise QueryError("ValidationError", message)
        if member.state not in states:
            raise QueryError("ValidationError", f"The instance {instance_id} {what}")
        found.append(member)
    if not found:
        raise QueryError("ValidationError", "You must specify at least one instance.")
    return found


def _zone_of(fleet: Fleet, group: Group, instance_id: str) -> str:
    """Of an instance that may join the group. Raises QueryError ValidationError."""
    state, zone = fleet.world.instance(instance_id) or ("terminated", "")
    if state != "running":
        raise QueryError("ValidationError", f"Invalid Instance ID(s): [{instance_id}]")
    if any(instance_id in each.members for each in fleet.groups.values()):
        raise QueryError("ValidationError", f"Instance {instance_id} is already part of an AutoScalingGroup")
    if zone not in group.zones:
        message = f"Instance {instance_id} is in {zone}, an Availability Zone that the group does not have"
        raise QueryError("ValidationError", message)
    return zone


def _decrement(group: Group, asked: dict[str, Any], number: int) -> str:
    """Take instances off the desired capacity, if that is asked; how a cause says it."""
    if not asked["ShouldDecrementDesiredCapacity"] or not number:
        return ""
    before, after = group.desired, group.desired - number
    if after < group.smallest:
        message = f"AutoScalingGroup {group.name} has min-size={group.smallest}, desired-size={before}. "
        raise QueryError("ValidationError", f"{message}Its desired capacity cannot be {after}.")
    return _resize(group, after, f", shrinking the capacity from {before} to {after}")


def _increment(group: Group, number: int) -> str:
    before, after = group.desired, group.desired + number
    if after > group.largest:
        message = f"AutoScalingGroup {group.name} has max-size={group.largest}, desired-size={before}. "
        raise QueryError("ValidationError", f"{message}It has no room for {number} more.")
    return _resize(group, after, f", increasing the capacity from {before} to {after}")


def _resize(group: Group, desired: int, words: str) -> str:
    what = f"a user request changed the desired capacity from {group.desired} to {desired}"
    group.desired, group.reason = desired, f"At {now()} {what}."
    group.changed.set()
    return words


def _begun(activities: list[Activity]) -> dict[str, Any]:
    return {"Activities": [activity.described() for activity in activities]}


OPERATIONS = {
    "EnterStandby": enter_standby,
    "ExitStandby": exit_standby,
    "AttachInstances": attach,
    "DetachInstances": detach,
    "TerminateInstanceInAutoScalingGroup": terminate,
    "SetInstanceHealth": set_health,
    "SetInstanceProtection": set_protection,
}
