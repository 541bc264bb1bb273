"""Elastic Load Balancing, both generations: what is registered where, by id and port, and how it fares."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.service import Service

_ARN = "arn:aws:elasticloadbalancing:us-east-1:123456789012"
_Key = tuple[str, int]  # an instance's id and a port
HEALTHY = {"State": "healthy"}
NOT_IN_USE = {"State": "unused", "Reason": "Target.NotInUse"}
NOT_REGISTERED = {"State": "unused", "Reason": "Target.NotRegistered"}
DRAINING = {"State": "draining", "Reason": "Target.DeregistrationInProgress"}


@dataclass
class _TargetGroup:
    told: dict[str, Any]
    attributes: dict[str, str] = field(
        default_factory=lambda: {"deregistration_delay.timeout_seconds": "300", "stickiness.enabled": "false"}
    )
    targets: dict[_Key, dict[str, Any]] = field(default_factory=dict)  # how each fares

    def key(self, target: dict[str, Any]) -> _Key:
        return target["Id"], target.get("Port", self.told["Port"])


class FakeElbV2(Service):
    """A test puts states into `fares`. One that leaves is gone at once, as where the deregistration delay is 0."""

    name = "elbv2"

    def __init__(self) -> None:
        super().__init__()
        self._groups: dict[str, _TargetGroup] = {}
        self._balancers: dict[str, dict[str, Any]] = {}

    def fares(self, arn: str, instance_id: str, port: int, health: dict[str, Any]) -> None:
        self._groups[arn].targets[instance_id, port] = health

    def on_create_target_group(self, *, Name: str, Port: int = 80, TargetType: str = "instance", **check: Any) -> Any:
        arn = f"{_ARN}:targetgroup/{Name}/{len(self._groups):016x}"
        told = {"TargetGroupArn": arn, "TargetGroupName": Name, "Port": Port, "TargetType": TargetType}
        usual = {"HealthCheckIntervalSeconds": 30, "HealthyThresholdCount": 5, "UnhealthyThresholdCount": 2}
        health = {name: check.get(name, value) for name, value in usual.items()}
        self._groups[arn] = _TargetGroup({**told, **health, "HealthCheckEnabled": True, "LoadBalancerArns": []})
        return {"TargetGroups": [self._groups[arn].told]}

    def on_create_load_balancer(self, *, Name: str, Subnets: Sequence[str], Type: str = "application") -> Any:
        arn = f"{_ARN}:loadbalancer/app/{Name}/{len(self._balancers):016x}"
        zones = [{"ZoneName": each.removeprefix("subnet-"), "SubnetId": each} for each in Subnets]
        self._balancers[arn] = {"LoadBalancerArn": arn, "Type": Type, "AvailabilityZones": zones}
        return {"LoadBalancers": [self._balancers[arn]]}

    def on_create_listener(self, *, LoadBalancerArn: str, DefaultActions: Sequence[dict[str, Any]], **_: Any) -> None:
        for each in DefaultActions:
            self._groups[each["TargetGroupArn"]].told["LoadBalancerArns"].append(LoadBalancerArn)

    def on_modify_target_group_attributes(self, *, TargetGroupArn: str, Attributes: Sequence[dict[str, str]]) -> None:
        self._group(TargetGroupArn).attributes |= {each["Key"]: each["Value"] for each in Attributes}

    def on_describe_target_groups(self, *, Names: Sequence[str] = (), TargetGroupArns: Sequence[str] = ()) -> Any:
        by_name = {group.told["TargetGroupName"]: arn for arn, group in self._groups.items()}
        arns = [by_name.get(each, "") for each in Names] or list(TargetGroupArns)
        return {"TargetGroups": [self._group(arn).told for arn in arns]}

    def on_describe_target_group_attributes(self, *, TargetGroupArn: str) -> Any:
        attributes = self._group(TargetGroupArn).attributes
        return {"Attributes": [{"Key": key, "Value": value} for key, value in attributes.items()]}

    def on_describe_load_balancers(self, *, LoadBalancerArns: Sequence[str]) -> Any:
        if unknown := set(LoadBalancerArns) - set(self._balancers):
            raise self.refuse("LoadBalancerNotFound", "DescribeLoadBalancers", str(unknown))
        return {"LoadBalancers": [self._balancers[each] for each in LoadBalancerArns]}

    def on_register_targets(self, *, TargetGroupArn: str, Targets: Sequence[dict[str, Any]]) -> None:
        group = self._group(TargetGroupArn)
        for each in Targets:
            group.targets.setdefault(group.key(each), HEALTHY if group.told["LoadBalancerArns"] else NOT_IN_USE)

    def on_deregister_targets(self, *, TargetGroupArn: str, Targets: Sequence[dict[str, Any]]) -> None:
        group = self._group(TargetGroupArn)
        for each in Targets:
            group.targets.pop(group.key(each), None)

    def on_describe_target_health(self, *, TargetGroupArn: str, Targets: Sequence[dict[str, Any]] = ()) -> Any:
        group = self._group(TargetGroupArn)
        keys = [group.key(each) for each in Targets] or list(group.targets)
        return {
            "TargetHealthDescriptions": [
                {"Target": {"Id": key[0], "Port": key[1]}, "TargetHealth": group.targets.get(key, NOT_REGISTERED)}
                for key in keys
            ]
        }

    def _group(self, arn: str) -> _TargetGroup:
        if arn not in self._groups:
            raise self.refuse("TargetGroupNotFound", "DescribeTargetGroups", "One or more target groups not found")
        return self._groups[arn]


class FakeElb(Service):
    """Classic Load Balancers. A test puts states into `fares`."""

    name = "elb"

    def __init__(self) -> None:
        super().__init__()
        self._balancers: dict[str, dict[str, Any]] = {}
        self._attributes: dict[str, dict[str, Any]] = {}
        self._instances: dict[str, dict[str, dict[str, Any]]] = {}

    def fares(self, name: str, instance_id: str, **state: str) -> None:
        self._instances[name][instance_id] = state

    def on_create_load_balancer(self, *, LoadBalancerName: str, AvailabilityZones: Sequence[str], **_: Any) -> Any:
        check = {"Target": "TCP:80", "Interval": 30, "Timeout": 5, "UnhealthyThreshold": 2, "HealthyThreshold": 10}
        zones = list(AvailabilityZones)
        told = {"LoadBalancerName": LoadBalancerName, "HealthCheck": check, "AvailabilityZones": zones}
        self._balancers[LoadBalancerName], self._instances[LoadBalancerName] = told, {}
        self._attributes[LoadBalancerName] = {"ConnectionDraining": {"Enabled": False, "Timeout": 300}}
        return {"DNSName": f"{LoadBalancerName}.elb"}

    def on_configure_health_check(self, *, LoadBalancerName: str, HealthCheck: dict[str, Any]) -> Any:
        self._one(LoadBalancerName)["HealthCheck"] = HealthCheck
        return {"HealthCheck": HealthCheck}

    def on_modify_load_balancer_attributes(self, *, LoadBalancerName: str, LoadBalancerAttributes: Any) -> None:
        self._attributes[LoadBalancerName] |= LoadBalancerAttributes

    def on_describe_load_balancers(self, *, LoadBalancerNames: Sequence[str]) -> Any:
        return {"LoadBalancerDescriptions": [self._one(each) for each in LoadBalancerNames]}

    def on_describe_load_balancer_attributes(self, *, LoadBalancerName: str) -> Any:
        return {"LoadBalancerAttributes": self._attributes[LoadBalancerName]}

    def on_register_instances_with_load_balancer(self, *, LoadBalancerName: str, Instances: Any) -> None:
        self._one(LoadBalancerName)
        usual = {"State": "InService", "ReasonCode": "N/A", "Description": "N/A"}
        for each in Instances:
            self._instances[LoadBalancerName].setdefault(each["InstanceId"], usual)

    def on_deregister_instances_from_load_balancer(self, *, LoadBalancerName: str, Instances: Any) -> None:
        for each in Instances:
            self._instances[LoadBalancerName].pop(each["InstanceId"], None)

    def on_describe_instance_health(self, *, LoadBalancerName: str, Instances: Sequence[dict[str, str]] = ()) -> Any:
        self._one(LoadBalancerName)
        known = self._instances[LoadBalancerName]
        gone = {
            "State": "OutOfService",
            "ReasonCode": "Instance",
            "Description": "Instance is not currently registered with the LoadBalancer.",
        }
        ids = [each["InstanceId"] for each in Instances] or list(known)
        return {"InstanceStates": [{"InstanceId": each, **known.get(each, gone)} for each in ids]}

    def _one(self, name: str) -> dict[str, Any]:
        if name not in self._balancers:
            raise self.refuse("LoadBalancerNotFound", "DescribeLoadBalancers", f"There is no ACTIVE {name}")
        return self._balancers[name]
