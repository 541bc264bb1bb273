"""ELBv2's API on the local cloud, beside the emulator without local/elb: what it answers and what it refuses.

botocore reads every answer by its model; an answer that the model does not have is an error of the server.
"""

import ctypes
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.cloud import ROOT
from tests.local.elb.balanced import Balanced
from tests.local.emulator import Account, refusal
from tests.local.sockets import listening

UNKNOWN = "arn:aws:elasticloadbalancing:us-east-1:000000000000:{}/none/0000000000000000"


def message(call: Any, **arguments: Any) -> str:
    """`code: message` of the refusal that a call has to get."""
    with pytest.raises(ClientError) as refused:
        call(**arguments)
    error = refused.value.response["Error"]
    return f"{error['Code']}: {error['Message']}"


def attributes(answer: Any) -> dict[str, str]:
    return {each["Key"]: each["Value"] for each in answer["Attributes"]}


def test_a_target_group_is_described_as_it_was_made(balanced: Balanced) -> None:
    arn = balanced.group(HealthCheckPath="/health", Matcher={"HttpCode": "200-299"})
    (found,) = balanced.elb.describe_target_groups(TargetGroupArns=[arn])["TargetGroups"]
    assert found == {
        "TargetGroupArn": arn,
        "TargetGroupName": arn.split("/")[1],
        "Protocol": "HTTP",
        "ProtocolVersion": "HTTP1",
        "Port": 8080,
        "VpcId": balanced.vpc,
        "TargetType": "instance",
        "IpAddressType": "ipv4",
        "HealthCheckProtocol": "HTTP",
        "HealthCheckPort": "traffic-port",
        "HealthCheckEnabled": True,
        "HealthCheckPath": "/health",
        "HealthCheckIntervalSeconds": 5,
        "HealthCheckTimeoutSeconds": 4,
        "HealthyThresholdCount": 2,
        "UnhealthyThresholdCount": 10,
        "Matcher": {"HttpCode": "200-299"},
        "LoadBalancerArns": [],
    }
    balanced.elb.modify_target_group(TargetGroupArn=arn, HealthCheckPath="/other", HealthyThresholdCount=3)
    balancer = balanced.balancer()
    balanced.listener(balancer, arn)
    (changed,) = balanced.elb.describe_target_groups(LoadBalancerArn=balancer)["TargetGroups"]
    assert (changed["HealthCheckPath"], changed["HealthyThresholdCount"]) == ("/other", 3)
    assert changed["LoadBalancerArns"] == [balancer]


@pytest.mark.parametrize(
    ("protocol", "interval", "timeout", "healthy", "path"), [("HTTP", 30, 5, 5, "/"), ("TCP", 30, 10, 5, None)]
)
def test_a_target_group_has_defaults(
    balanced: Balanced, protocol: str, interval: int, timeout: int, healthy: int, path: str | None
) -> None:
    name = balanced.account.name()
    made = balanced.elb.create_target_group(Name=name, Protocol=protocol, Port=80, VpcId=balanced.vpc)["TargetGroups"][
        0
    ]
    balanced.account.at_end(balanced.elb.delete_target_group, TargetGroupArn=made["TargetGroupArn"])
    assert (made["HealthCheckIntervalSeconds"], made["HealthCheckTimeoutSeconds"]) == (interval, timeout)
    assert (made["HealthyThresholdCount"], made["UnhealthyThresholdCount"]) == (healthy, 2)
    assert made["HealthCheckProtocol"] == protocol and made.get("HealthCheckPath") == path
    found = attributes(balanced.elb.describe_target_group_attributes(TargetGroupArn=made["TargetGroupArn"]))
    assert found["deregistration_delay.timeout_seconds"] == "300"
    assert ("slow_start.duration_seconds" in found) == (protocol == "HTTP")
    assert ("deregistration_delay.connection_termination.enabled" in found) == (protocol == "TCP")


