"""Elastic Load Balancing's and Auto Scaling's stand-ins: load balancers, who is registered there, and who is not.

moto knows a target by its id alone, and neither draining nor health checks: tests/unit/aws/test_elb.py has those.
"""

from typing import Any

import pytest

from functions.aws.clients import client
from functions.aws.fleet import autoscaling, ec2, elb
from functions.core.auto_scaling import ScalingGroup
from functions.core.load_balancers import HealthState
from functions.core.records import Balancer, BalancerType, HealthCheck, LoadBalancers, Registration, TagFilter, TagGroup
from tests.contract.conftest import code
from tests.contract.test_ec2 import launch

pytestmark = pytest.mark.usefixtures("account")


def subnets() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client("ec2").describe_subnets()["Subnets"]
    return sorted(found, key=lambda each: str(each["AvailabilityZone"]))[:2]


def target_group(name: str = "web", *, front: str = "application", **check: Any) -> str:
    """Its ARN. `front`: the type of the load balancer before it, "" for none."""
    vpc, protocol = subnets()[0]["VpcId"], "TCP" if front == "network" else "HTTP"
    made = client("elbv2").create_target_group(Name=name, Protocol=protocol, Port=8080, VpcId=vpc, **check)
    arn: str = made["TargetGroups"][0]["TargetGroupArn"]
    if front:
        ids = [each["SubnetId"] for each in subnets()]
        balancer = client("elbv2").create_load_balancer(Name=f"{name}-front", Subnets=ids, Type=front)
        client("elbv2").create_listener(
            LoadBalancerArn=balancer["LoadBalancers"][0]["LoadBalancerArn"],
            Protocol=protocol,
            Port=80,
            DefaultActions=[{"Type": "forward", "TargetGroupArn": arn}],
        )
    return arn


def classic(name: str = "old") -> str:
    listener = {"Protocol": "tcp", "LoadBalancerPort": 80, "InstancePort": 80}
    zones = [each["AvailabilityZone"] for each in subnets()]
    client("elb").create_load_balancer(LoadBalancerName=name, Listeners=[listener], AvailabilityZones=zones)
    check = {"Target": "TCP:80", "Interval": 7, "Timeout": 5, "UnhealthyThreshold": 2, "HealthyThreshold": 3}
    client("elb").configure_health_check(LoadBalancerName=name, HealthCheck=check)  # AWS has one from the beginning
    return name


def seen(*target_groups: str, classic: tuple[str, ...] = ()) -> tuple[Balancer, ...]:
    return elb.see(LoadBalancers(target_groups=target_groups, classic=classic)).balancers


def test_a_target_group_is_found_by_name_and_by_arn_and_once() -> None:
    arn = target_group(HealthCheckIntervalSeconds=10, HealthyThresholdCount=3, UnhealthyThresholdCount=4)
    client("elbv2").modify_target_group_attributes(
        TargetGroupArn=arn, Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "45"}]
    )
    (found,) = seen("web", arn)
    assert found == Balancer(
        name="web",
        id=arn,
        type=BalancerType.APPLICATION,
        check=HealthCheck(interval=10, healthy_threshold=3, unhealthy_threshold=4),
        deregistration_delay=45,
        zones=frozenset(each["AvailabilityZone"] for each in subnets()),
        ports=(8080,),
    )


def test_one_that_no_listener_forwards_to_has_no_load_balancer() -> None:
    target_group(front="")
    (found,) = seen("web")
    assert (found.type, found.zones, found.deregistration_delay) == (None, frozenset(), 300)


def test_the_types_of_targets_and_of_load_balancers_are_told() -> None:
    target_group("ips", TargetType="ip")
    target_group("net", front="network")
    ips, net = seen("ips", "net")
    assert (ips.target_type, ips.type) == ("ip", BalancerType.APPLICATION)
    assert (net.target_type, net.type) == ("instance", BalancerType.NETWORK)


