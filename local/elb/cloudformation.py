"""The resources of Elastic Load Balancing in CloudFormation, made by the same operations as by the API.

ministack 1.5.33 makes those of version 2 in its own store, and does not know the Classic one. What cannot change in
place is replaced, as AWS does: the new one is made first.
Source: CloudFormation Template Reference, AWS::ElasticLoadBalancingV2::* and AWS::ElasticLoadBalancing::LoadBalancer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from local.elb.service import CLASSIC, V2, ElasticLoadBalancing
from local.query import QueryError

Properties = Mapping[str, Any]
Made = tuple[str, dict[str, Any]]  # physical id, and what Fn::GetAtt finds

_GROUP_IMMUTABLE = ("Name", "Port", "Protocol", "ProtocolVersion", "TargetType", "VpcId", "IpAddressType")


@dataclass(frozen=True, slots=True)
class Resource:
    """How a type is made, changed and deleted."""

    immutable: tuple[str, ...]  # a change of these is a replacement
    create: Callable[[Properties, str], str]  # properties and a name for it; its physical id
    update: Callable[[str, Properties, Properties], None]  # physical id, old and new properties
    delete: Callable[[str], None]
    attributes: Callable[[str], dict[str, Any]]


class Resources:
    """The types, over one service."""

    def __init__(self, elb: ElasticLoadBalancing) -> None:
        self._elb = elb
        self.types: Mapping[str, Resource] = {
            "AWS::ElasticLoadBalancingV2::LoadBalancer": Resource(
                ("Name", "Scheme", "Type"),
                self._create_balancer,
                self._update_balancer,
                lambda arn: self._delete("DeleteLoadBalancer", LoadBalancerArn=arn),
                self._balancer_attributes,
            ),
            "AWS::ElasticLoadBalancingV2::TargetGroup": Resource(
                _GROUP_IMMUTABLE,
                self._create_group,
                self._update_group,
                lambda arn: self._delete("DeleteTargetGroup", TargetGroupArn=arn),
                self._group_attributes,
            ),
            "AWS::ElasticLoadBalancingV2::Listener": Resource(
                ("LoadBalancerArn",),
                self._create_listener,
                self._update_listener,
                lambda arn: self._delete("DeleteListener", ListenerArn=arn),
                lambda arn: {"ListenerArn": arn},
            ),
            "AWS::ElasticLoadBalancingV2::ListenerRule": Resource(
                ("ListenerArn",),
                self._create_rule,
                self._update_rule,
                lambda arn: self._delete("DeleteRule", RuleArn=arn),
                lambda arn: {"RuleArn": arn, "IsDefault": False},
            ),
            "AWS::ElasticLoadBalancing::LoadBalancer": Resource(
                ("LoadBalancerName", "Scheme", "Subnets", "AvailabilityZones"),
                self._create_classic,
                self._update_classic,
                lambda name: self._delete("DeleteLoadBalancer", CLASSIC, LoadBalancerName=name),
                self._classic_attributes,
            ),
        }

    # -- load balancers

    def _create_balancer(self, properties: Properties, name: str) -> str:
        known = _without(properties, "LoadBalancerAttributes")
        made = self._call("CreateLoadBalancer", **{"Name": name, **known})["LoadBalancers"][0]
        arn = str(made["LoadBalancerArn"])
        self._set_attributes(
            "ModifyLoadBalancerAttributes", properties.get("LoadBalancerAttributes"), LoadBalancerArn=arn
        )
        return arn

    def _update_balancer(self, arn: str, old: Properties, new: Properties) -> None:
        if any(old.get(name) != new.get(name) for name in ("Subnets", "SubnetMappings")):
            self._call("SetSubnets", LoadBalancerArn=arn, **_only(new, "Subnets", "SubnetMappings"))
        if old.get("SecurityGroups") != new.get("SecurityGroups"):
            self._call("SetSecurityGroups", LoadBalancerArn=arn, SecurityGroups=new.get("SecurityGroups", []))
        self._set_attributes("ModifyLoadBalancerAttributes", new.get("LoadBalancerAttributes"), LoadBalancerArn=arn)
        self._tag(arn, old, new)

    def _balancer_attributes(self, arn: str) -> dict[str, Any]:
        found = self._call("DescribeLoadBalancers", LoadBalancerArns=[arn])["LoadBalancers"][0]
        return {
            "LoadBalancerArn": arn,
            "LoadBalancerName": found["LoadBalancerName"],
            "LoadBalancerFullName": arn.partition(":loadbalancer/")[2],
            "DNSName": found["DNSName"],
            "CanonicalHostedZoneID": found["CanonicalHostedZoneId"],
            "SecurityGroups": found["SecurityGroups"],
        }

    # -- target groups

    def _create_group(self, properties: Properties, name: str) -> str:
        known = _without(properties, "TargetGroupAttributes", "Targets")
        arn = str(self._call("CreateTargetGroup", **{"Name": name, **known})["TargetGroups"][0]["TargetGroupArn"])
        self._set_attributes("ModifyTargetGroupAttributes", properties.get("TargetGroupAttributes"), TargetGroupArn=arn)
        self._move_targets(arn, [], properties.get("Targets", []))
        return arn

    def _update_group(self, arn: str, old: Properties, new: Properties) -> None:
        changeable = {name for name in new if name.startswith("HealthCheck") or name.endswith("ThresholdCount")}
        self._call("ModifyTargetGroup", TargetGroupArn=arn, **_only(new, "Matcher", *changeable))
        self._set_attributes("ModifyTargetGroupAttributes", new.get("TargetGroupAttributes"), TargetGroupArn=arn)
        self._move_targets(arn, old.get("Targets", []), new.get("Targets", []))
        self._tag(arn, old, new)

    def _group_attributes(self, arn: str) -> dict[str, Any]:
        found = self._call("DescribeTargetGroups", TargetGroupArns=[arn])["TargetGroups"][0]
        full_name = arn.rpartition(":")[2]
        return {
            **_only(found, "TargetGroupArn", "TargetGroupName", "LoadBalancerArns"),
            "TargetGroupFullName": full_name,
        }

    def _move_targets(self, arn: str, old: list[Any], new: list[Any]) -> None:
        for operation, targets in (
            ("DeregisterTargets", [each for each in old if each not in new]),
            ("RegisterTargets", [each for each in new if each not in old]),
        ):
            if targets:
                known = [_without(each, "AvailabilityZone") for each in targets]
                self._call(operation, TargetGroupArn=arn, Targets=known)

    # -- listeners and rules

    def _create_listener(self, properties: Properties, name: str) -> str:
        known = _without(properties, "ListenerAttributes")
        arn = str(self._call("CreateListener", **known)["Listeners"][0]["ListenerArn"])
        self._set_attributes("ModifyListenerAttributes", properties.get("ListenerAttributes"), ListenerArn=arn)
        return arn

    def _update_listener(self, arn: str, old: Properties, new: Properties) -> None:
        self._call("ModifyListener", ListenerArn=arn, **_only(new, "Port", "Protocol", "DefaultActions"))
        self._set_attributes("ModifyListenerAttributes", new.get("ListenerAttributes"), ListenerArn=arn)
        self._tag(arn, old, new)

    def _create_rule(self, properties: Properties, name: str) -> str:
        return str(self._call("CreateRule", **properties)["Rules"][0]["RuleArn"])

    def _update_rule(self, arn: str, old: Properties, new: Properties) -> None:
        self._call("ModifyRule", RuleArn=arn, **_only(new, "Conditions", "Actions"))
        if old.get("Priority") != new.get("Priority"):
            self._call("SetRulePriorities", RulePriorities=[{"RuleArn": arn, "Priority": new["Priority"]}])
        self._tag(arn, old, new)

    # -- Classic Load Balancers

    def _create_classic(self, properties: Properties, name: str) -> str:
        name = str(properties.get("LoadBalancerName", name))
        known = _only(properties, "AvailabilityZones", "Scheme", "SecurityGroups", "Subnets")
        listeners = [_without(each, "PolicyNames") for each in properties["Listeners"]]
        tags = _only(properties, "Tags")
        self._call("CreateLoadBalancer", CLASSIC, LoadBalancerName=name, Listeners=listeners, **known, **tags)
        self._configure_classic(name, [], properties)
        return name

    def _update_classic(self, name: str, old: Properties, new: Properties) -> None:
        gone = [int(each["LoadBalancerPort"]) for each in old["Listeners"] if each not in new["Listeners"]]
        added = [_without(each, "PolicyNames") for each in new["Listeners"] if each not in old["Listeners"]]
        if gone:
            self._call("DeleteLoadBalancerListeners", CLASSIC, LoadBalancerName=name, LoadBalancerPorts=gone)
        if added:
            self._call("CreateLoadBalancerListeners", CLASSIC, LoadBalancerName=name, Listeners=added)
        self._configure_classic(name, old.get("Instances", []), new)

    def _configure_classic(self, name: str, registered: list[str], properties: Properties) -> None:
        if "HealthCheck" in properties:
            self._call("ConfigureHealthCheck", CLASSIC, LoadBalancerName=name, HealthCheck=properties["HealthCheck"])
        attributes: dict[str, Any] = {}
        if "CrossZone" in properties:
            attributes["CrossZoneLoadBalancing"] = {"Enabled": properties["CrossZone"]}
        if policy := properties.get("ConnectionDrainingPolicy"):
            attributes["ConnectionDraining"] = policy
        if settings := properties.get("ConnectionSettings"):
            attributes["ConnectionSettings"] = settings
        if attributes:
            how = {"LoadBalancerName": name, "LoadBalancerAttributes": attributes}
            self._call("ModifyLoadBalancerAttributes", CLASSIC, **how)
        wanted = properties.get("Instances", [])
        for operation, ids in (
            ("DeregisterInstancesFromLoadBalancer", [each for each in registered if each not in wanted]),
            ("RegisterInstancesWithLoadBalancer", [each for each in wanted if each not in registered]),
        ):
            if ids:
                self._call(operation, CLASSIC, LoadBalancerName=name, Instances=[{"InstanceId": each} for each in ids])

    def _classic_attributes(self, name: str) -> dict[str, Any]:
        answer = self._call("DescribeLoadBalancers", CLASSIC, LoadBalancerNames=[name])
        (found,) = answer["LoadBalancerDescriptions"]
        group = {f"SourceSecurityGroup.{key}": value for key, value in found["SourceSecurityGroup"].items()}
        return {**_only(found, "DNSName", "CanonicalHostedZoneName", "CanonicalHostedZoneNameID"), **group}

    # -- what all have

    def _call(self, operation: str, api: str = V2, /, **given: Any) -> dict[str, Any]:
        """Raises ValueError with the words that a stack's event shows."""
        try:
            return self._elb.call(api, operation, given)
        except QueryError as error:
            raise ValueError(f"{error.message} (Service: ElasticLoadBalancing, Error Code: {error.code})") from error

    def _delete(self, operation: str, api: str = V2, /, **given: Any) -> None:
        """What is not there is deleted already."""
        try:
            self._elb.call(api, operation, given)
        except QueryError as error:
            if not error.code.endswith("NotFound"):
                raise ValueError(error.message) from error

    def _set_attributes(self, operation: str, attributes: list[Any] | None, /, **resource: str) -> None:
        if attributes:
            self._call(operation, Attributes=attributes, **resource)

    def _tag(self, arn: str, old: Properties, new: Properties) -> None:
        wanted = {tag["Key"] for tag in new.get("Tags", [])}
        gone = [tag["Key"] for tag in old.get("Tags", []) if tag["Key"] not in wanted]
        if gone:
            self._call("RemoveTags", ResourceArns=[arn], TagKeys=gone)
        if wanted:
            self._call("AddTags", ResourceArns=[arn], Tags=new["Tags"])