def test_a_load_balancer_is_described_as_it_was_made(balanced: Balanced) -> None:
    arn = balanced.balancer(Scheme="internal")
    (found,) = balanced.elb.describe_load_balancers(LoadBalancerArns=[arn])["LoadBalancers"]
    assert (found["Type"], found["Scheme"], found["State"]) == ("application", "internal", {"Code": "active"})
    assert [zone["ZoneName"] for zone in found["AvailabilityZones"]] == ["us-east-1a", "us-east-1b"]
    assert ":loadbalancer/app/" in arn and ":loadbalancer/net/" in balanced.balancer(Type="network")
    modify = balanced.elb.modify_load_balancer_attributes
    modify(LoadBalancerArn=arn, Attributes=[{"Key": "idle_timeout.timeout_seconds", "Value": "7"}])
    shown = attributes(balanced.elb.describe_load_balancer_attributes(LoadBalancerArn=arn))
    assert shown["idle_timeout.timeout_seconds"] == "7" and shown["deletion_protection.enabled"] == "false"


def test_its_name_resolves_to_where_it_listens(balanced: Balanced) -> None:
    balancer = balanced.balancer()
    balanced.listener(balancer, balanced.group(), port=8088)
    (found,) = balanced.elb.describe_load_balancers(LoadBalancerArns=[balancer])["LoadBalancers"]
    assert balanced.address(balancer) == f"{found['DNSName']}:8088"
    assert balanced.aws._process
    assert f"tcp {found['DNSName']}:8088" in listening(balanced.aws._process.pid)
    balanced.elb.delete_load_balancer(LoadBalancerArn=balancer)
    assert listening(balanced.aws._process.pid) == {f"tcp 127.0.0.1:{balanced.aws.port}"}


LISTENS = """
import asyncio
from local.elb.traffic.front import Front

async def main():
    front = Front("127.9.8.7", 80, None)
    print(front.port)
    front.close()

asyncio.run(main())
"""
PR_CAPBSET_DROP, CAP_NET_BIND_SERVICE = 24, 10


def test_a_port_that_needs_root_is_another_one_without() -> None:
    drop = partial(ctypes.CDLL(None).prctl, PR_CAPBSET_DROP, CAP_NET_BIND_SERVICE, 0, 0, 0)
    ran = subprocess.run([sys.executable, "-c", LISTENS], cwd=ROOT, capture_output=True, text=True, preexec_fn=drop)
    free_from = int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text())
    assert ran.stdout == ("80\n" if free_from <= 80 else "10080\n"), ran.stderr


def test_listeners_and_rules_keep_what_they_are_told(balanced: Balanced) -> None:
    blue, green, balancer = balanced.group(), balanced.group(), balanced.balancer()
    listener = balanced.listener(balancer, (blue, 9), (green, 0))
    (found,) = balanced.elb.describe_listeners(LoadBalancerArn=balancer)["Listeners"]
    groups = [{"TargetGroupArn": blue, "Weight": 9}, {"TargetGroupArn": green, "Weight": 0}]
    assert found["ListenerArn"] == listener and found["DefaultActions"][0]["ForwardConfig"]["TargetGroups"] == groups
    action, condition = {"Type": "forward", "TargetGroupArn": green}, {"Field": "path-pattern", "Values": ["/a"]}
    how = {"ListenerArn": listener, "Actions": [action], "Conditions": [condition]}
    made = [balanced.elb.create_rule(Priority=priority, **how)["Rules"][0] for priority in (20, 10)]
    rules = balanced.elb.describe_rules(ListenerArn=listener)["Rules"]
    assert [(rule["Priority"], rule["IsDefault"]) for rule in rules] == [
        ("10", False),
        ("20", False),
        ("default", True),
    ]
    assert made[0]["Conditions"] == [{**condition, "PathPatternConfig": {"Values": ["/a"]}}]
    assert made[0]["Actions"][0]["TargetGroupArn"] == green
    balanced.elb.set_rule_priorities(RulePriorities=[{"RuleArn": made[0]["RuleArn"], "Priority": 5}])
    balanced.elb.modify_rule(RuleArn=made[0]["RuleArn"], Actions=[{"Type": "forward", "TargetGroupArn": blue}])
    first = balanced.elb.describe_rules(ListenerArn=listener)["Rules"][0]
    assert first["RuleArn"] == made[0]["RuleArn"] and first["Actions"][0]["TargetGroupArn"] == blue
    balanced.elb.delete_rule(RuleArn=made[1]["RuleArn"])
    assert len(balanced.elb.describe_rules(ListenerArn=listener)["Rules"]) == 2


