"""The resources of Auto Scaling in CloudFormation, made by the same operations as by the API.

ministack 1.5.33 makes groups and hooks in its own store, and does not know warm pools. A group is there once it has its
smallest number of instances, in whatever state, and gone once its instances are, through the hooks of a termination.
Sizes that a template does not change stay as they are, as with the update policy that the CDK writes.
Source: CloudFormation Template Reference, AWS::AutoScaling::AutoScalingGroup, ::LifecycleHook, ::WarmPool.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from local.autoscaling.service import AutoScaling
from local.query import QueryError

Properties = Mapping[str, Any]
Made = tuple[str, dict[str, Any]]  # physical id, and what Fn::GetAtt finds

_GROUP, _HOOK, _POOL = (f"AWS::AutoScaling::{kind}" for kind in ("AutoScalingGroup", "LifecycleHook", "WarmPool"))
_PATIENCE = 3600.0  # seconds until a group counts as one that does not settle: what leaves it drains and is hooked
_LOOK_SECONDS = 0.05
_NOT_OF_THE_API = ("Cooldown", "MetricsCollection", "NotificationConfigurations", "NotificationConfiguration")
# What a group is made with, and changed by operations of their own.
_LISTS = {
    "TargetGroupARNs": "LoadBalancerTargetGroups",
    "LoadBalancerNames": "LoadBalancers",
    "TrafficSources": "TrafficSources",
}
_BESIDE = (*_LISTS, "Tags", "LifecycleHookSpecificationList")


@dataclass(frozen=True, slots=True)
class Resource:
    """How a type is made, changed and deleted."""

    immutable: tuple[str, ...]  # a change of these is a replacement
    create: Callable[[Properties, str], Made]  # properties and a name for it
    update: Callable[[str, Properties, Properties], Made]  # physical id, old and new properties
    delete: Callable[[str, Properties], None]


class Resources:
    """The types, over one service."""

    def __init__(self, scaling: AutoScaling) -> None:
        self._scaling = scaling
        self.types: Mapping[str, Resource] = {
            _GROUP: Resource(
                ("AutoScalingGroupName", "InstanceId"), self._create_group, self._update_group, self._delete_group
            ),
            _HOOK: Resource(
                ("AutoScalingGroupName", "LifecycleHookName"), self._create_hook, self._update_hook, self._delete_hook
            ),
            _POOL: Resource(("AutoScalingGroupName",), self._create_pool, self._update_pool, self._delete_pool),
        }

    # -- groups

    def _create_group(self, properties: Properties, name: str) -> Made:
        name = str(properties.get("AutoScalingGroupName", name))
        self._call("CreateAutoScalingGroup", **{**_settings(properties), "AutoScalingGroupName": name})
        self._wait(name, lambda found: len(found["Instances"]) >= found["MinSize"], "did not stabilize")
        return self._made_group(name)

    def _update_group(self, name: str, old: Properties, new: Properties) -> Made:
        before, after = _settings(old), _settings(new)
        changed = {key: value for key, value in after.items() if before.get(key) != value and key not in _BESIDE}
        self._call("UpdateAutoScalingGroup", AutoScalingGroupName=name, **changed)
        for key, words in _LISTS.items():
            gone, added = _difference(old.get(key, []), new.get(key, []))
            for verb, values in (("Detach", gone), ("Attach", added)):
                if values:
                    self._call(f"{verb}{words}", AutoScalingGroupName=name, **{key: values})
        gone, added = _difference(old.get("Tags", []), new.get("Tags", []))
        kept = {tag["Key"] for tag in new.get("Tags", [])}
        resource = {"ResourceId": name, "ResourceType": "auto-scaling-group"}
        if removed := [{"Key": tag["Key"], **resource} for tag in gone if tag["Key"] not in kept]:
            self._call("DeleteTags", Tags=removed)
        if added:
            self._call("CreateOrUpdateTags", Tags=[{**tag, **resource} for tag in added])
        self._update_hooks(name, old, new)
        return self._made_group(name)

    def _update_hooks(self, name: str, old: Properties, new: Properties) -> None:
        key = "LifecycleHookSpecificationList"
        gone, added = _difference(old.get(key, []), new.get(key, []))
        kept = {hook["LifecycleHookName"] for hook in new.get(key, [])}
        for hook in gone:
            if hook["LifecycleHookName"] not in kept:
                self._delete_hook(hook["LifecycleHookName"], {"AutoScalingGroupName": name})
        for hook in added:
            self._call("PutLifecycleHook", AutoScalingGroupName=name, **hook)

    def _delete_group(self, name: str, properties: Properties) -> None:
        """What is in standby, or in the warm pool, goes at the end."""
        if not self._described(name):
            return
        sizes = {"MinSize": 0, "MaxSize": 0, "DesiredCapacity": 0}
        self._call("UpdateAutoScalingGroup", AutoScalingGroupName=name, **sizes)
        self._wait(name, lambda found: all(map(_stays, found["Instances"])), "could not be emptied")
        self._call("DeleteAutoScalingGroup", AutoScalingGroupName=name, ForceDelete=True)
        deadline = time.monotonic() + _PATIENCE
        while self._described(name) and time.monotonic() < deadline:
            time.sleep(_LOOK_SECONDS)

    def _made_group(self, name: str) -> Made:
        return name, {"AutoScalingGroupARN": self._described(name)[0]["AutoScalingGroupARN"]}

    def _described(self, name: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._call("DescribeAutoScalingGroups", AutoScalingGroupNames=[name])[
            "AutoScalingGroups"
        ]
        return found

    def _wait(self, name: str, holds: Callable[[dict[str, Any]], bool], what: str) -> None:
        """Raises ValueError when the group does not get there."""
        deadline = time.monotonic() + _PATIENCE
        while True:
            (found,) = self._described(name)
            if holds(found):
                return
            if time.monotonic() > deadline:
                sizes = f"{len(found['Instances'])}/{found['MinSize']}/{found['MaxSize']}"
                raise ValueError(f"Group {what}. {{current/minSize/maxSize group size = {sizes}}}.")
            time.sleep(_LOOK_SECONDS)

    # -- lifecycle hooks

    def _create_hook(self, properties: Properties, name: str) -> Made:
        name = str(properties.get("LifecycleHookName", name))
        self._call("PutLifecycleHook", **{**properties, "LifecycleHookName": name})
        return name, {}

    def _update_hook(self, name: str, old: Properties, new: Properties) -> Made:
        self._call("PutLifecycleHook", **{**new, "LifecycleHookName": name})
        return name, {}

    def _delete_hook(self, name: str, properties: Properties) -> None:
        self._delete("DeleteLifecycleHook", properties["AutoScalingGroupName"], LifecycleHookName=name)

    # -- warm pools

    def _create_pool(self, properties: Properties, name: str) -> Made:
        self._call("PutWarmPool", **properties)
        return str(properties["AutoScalingGroupName"]), {}

    def _update_pool(self, name: str, old: Properties, new: Properties) -> Made:
        self._call("PutWarmPool", **new)
        return name, {}

    def _delete_pool(self, name: str, properties: Properties) -> None:
        self._delete("DeleteWarmPool", name, ForceDelete=True)

    # -- what all have

    def _call(self, operation: str, /, **given: Any) -> dict[str, Any]:
        """Raises ValueError with the words that a stack's event shows."""
        try:
            return self._scaling.call(operation, given)
        except QueryError as error:
            raise ValueError(f"{error.message} (Service: AutoScaling, Error Code: {error.code})") from error

    def _delete(self, operation: str, group: str, /, **given: Any) -> None:
        """What is not there is deleted already: that is all for which Auto Scaling can refuse."""
        try:
            self._scaling.call(operation, {"AutoScalingGroupName": group, **given})
        except QueryError as error:
            if "found" not in error.message:
                raise ValueError(error.message) from error