def test_a_classic_one_drains_only_if_it_is_told_to() -> None:
    classic()
    (found,) = seen(classic=("old",))
    assert (found.type, found.id, found.deregistration_delay) == (BalancerType.CLASSIC, "old", 0)
    assert found.zones == frozenset(each["AvailabilityZone"] for each in subnets())
    draining = {"ConnectionDraining": {"Enabled": True, "Timeout": 20}}
    client("elb").modify_load_balancer_attributes(LoadBalancerName="old", LoadBalancerAttributes=draining)
    (found,) = seen(classic=("old",))
    assert (found.deregistration_delay, found.check.interval, found.check.healthy_threshold) == (20, 7, 3)


def test_what_is_not_there_is_named_and_hides_nothing_else() -> None:
    arn = target_group()
    lost = arn.replace("/web/", "/lost/")
    found = elb.see(LoadBalancers(target_groups=("none", "web", lost), classic=("gone",)))
    assert [each.id for each in found.balancers] == [arn]
    assert found.missing == ("target group none", f"target group {lost}", "Classic Load Balancer gone")
    assert code(client("elbv2").register_targets, TargetGroupArn=lost, Targets=[{"Id": "i-0"}]) == "TargetGroupNotFound"


def test_a_host_is_registered_with_its_port_and_leaves_with_it() -> None:
    arn, (one, other) = target_group(), launch(2)
    (group,) = seen(arn)
    first = Registration(balancer=arn, instance_id=one, port=9090)
    elb.register(group, [first, Registration(balancer=arn, instance_id=other)])
    assert {each.registration for each in elb.health(group)} == {
        first,
        Registration(balancer=arn, instance_id=other, port=8080),
    }
    assert all(each.is_registered and each.is_ready for each in elb.health(group))
    elb.deregister(group, [first])
    assert [each.registration.instance_id for each in elb.health(group)] == [other]
    (left,) = elb.health(group, [first])
    assert not left.is_registered and not left.is_ready


def test_a_host_is_in_a_classic_one_or_not() -> None:
    classic()
    (one,), (old,) = launch(), seen(classic=("old",))
    host = Registration(balancer="old", instance_id=one)
    elb.register(old, [host])
    (found,) = elb.health(old, [host])
    assert (found.registration, found.state) == (host, HealthState.HEALTHY)
    elb.deregister(old, [host])
    assert elb.health(old) == []


def test_what_a_group_names_is_seen_with_all_that_is_registered_there() -> None:
    arn, (one,) = target_group(), launch()
    classic()
    elb.register(seen(arn)[0], [Registration(balancer=arn, instance_id=one)])
    found = elb.see(LoadBalancers(target_groups=("web",), classic=("old",)))
    assert [each.registration.instance_id for each in found.registered] == [one]


def test_an_instance_has_its_zone() -> None:
    launch(role="web")
    (found,) = ec2.select([TagGroup(filters=(TagFilter(key="role", value="web"),))])
    assert found.zone == "us-east-1a"


def test_auto_scaling_groups_tell_their_health_checks_and_what_is_suspended() -> None:
    scaling, zones = client("autoscaling"), [subnets()[0]["AvailabilityZone"]]
    scaling.create_launch_configuration(LaunchConfigurationName="lc", ImageId="ami-12c6146b", InstanceType="t3.micro")
    for name, health in (("web", {"HealthCheckType": "ELB"}), ("db", {})):
        scaling.create_auto_scaling_group(
            AutoScalingGroupName=name,
            LaunchConfigurationName="lc",
            MinSize=0,
            MaxSize=1,
            AvailabilityZones=zones,
            **health,
        )
    scaling.suspend_processes(AutoScalingGroupName="web", ScalingProcesses=["ReplaceUnhealthy"])
    assert sorted(autoscaling.groups({"web", "db", "gone"}), key=lambda each: each.name) == [
        ScalingGroup(name="db"),
        ScalingGroup(name="web", health_check_types=frozenset({"ELB"}), suspended=frozenset({"ReplaceUnhealthy"})),
    ]
    assert autoscaling.groups(()) == []