def test_everything_can_be_tagged(balanced: Balanced) -> None:
    group, balancer = balanced.group(Tags=[{"Key": "a", "Value": "1"}]), balanced.balancer()
    listener = balanced.listener(balancer, group)
    rule = balanced.elb.describe_rules(ListenerArn=listener)["Rules"][0]["RuleArn"]
    arns = [group, balancer, listener, rule]
    balanced.elb.add_tags(ResourceArns=arns, Tags=[{"Key": "b", "Value": "2"}])
    balanced.elb.remove_tags(ResourceArns=[group], TagKeys=["a"])
    found = balanced.elb.describe_tags(ResourceArns=arns)["TagDescriptions"]
    assert found == [{"ResourceArn": arn, "Tags": [{"Key": "b", "Value": "2"}]} for arn in arns]


def test_lists_have_pages(balanced: Balanced) -> None:
    groups = {balanced.group() for _ in range(3)}
    pages = list(balanced.elb.get_paginator("describe_target_groups").paginate(PaginationConfig={"PageSize": 2}))
    assert len(pages) >= 2 and all(len(page["TargetGroups"]) <= 2 for page in pages)
    assert groups <= {group["TargetGroupArn"] for page in pages for group in page["TargetGroups"]}


def test_what_is_not_there_is_refused(balanced: Balanced) -> None:
    elb = balanced.elb
    group, balancer = UNKNOWN.format("targetgroup"), UNKNOWN.format("loadbalancer/app")
    listener, rule = UNKNOWN.format("listener/app"), UNKNOWN.format("listener-rule/app")
    target = [{"Id": "i-00000000000000000"}]
    for operation in (elb.register_targets, elb.deregister_targets, elb.describe_target_health):
        assert message(operation, TargetGroupArn=group, Targets=target) == (
            f"TargetGroupNotFound: Target groups '{group}' not found"
        )
    assert refusal(elb.describe_target_groups, Names=["none"]) == "TargetGroupNotFound"
    assert refusal(elb.describe_load_balancers, Names=["none"]) == "LoadBalancerNotFound"
    assert refusal(elb.describe_load_balancers, LoadBalancerArns=[balancer]) == "LoadBalancerNotFound"
    assert refusal(elb.describe_listeners, ListenerArns=[listener]) == "ListenerNotFound"
    assert refusal(elb.describe_rules, RuleArns=[rule]) == "RuleNotFound"
    assert refusal(elb.describe_tags, ResourceArns=[rule]) == "RuleNotFound"
    assert refusal(elb.delete_load_balancer, LoadBalancerArn=balancer) == ""
    assert refusal(elb.delete_target_group, TargetGroupArn=group) == ""
    ghost = message(elb.register_targets, TargetGroupArn=balanced.group(), Targets=target)
    assert ghost == "InvalidTarget: Instance ID 'i-00000000000000000' is not valid"
    how = {"Name": balanced.account.name(), "Subnets": ["subnet-none", balanced.subnets[0]]}
    assert refusal(elb.create_load_balancer, **how) == "SubnetNotFound"


