"""What IAM and the rate of calls allow of Elastic Load Balancing on the local cloud."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from local.authorization import Check
from local.elb.permissions import checks
from local.elb.records import Registry, World
from local.elb.settings import Settings
from local.elb.target_groups import create
from tests.local.elb.balanced import Balanced
from tests.local.emulator import refusal

ANY = "arn:aws:elasticloadbalancing:us-east-1:000000000000:"


def test_targets_are_moved_by_the_groups_arn(balanced: Balanced) -> None:
    own, other = balanced.group(), balanced.group()
    targets = [{"Id": balanced.host().id}]
    caller = balanced.account.caller("elbv2", may="elasticloadbalancing:RegisterTargets", on=own)
    assert refusal(caller.register_targets, TargetGroupArn=own, Targets=targets) == ""
    assert refusal(caller.register_targets, TargetGroupArn=other, Targets=targets) == "AccessDenied"
    assert refusal(caller.deregister_targets, TargetGroupArn=own, Targets=targets) == "AccessDenied"


def test_to_describe_needs_everything(balanced: Balanced) -> None:
    group = balanced.group()
    narrow = balanced.account.caller("elbv2", may="elasticloadbalancing:DescribeTargetHealth", on=group)
    wide = balanced.account.caller("elbv2", may="elasticloadbalancing:DescribeTargetHealth", on="*")
    assert refusal(narrow.describe_target_health, TargetGroupArn=group) == "AccessDenied"
    assert refusal(wide.describe_target_health, TargetGroupArn=group) == ""


def test_what_is_made_is_named_by_its_kind_and_name(balanced: Balanced) -> None:
    name = balanced.account.name()
    own = f"{ANY}targetgroup/{name}/*"
    caller = balanced.account.caller("elbv2", may="elasticloadbalancing:CreateTargetGroup", on=own)
    how: dict[str, Any] = {"Protocol": "HTTP", "Port": 80, "VpcId": balanced.vpc}
    tags = [{"Key": "a", "Value": "b"}]
    assert refusal(caller.create_target_group, Name=f"{name}-2", **how) == "AccessDenied"
    assert refusal(caller.create_target_group, Name=name, Tags=tags, **how) == "AccessDenied"  # AddTags besides
    made = caller.create_target_group(Name=name, **how)["TargetGroups"][0]
    balanced.account.at_end(balanced.elb.delete_target_group, TargetGroupArn=made["TargetGroupArn"])


def test_every_resource_of_a_request_has_to_be_allowed(balanced: Balanced) -> None:
    own, other = balanced.group(), balanced.group()
    caller = balanced.account.caller("elbv2", may="elasticloadbalancing:AddTags", on=own)
    tags = [{"Key": "a", "Value": "b"}]
    assert refusal(caller.add_tags, ResourceArns=[own], Tags=tags) == ""
    assert refusal(caller.add_tags, ResourceArns=[own, other], Tags=tags) == "AccessDenied"


def test_tags_of_a_resource_are_condition_keys() -> None:
    """AWS knows them by the service's own key, and by the one that all services have."""
    registry = Registry(cast(World, SimpleNamespace(region="us-east-1", account="000000000000")), Settings())
    how = {"Name": "web", "Protocol": "HTTP", "Port": 80, "VpcId": "vpc-1", "Tags": [{"Key": "team", "Value": "shop"}]}
    arn = create(registry, how)["TargetGroups"][0]["TargetGroupArn"]
    (found,) = checks("RegisterTargets", {"TargetGroupArn": arn}, registry)
    keys = {"elasticloadbalancing:ResourceTag/team": "shop", "aws:ResourceTag/team": "shop"}
    assert found == Check("elasticloadbalancing:RegisterTargets", arn, keys)


def test_classic_load_balancers_are_named_by_their_names(balanced: Balanced) -> None:
    name, host = balanced.account.name(), balanced.host()
    listener = {"Protocol": "HTTP", "LoadBalancerPort": 80, "InstancePort": 80}
    balanced.classic.create_load_balancer(LoadBalancerName=name, Listeners=[listener], Subnets=balanced.subnets)
    balanced.account.at_end(balanced.classic.delete_load_balancer, LoadBalancerName=name)
    how = {"LoadBalancerName": name, "Instances": [{"InstanceId": host.id}]}
    action = "elasticloadbalancing:RegisterInstancesWithLoadBalancer"
    for on, expected in ((f"{ANY}loadbalancer/{name}", ""), (f"{ANY}loadbalancer/other", "AccessDenied")):
        caller = balanced.account.caller("elb", may=action, on=on)
        assert refusal(caller.register_instances_with_load_balancer, **how) == expected
        assert refusal(caller.describe_instance_health, LoadBalancerName=name) == "AccessDenied"


def test_calls_are_throttled_by_a_token_bucket(balanced: Balanced) -> None:
    group = balanced.group()
    once = Config(retries={"total_max_attempts": 1})
    may = "elasticloadbalancing:DescribeTargetHealth"
    caller = balanced.account.caller("elbv2", may=may, on="*", config=once)
    balanced.aws.load_balancers.set(reads_per_second=0.001, reads_at_once=3)
    with pytest.raises(ClientError) as refused:
        for _ in range(4):
            caller.describe_target_health(TargetGroupArn=group)
    assert refused.value.response["Error"] == {"Type": "Sender", "Code": "Throttling", "Message": "Rate exceeded"}
    # Whoever drives the cloud is not charged.
    assert refusal(balanced.elb.describe_target_health, TargetGroupArn=group) == ""


def test_calls_are_counted(balanced: Balanced) -> None:
    group = balanced.group()
    caller = balanced.account.caller("elbv2", may="elasticloadbalancing:DescribeTargetHealth", on="*")
    balanced.aws.reset_records()
    caller.describe_target_health(TargetGroupArn=group)
    assert balanced.aws.records().elb == {"DescribeTargetHealth": 1}