def install(scaling: AutoScaling) -> None:
    """Teach the emulator's CloudFormation the types."""
    from ministack.services.cloudformation import provisioners, stacks

    for name, resource in Resources(scaling).types.items():
        provisioners._RESOURCE_HANDLERS[name] = _handlers(resource, provisioners)
    waits = stacks._runs_on_worker_thread

    def runs_on_worker_thread(resource_type: str) -> bool:
        """Who waits for a group must not keep its instances from being launched."""
        return resource_type == _GROUP or bool(waits(resource_type))

    stacks._runs_on_worker_thread = runs_on_worker_thread


def _handlers(resource: Resource, provisioners: Any) -> dict[str, Any]:
    def create(logical_id: str, properties: Properties, stack: str) -> Made:
        return resource.create(properties, provisioners._physical_name(stack, logical_id, max_len=255))

    def update(physical_id: str, old: Properties, new: Properties, stack: str, logical_id: str) -> Made:
        if any(old.get(name) != new.get(name) for name in resource.immutable):
            made = create(logical_id, new, stack)
            provisioners._delete_predecessor(resource.delete, physical_id, old)
            return made
        return resource.update(physical_id, old, new)

    return {"create": create, "update": update, "update_with_logical_id": True, "delete": resource.delete}


def _settings(properties: Properties) -> dict[str, Any]:
    """As the API calls them."""
    found = {name: value for name, value in properties.items() if name not in _NOT_OF_THE_API}
    if "Cooldown" in properties:
        found["DefaultCooldown"] = properties["Cooldown"]
    if isinstance(subnets := properties.get("VPCZoneIdentifier"), list):
        found["VPCZoneIdentifier"] = ",".join(subnets)
    return found


def _difference(old: list[Any], new: list[Any]) -> tuple[list[Any], list[Any]]:
    """What is gone, and what has come."""
    return [each for each in old if each not in new], [each for each in new if each not in old]


def _stays(instance: Mapping[str, Any]) -> bool:
    """Whether no scale-in takes it."""
    return instance["LifecycleState"] in ("Standby", "Terminating:Retained") or instance["ProtectedFromScaleIn"]
