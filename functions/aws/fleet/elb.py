"""Elastic Load Balancing, both generations: target groups with the load balancers before them, and Classic ones.

Registrations are told by id and port: a target group takes out a host only by the port that it is registered with.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from functions.aws import weather
from functions.aws.clients import client
from functions.core.balancer_checks import Seen
from functions.core.limits import batches
from functions.core.load_balancers import HostHealth, health_in_classic, health_of, is_arn
from functions.core.records import Balancer, BalancerType, HealthCheck, LoadBalancers, Registration


class Refused(Exception):
    """Elastic Load Balancing does not do it; the text has its words."""


class NotThere(Refused):
    """The target group, or the Classic Load Balancer, does not exist any more."""


_BALANCERS_A_CALL = 20  # of DescribeLoadBalancers, by ARN
_TARGETS_A_CALL = 100  # a guess: AWS publishes no limit of RegisterTargets
_NOT_THERE = frozenset({"TargetGroupNotFound", "LoadBalancerNotFound", "AccessPointNotFound"})
_NOT_CHECKED = 0  # seconds: what a target group without health checks says of them


def see(named: LoadBalancers) -> Seen:
    """The load balancers that a group names, and what is registered there. Auto Scaling has another adapter."""
    groups, missing = _target_groups(named.target_groups)
    balancers = [*_of_target_groups(groups)]
    classic, no_classic = _classic(named.classic)
    balancers += [_of_classic(each) for each in classic]
    return Seen(
        balancers=tuple(balancers),
        missing=(
            *(f"target group {each}" for each in missing),
            *(f"Classic Load Balancer {each}" for each in no_classic),
        ),
        registered=tuple(host for each in balancers for host in health(each)),
    )


# -- how hosts fare


def health(balancer: Balancer, of: Sequence[Registration] = ()) -> list[HostHealth]:
    """How all hosts fare that are registered there, or the named ones; one call, whatever their number is.

    A host that is not registered is in the answer only where it was named.
    """
    with _refusals():
        if balancer.type is BalancerType.CLASSIC:
            return _classic_health(balancer.id, of)
        asked = {"Targets": _targets(of)} if of else {}
        answer = client("elbv2").describe_target_health(TargetGroupArn=balancer.id, **asked)
        return [_health(balancer.id, each) for each in answer["TargetHealthDescriptions"]]


def _health(arn: str, told: Mapping[str, Any]) -> HostHealth:
    registered = Registration(balancer=arn, instance_id=told["Target"]["Id"], port=told["Target"].get("Port"))
    how = told["TargetHealth"]
    return health_of(registered, how["State"], how.get("Reason"), how.get("Description"))


def _classic_health(name: str, of: Sequence[Registration]) -> list[HostHealth]:
    from botocore.exceptions import ClientError

    asked = {"Instances": _instances(of)} if of else {}
    try:
        answer = client("elb").describe_instance_health(LoadBalancerName=name, **asked)
    except ClientError as error:
        if not of or error.response["Error"]["Code"] != "InvalidInstance":
            raise
        # One of the named instances is unknown, as one that ended: then those that are registered have to say.
        wanted = {each.instance_id for each in of}
        return [each for each in _classic_health(name, ()) if each.registration.instance_id in wanted]
    return [
        health_in_classic(
            Registration(balancer=name, instance_id=each["InstanceId"]),
            each["State"],
            each.get("ReasonCode"),
            each.get("Description", ""),
        )
        for each in answer["InstanceStates"]
    ]


# -- moving hosts


def register(balancer: Balancer, hosts: Sequence[Registration]) -> None:
    """Bring hosts in. One that is in already stays. Without a port they get the target group's. Raises Refused."""
    with _refusals():
        if balancer.type is BalancerType.CLASSIC:
            _move_classic(client("elb").register_instances_with_load_balancer, balancer.id, hosts)
        else:
            _move(client("elbv2").register_targets, balancer.id, hosts)


def deregister(balancer: Balancer, hosts: Sequence[Registration]) -> None:
    """Take hosts out, as they are registered. One that is not in a target group is no error. Raises Refused."""
    with _refusals():
        if balancer.type is BalancerType.CLASSIC:
            _move_classic(client("elb").deregister_instances_from_load_balancer, balancer.id, hosts)
        else:
            _move(client("elbv2").deregister_targets, balancer.id, hosts)


@contextmanager
def _refusals() -> Iterator[None]:
    """What AWS refuses for good, told from what it takes later."""
    from botocore.exceptions import ClientError

    try:
        yield
    except ClientError as error:
        if weather.passes(error):
            raise
        code = error.response["Error"]["Code"]
        kind = NotThere if code in _NOT_THERE else Refused
        raise kind(f"{code}: {error.response['Error'].get('Message', '')}") from error