def test_what_does_not_fit_is_refused(balanced: Balanced) -> None:
    elb, http, tcp = balanced.elb, balanced.group(), balanced.group(Protocol="TCP")
    first, second, network = balanced.balancer(), balanced.balancer(), balanced.balancer(Type="network")
    listener = balanced.listener(first, http)
    forward = [{"Type": "forward", "TargetGroupArn": http}]
    of_first = {"LoadBalancerArn": first, "Port": 80, "DefaultActions": forward}
    assert refusal(elb.create_listener, **of_first, Protocol="HTTP") == "DuplicateListener"
    assert refusal(elb.create_listener, **of_first, Protocol="TCP") == "UnsupportedProtocol"
    for balancer, group, protocol, code in (
        (first, tcp, "HTTP", "IncompatibleProtocols"),
        (network, http, "TCP", "IncompatibleProtocols"),
        (second, http, "HTTP", "TargetGroupAssociationLimit"),
    ):
        action = [{"Type": "forward", "TargetGroupArn": group}]
        how = {"LoadBalancerArn": balancer, "Port": 81, "Protocol": protocol, "DefaultActions": action}
        assert refusal(elb.create_listener, **how) == code
    assert refusal(elb.delete_target_group, TargetGroupArn=http) == "ResourceInUse"
    condition = [{"Field": "path-pattern", "Values": ["/"]}]
    rule = {"ListenerArn": listener, "Priority": 1, "Conditions": condition, "Actions": forward}
    elb.create_rule(**rule)
    assert refusal(elb.create_rule, **rule) == "PriorityInUse"
    default = elb.describe_rules(ListenerArn=listener)["Rules"][-1]["RuleArn"]
    assert refusal(elb.delete_rule, RuleArn=default) == "OperationNotPermitted"


def test_names_are_taken_once(balanced: Balanced) -> None:
    balancer, name = balanced.balancer(), balanced.account.name()
    own = balanced.elb.describe_load_balancers(LoadBalancerArns=[balancer])["LoadBalancers"][0]["LoadBalancerName"]
    again = balanced.elb.create_load_balancer(Name=own, Subnets=balanced.subnets)["LoadBalancers"][0]
    assert again["LoadBalancerArn"] == balancer
    how = {"Name": own, "Subnets": balanced.subnets, "Scheme": "internal"}
    assert refusal(balanced.elb.create_load_balancer, **how) == "DuplicateLoadBalancerName"
    balanced.group(Name=name)
    other = {"Name": name, "Protocol": "HTTP", "Port": 1, "VpcId": balanced.vpc}
    assert refusal(balanced.elb.create_target_group, **other) == "DuplicateTargetGroupName"


def test_a_protected_load_balancer_stays(balanced: Balanced) -> None:
    balancer = balanced.balancer()
    key = {"Key": "deletion_protection.enabled", "Value": "true"}
    balanced.elb.modify_load_balancer_attributes(LoadBalancerArn=balancer, Attributes=[key])
    assert refusal(balanced.elb.delete_load_balancer, LoadBalancerArn=balancer) == "OperationNotPermitted"
    off = {**key, "Value": "false"}
    balanced.elb.modify_load_balancer_attributes(LoadBalancerArn=balancer, Attributes=[off])


@pytest.mark.parametrize(
    ("given", "part"),
    [
        ({"Port": 65536}, "Value '65536' at 'port' failed to satisfy constraint: Member must have value less than"),
        ({"Protocol": "SMTP"}, "Value 'SMTP' at 'protocol' failed to satisfy constraint: Member must satisfy enum"),
        ({"HealthCheckIntervalSeconds": 301}, "at 'healthCheckIntervalSeconds' failed to satisfy constraint"),
        ({"HealthCheckTimeoutSeconds": 30}, "Health check interval must be greater than the timeout"),
        ({"Name": "-web"}, "Target group name '-web' is not valid"),
        ({"Matcher": {"HttpCode": "ok"}}, "matcher HTTP code 'ok'"),
    ],
)
def test_requests_keep_to_the_model(balanced: Balanced, given: dict[str, Any], part: str) -> None:
    how = {"Name": balanced.account.name(), "Protocol": "HTTP", "Port": 80, "VpcId": balanced.vpc}
    said = message(balanced.elb.create_target_group, **{**how, **given})
    assert said.startswith("ValidationError: ") and part in said