def install(elb: ElasticLoadBalancing) -> None:
    """Teach the emulator's CloudFormation the types."""
    from ministack.services.cloudformation import provisioners

    for name, resource in Resources(elb).types.items():
        provisioners._RESOURCE_HANDLERS[name] = _handlers(resource, provisioners)


def _handlers(resource: Resource, provisioners: Any) -> dict[str, Any]:
    def create(logical_id: str, properties: Properties, stack: str) -> Made:
        name = provisioners._physical_name(stack, logical_id, max_len=32)
        physical_id = resource.create(properties, name)
        return physical_id, resource.attributes(physical_id)

    def delete(physical_id: str, properties: Properties) -> None:
        resource.delete(physical_id)

    def update(physical_id: str, old: Properties, new: Properties, stack: str, logical_id: str) -> Made:
        if any(old.get(name) != new.get(name) for name in resource.immutable):
            made = create(logical_id, new, stack)
            provisioners._delete_predecessor(delete, physical_id, old)
            return made
        resource.update(physical_id, old, new)
        return physical_id, resource.attributes(physical_id)

    return {"create": create, "update": update, "update_with_logical_id": True, "delete": delete}


def _without(given: Properties, *names: str) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name not in names}


def _only(given: Properties, *names: str) -> dict[str, Any]:
    return {name: given[name] for name in names if name in given}