def _move(call: Callable[..., Any], arn: str, hosts: Sequence[Registration]) -> None:
    for some in batches(hosts, _TARGETS_A_CALL):
        call(TargetGroupArn=arn, Targets=_targets(some))


def _move_classic(call: Callable[..., Any], name: str, hosts: Sequence[Registration]) -> None:
    for some in batches(hosts, _TARGETS_A_CALL):
        call(LoadBalancerName=name, Instances=_instances(some))


def _targets(hosts: Sequence[Registration]) -> list[dict[str, Any]]:
    return [{"Id": each.instance_id, **({"Port": each.port} if each.port is not None else {})} for each in hosts]


def _instances(hosts: Sequence[Registration]) -> list[dict[str, str]]:
    return [{"InstanceId": each.instance_id} for each in hosts]


# -- what they are


def _target_groups(named: Sequence[str]) -> tuple[list[dict[str, Any]], list[str]]:
    """The target groups, and those that are not there: each is asked for alone, as one that is not fails the call."""
    found: dict[str, dict[str, Any]] = {}
    missing = []
    for each in named:
        asked = {"TargetGroupArns": [each]} if is_arn(each) else {"Names": [each]}
        if one := _first("TargetGroups", client("elbv2").describe_target_groups, asked):
            found[one["TargetGroupArn"]] = one
        else:
            missing.append(each)
    return list(found.values()), missing


def _classic(named: Sequence[str]) -> tuple[list[dict[str, Any]], list[str]]:
    found, missing = [], []
    for each in named:
        asked = {"LoadBalancerNames": [each]}
        if one := _first("LoadBalancerDescriptions", client("elb").describe_load_balancers, asked):
            found.append(one)
        else:
            missing.append(each)
    return found, missing


def _first(member: str, call: Callable[..., dict[str, Any]], asked: Mapping[str, Any]) -> dict[str, Any] | None:
    """The one thing that is asked for; None where it is not there."""
    from botocore.exceptions import ClientError

    try:
        listed: list[dict[str, Any]] = call(**asked)[member]
    except ClientError as error:
        if error.response["Error"]["Code"] in _NOT_THERE:
            return None
        raise
    return listed[0] if listed else None


def _of_target_groups(groups: Sequence[Mapping[str, Any]]) -> Iterator[Balancer]:
    fronts = _load_balancers({arn for group in groups for arn in group.get("LoadBalancerArns", ())})
    for group in groups:
        arn = group["TargetGroupArn"]
        before = [fronts[each] for each in group.get("LoadBalancerArns", ()) if each in fronts]
        attributes = client("elbv2").describe_target_group_attributes(TargetGroupArn=arn)["Attributes"]
        delay = next((each["Value"] for each in attributes if each["Key"].endswith("delay.timeout_seconds")), "0")
        yield Balancer(
            name=group["TargetGroupName"],
            id=arn,
            type=BalancerType(before[0]["Type"]) if before else None,
            check=HealthCheck(
                interval=group.get("HealthCheckIntervalSeconds", _NOT_CHECKED),
                healthy_threshold=group.get("HealthyThresholdCount", _NOT_CHECKED),
                unhealthy_threshold=group.get("UnhealthyThresholdCount", _NOT_CHECKED),
            ),
            deregistration_delay=int(delay),
            target_type=group.get("TargetType", "instance"),
            zones=frozenset(zone["ZoneName"] for each in before for zone in each.get("AvailabilityZones", ())),
            has_checks=group.get("HealthCheckEnabled", True),
            ports=(group["Port"],) if "Port" in group else (),
        )


def _load_balancers(arns: set[str]) -> dict[str, dict[str, Any]]:
    found = dict[str, dict[str, Any]]()
    for some in batches(sorted(arns), _BALANCERS_A_CALL):
        pages = client("elbv2").get_paginator("describe_load_balancers")
        for page in pages.paginate(LoadBalancerArns=some):
            found |= {each["LoadBalancerArn"]: each for each in page["LoadBalancers"]}
    return found


def _of_classic(told: Mapping[str, Any]) -> Balancer:
    name, check = told["LoadBalancerName"], told["HealthCheck"]
    attributes = client("elb").describe_load_balancer_attributes(LoadBalancerName=name)["LoadBalancerAttributes"]
    draining = attributes.get("ConnectionDraining", {})
    return Balancer(
        name=name,
        id=name,
        type=BalancerType.CLASSIC,
        check=HealthCheck(
            interval=check["Interval"],
            healthy_threshold=check["HealthyThreshold"],
            unhealthy_threshold=check["UnhealthyThreshold"],
        ),
        deregistration_delay=draining.get("Timeout", 0) if draining.get("Enabled") else 0,
        zones=frozenset(told.get("AvailabilityZones", ())),
        ports=tuple(sorted({each["Listener"]["InstancePort"] for each in told.get("ListenerDescriptions", ())})),
    )