def test_health_checks_of_hosts_cannot_be_switched_off(balanced: Balanced) -> None:
    how = {"Name": balanced.account.name(), "Protocol": "HTTP", "Port": 80, "VpcId": balanced.vpc}
    off = balanced.elb.create_target_group
    assert refusal(off, **how, HealthCheckEnabled=False) == "InvalidConfigurationRequest"


def test_attributes_have_limits(balanced: Balanced) -> None:
    group = balanced.group()
    for key, value in (("deregistration_delay.timeout_seconds", "3601"), ("none", "1"), ("stickiness.enabled", "no")):
        pair = [{"Key": key, "Value": value}]
        modify = balanced.elb.modify_target_group_attributes
        assert refusal(modify, TargetGroupArn=group, Attributes=pair) == "ValidationError"


def test_there_are_only_so_many_targets(balanced: Balanced) -> None:
    host = balanced.host()
    group = balanced.group()
    targets = [{"Id": host.id, "Port": port} for port in (1, 2, 3)]
    balanced.aws.load_balancers.set(registrations_per_target=2)
    register = balanced.elb.register_targets
    assert refusal(register, TargetGroupArn=group, Targets=targets) == "TooManyRegistrationsForTargetId"
    balanced.aws.load_balancers.set(targets_per_group=2, registrations_per_target=9)
    assert refusal(register, TargetGroupArn=group, Targets=targets) == "TooManyTargets"
    balanced.register(group, *targets[:2])


def test_an_operation_that_is_not_here_is_named(balanced: Balanced) -> None:
    said = message(
        balanced.elb.create_trust_store, Name="x", CaCertificatesBundleS3Bucket="b", CaCertificatesBundleS3Key="k"
    )
    assert said == "InvalidAction: Could not find operation CreateTrustStore for version 2015-12-01"


# -- the emulator without local/elb


def bare_group(bare: Account) -> str:
    name, vpc = bare.name(), bare.client("ec2").describe_vpcs()["Vpcs"][0]["VpcId"]
    made = bare.client("elbv2").create_target_group(Name=name, Protocol="HTTP", Port=80, VpcId=vpc)["TargetGroups"][0]
    bare.at_end(bare.client("elbv2").delete_target_group, TargetGroupArn=made["TargetGroupArn"])
    return str(made["TargetGroupArn"])


def test_the_emulator_still_takes_any_target_for_healthy(bare: Account) -> None:
    elb, group, targets = bare.client("elbv2"), bare_group(bare), [{"Id": "i-00000000000000000", "Port": 81}]
    elb.register_targets(TargetGroupArn=group, Targets=targets)
    (found,) = elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    assert found["TargetHealth"]["State"] == "healthy"


def test_the_emulator_still_does_not_drain(bare: Account) -> None:
    elb, group, targets = bare.client("elbv2"), bare_group(bare), [{"Id": "i-00000000000000000"}]
    elb.register_targets(TargetGroupArn=group, Targets=targets)
    elb.deregister_targets(TargetGroupArn=group, Targets=targets)
    assert elb.describe_target_health(TargetGroupArn=group, Targets=targets)["TargetHealthDescriptions"] == []


def test_the_emulator_still_knows_no_classic_load_balancers(bare: Account) -> None:
    how = {"LoadBalancerName": "none", "Instances": [{"InstanceId": "i-00000000000000000"}]}
    assert refusal(bare.client("elb").register_instances_with_load_balancer, **how) == "InvalidAction"
