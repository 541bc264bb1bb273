"""Load balancers as resources of CloudFormation on the local cloud, also by the CDK CLI, and beside the emulator."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.cloud import ROOT
from local.driver import wait_for
from tests.local.elb.balanced import CHECKS, PORT, Balanced, get
from tests.local.emulator import Account, refusal

V2, CLASSIC = "AWS::ElasticLoadBalancingV2::", "AWS::ElasticLoadBalancing::LoadBalancer"

APP = """
import sys
from aws_cdk import App, CfnOutput, CliCredentialsStackSynthesizer, Duration, Stack
from aws_cdk.aws_ec2 import Vpc
from aws_cdk import aws_elasticloadbalancingv2 as elb

app = App(outdir=sys.argv[1])
place = {"account": "000000000000", "region": "us-east-1"}
stack = Stack(app, "BalancedStack", env=place, synthesizer=CliCredentialsStackSynthesizer())
vpc = Vpc.from_vpc_attributes(
    stack, "Vpc", vpc_id="vpc-00000001", availability_zones=["us-east-1a", "us-east-1b"],
    public_subnet_ids=["subnet-00000001", "subnet-00000002"],
)
balancer = elb.ApplicationLoadBalancer(stack, "Balancer", vpc=vpc, internet_facing=True, load_balancer_name="cdk-front")
group = elb.ApplicationTargetGroup(
    stack, "Web", vpc=vpc, port=8080, protocol=elb.ApplicationProtocol.HTTP, target_type=elb.TargetType.INSTANCE,
    deregistration_delay=Duration.seconds(7),
    health_check=elb.HealthCheck(path="/health", interval=Duration.seconds(5), timeout=Duration.seconds(4)),
)
listener = balancer.add_listener("Http", port=80, default_action=elb.ListenerAction.fixed_response(404))
listener.add_action(
    "Web", priority=10, conditions=[elb.ListenerCondition.path_patterns(["/app*"])],
    action=elb.ListenerAction.weighted_forward([elb.WeightedTargetGroup(target_group=group, weight=5)]),
)
CfnOutput(stack, "Group", value=group.target_group_arn)
CfnOutput(stack, "Address", value=balancer.load_balancer_dns_name)
app.synth()
"""


def ref(logical_id: str) -> dict[str, str]:
    return {"Ref": logical_id}


class Stack:
    """A stack that lives as long as the test."""

    def __init__(self, account: Account, resources: dict[str, Any], **outputs: Any) -> None:
        self._client, self._name, self._outputs = account.client("cloudformation"), account.name(), outputs
        self._client.create_stack(StackName=self._name, TemplateBody=self._template(resources))
        account.at_end(self.delete)

    def update(self, resources: dict[str, Any]) -> None:
        self._client.update_stack(StackName=self._name, TemplateBody=self._template(resources))

    def delete(self) -> None:
        self._client.delete_stack(StackName=self._name)
        wait_for(lambda: refusal(self._client.describe_stacks, StackName=self._name), "the stack to be gone")

    def settled(self) -> str:
        """Its status once it has come to rest, with what its events say."""

        def settled() -> str | None:
            status = str(self._described()["StackStatus"])
            return None if status.endswith("IN_PROGRESS") else status

        status = wait_for(settled, "the stack to settle")
        if status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            return status
        events = self._client.describe_stack_events(StackName=self._name)["StackEvents"]
        return status + " " + " ".join(event.get("ResourceStatusReason", "") for event in events)

    def outputs(self) -> dict[str, str]:
        return {each["OutputKey"]: each["OutputValue"] for each in self._described()["Outputs"]}

    def _template(self, resources: dict[str, Any]) -> str:
        outputs = {name: {"Value": value} for name, value in self._outputs.items()}
        return json.dumps({"Resources": resources, "Outputs": outputs})

    def _described(self) -> dict[str, Any]:
        found: dict[str, Any] = self._client.describe_stacks(StackName=self._name)["Stacks"][0]
        return found


def resources(balanced: Balanced, **group: Any) -> dict[str, Any]:
    """A load balancer with a listener, a rule and two groups; numbers are texts, as parameters make them."""
    delay = [{"Key": "deregistration_delay.timeout_seconds", "Value": "9"}]
    web = {
        "Protocol": "HTTP",
        "Port": str(PORT),
        "VpcId": balanced.vpc,
        "TargetGroupAttributes": delay,
        **CHECKS,
        **group,
    }
    other = {"Protocol": "HTTP", "Port": 80, "VpcId": balanced.vpc}
    weights = [{"TargetGroupArn": ref("Web"), "Weight": 3}, {"TargetGroupArn": ref("Other"), "Weight": 0}]
    listener = {
        "LoadBalancerArn": ref("Balancer"),
        "Port": 80,
        "Protocol": "HTTP",
        "DefaultActions": [{"Type": "forward", "ForwardConfig": {"TargetGroups": weights}}],
    }
    rule = {
        "ListenerArn": ref("Listener"),
        "Priority": 1,
        "Conditions": [{"Field": "path-pattern", "Values": ["/no"]}],
        "Actions": [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}],
    }
    return {
        "Web": {"Type": f"{V2}TargetGroup", "Properties": web},
        "Other": {"Type": f"{V2}TargetGroup", "Properties": other},
        "Balancer": {"Type": f"{V2}LoadBalancer", "Properties": {"Subnets": balanced.subnets}},
        "Listener": {"Type": f"{V2}Listener", "Properties": listener},
        "Rule": {"Type": f"{V2}ListenerRule", "Properties": rule},
    }


def attribute(logical_id: str, name: str) -> dict[str, list[str]]:
    return {"Fn::GetAtt": [logical_id, name]}


def test_a_stacks_load_balancer_moves_traffic(balanced: Balanced) -> None:
    host = balanced.host()
    balanced.application(host)
    made = resources(balanced, Targets=[{"Id": host.id}])
    address, full_name = attribute("Balancer", "DNSName"), attribute("Web", "TargetGroupFullName")
    stack = Stack(balanced.account, made, Web=ref("Web"), Listener=ref("Listener"), Address=address, Full=full_name)
    assert stack.settled() == "CREATE_COMPLETE"
    outputs = stack.outputs()
    group, listener = outputs["Web"], outputs["Listener"]
    assert outputs["Full"] == group.rpartition(":")[2]
    balanced.becomes(group, "healthy")
    assert get(f"{outputs['Address']}:80") == (200, "v1") and get(f"{outputs['Address']}:80", "/no")[0] == 404
    described = balanced.elb.describe_target_group_attributes(TargetGroupArn=group)["Attributes"]
    assert {"Key": "deregistration_delay.timeout_seconds", "Value": "9"} in described
    (shown,) = balanced.elb.describe_listeners(ListenerArns=[listener])["Listeners"]
    weights = [each["Weight"] for each in shown["DefaultActions"][0]["ForwardConfig"]["TargetGroups"]]
    assert weights == [3, 0]

    stack.update(resources(balanced, Targets=[], HealthCheckPath="/other"))
    assert stack.settled() == "UPDATE_COMPLETE" and stack.outputs()["Web"] == group
    assert balanced.health(group, host) == ["draining Target.DeregistrationInProgress"]
    assert (
        balanced.elb.describe_target_groups(TargetGroupArns=[group])["TargetGroups"][0]["HealthCheckPath"] == "/other"
    )

    stack.update(resources(balanced, Port="8081"))
    assert stack.settled() == "UPDATE_COMPLETE"
    assert stack.outputs()["Web"] != group and stack.outputs()["Listener"] == listener
    assert refusal(balanced.elb.describe_target_groups, TargetGroupArns=[group]) == "TargetGroupNotFound"

    stack.delete()
    assert refusal(balanced.elb.describe_listeners, ListenerArns=[listener]) == "ListenerNotFound"
    assert refusal(balanced.elb.describe_target_groups, TargetGroupArns=[group]) == "TargetGroupNotFound"


def test_a_stack_says_what_elastic_load_balancing_refuses(balanced: Balanced) -> None:
    stack = Stack(balanced.account, resources(balanced, HealthCheckIntervalSeconds=4))
    assert "healthCheckIntervalSeconds" in stack.settled()
    other = Stack(balanced.account, resources(balanced, NoProperty=4))
    assert "Member is not known" in other.settled()


def test_a_stacks_classic_load_balancer_moves_traffic(balanced: Balanced) -> None:
    host = balanced.host()
    balanced.application(host)
    check = {
        "Target": f"HTTP:{PORT}/",
        "Interval": "5",
        "Timeout": "4",
        "HealthyThreshold": "2",
        "UnhealthyThreshold": "2",
    }
    properties = {
        "Subnets": balanced.subnets,
        "Listeners": [{"LoadBalancerPort": "80", "InstancePort": str(PORT), "Protocol": "HTTP"}],
        "HealthCheck": check,
        "Instances": [host.id],
        "ConnectionDrainingPolicy": {"Enabled": True, "Timeout": 60},
    }
    address = attribute("Classic", "DNSName")
    stack = Stack(
        balanced.account, {"Classic": {"Type": CLASSIC, "Properties": properties}}, Name=ref("Classic"), At=address
    )
    assert stack.settled() == "CREATE_COMPLETE"
    name, at = stack.outputs()["Name"], stack.outputs()["At"]
    balanced.until(lambda: get(f"{at}:80") == (200, "v1"), "the instance to be in service")
    attributes = balanced.classic.describe_load_balancer_attributes(LoadBalancerName=name)["LoadBalancerAttributes"]
    assert attributes["ConnectionDraining"] == {"Enabled": True, "Timeout": 60}
    stack.update({"Classic": {"Type": CLASSIC, "Properties": {**properties, "Instances": []}}})
    assert stack.settled() == "UPDATE_COMPLETE" and stack.outputs()["Name"] == name
    found = balanced.classic.describe_load_balancers(LoadBalancerNames=[name])["LoadBalancerDescriptions"]
    assert found[0]["Instances"] == []


def test_the_cdk_deploys_load_balancers(balanced: Balanced, tmp_path: Path) -> None:
    """What the CDK's own constructs write, deployed by its CLI."""
    assembly = tmp_path / "cdk.out"
    aws = balanced.aws
    ran = subprocess.run(
        [sys.executable, "-c", APP, str(assembly)], cwd=ROOT, env=aws.environment(), capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    outputs = aws.deploy_assembly(assembly)
    balanced.account.at_end(balanced.account.client("cloudformation").delete_stack, StackName="BalancedStack")
    host = balanced.host()
    balanced.application(host)
    balanced.register(outputs["Group"], host)
    balanced.becomes(outputs["Group"], "healthy")
    address = f"{outputs['Address']}:80"
    assert get(address, "/app") == (200, "v1") and get(address, "/")[0] == 404
    assert aws.load_balancers.addresses()["cdk-front"] == {"80": address}


def test_the_emulator_still_does_not_know_the_classic_type(bare: Account) -> None:
    with pytest.raises(ClientError, match=re.escape(f"Unrecognized resource types: [{CLASSIC}]")):
        Stack(bare, {"Classic": {"Type": CLASSIC, "Properties": {}}})
