"""stepdeploy.cdk beside aws_cdk.aws_codedeploy: the same app by both, and what the two templates mean.

CodeDeploy's properties become a request of its API, and ours a registration: both end as the same group on record.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import App, Duration, Stack
from aws_cdk import aws_autoscaling as autoscaling
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_codedeploy as codedeploy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticloadbalancing as elb
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_iam as iam

import stepdeploy.cdk
from functions.core.auto_scaling import DEFAULT_RESULTS, HEARTBEAT_SECONDS, TRANSITIONS, hook_name
from functions.core.declaration.registered import registered_config, registered_group
from functions.core.records import HookKind
from functions.core.rollout.health import PREDEFINED_CONFIGS, DeploymentConfig
from functions.handlers import register
from infra.app import STACK
from stepdeploy.cdk import hooks, registration
from tests.infra.conftest import UNCHECKED, only, resources

ROLE = "arn:aws:iam::123456789012:role/deploy"
Build = Callable[[Stack, Any], object]  # an app by CodeDeploy's module, or by ours


def user_template(build: Build, module: Any, **context: str) -> dict[str, Any]:
    """Of a stack in which references have values, so that both sides can be read."""
    app = App(context=context, **UNCHECKED)
    stack = Stack(app, "Site")
    build(stack, module)
    found: dict[str, Any] = app.synth().get_stack_by_name("Site").template
    return found


def plain(value: Any) -> Any:
    """With the name of what a reference means in its place."""
    if isinstance(value, dict):
        if "Ref" in value:
            return str(value["Ref"]).replace("AWS::", "")
        if "Fn::GetAtt" in value:
            return "".join(value["Fn::GetAtt"])
        if "Fn::Join" in value:
            return value["Fn::Join"][0].join(plain(each) for each in value["Fn::Join"][1])
        return {name: plain(each) for name, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, list) else value


def registered(build: Build) -> dict[str, Any]:
    """The group of our template, with the keys of deployments.yaml."""
    properties = plain(only(user_template(build, stepdeploy.cdk), "Custom::StepDeployDeploymentGroup"))
    group: dict[str, Any] = json.loads(properties["Group"])
    # What the engine takes.
    known = {name: DeploymentConfig(name) for name in (group["deploymentConfigName"],)}
    registered_group("shop", "web", properties["Group"], PREDEFINED_CONFIGS | known, ())
    return group


def of_codedeploy(build: Build) -> dict[str, Any]:
    """The group of CodeDeploy's template, in the same words."""
    given = plain(only(user_template(build, codedeploy), "AWS::CodeDeploy::DeploymentGroup"))
    config = given.get("DeploymentConfigName", "CodeDeployDefault.OneAtATime")
    found = {"onBusy": "reject", "deploymentConfigName": config}
    if names := given.get("AutoScalingGroups"):
        found["autoScalingGroups"] = names
    if given.get("TerminationHookEnabled"):
        found["terminationHookEnabled"] = True
    for name, kind in (("Ec2TagSet", "ec2TagSet"), ("OnPremisesTagSet", "onPremisesTagSet")):
        if tags := given.get(name):
            member = "Ec2TagGroup" if name == "Ec2TagSet" else "OnPremisesTagGroup"
            groups = next(iter(tags.values()))
            found[kind] = {f"{kind}List": [[_filter(each) for each in group[member]] for group in groups]}
    if (alarms := given.get("AlarmConfiguration", {})).get("Alarms"):
        found["alarmConfiguration"] = {
            "enabled": alarms["Enabled"],
            "ignorePollAlarmFailure": alarms.get("IgnorePollAlarmFailure", False),
            "alarms": [{"name": each["Name"]} for each in alarms["Alarms"]],
        }
    rollback = given["AutoRollbackConfiguration"]
    found["autoRollbackConfiguration"] = {
        name: rollback[member] for name, member in (("enabled", "Enabled"), ("events", "Events")) if member in rollback
    }
    if balancers := given.get("LoadBalancerInfo"):
        lists = {"TargetGroupInfoList": "targetGroupInfoList", "ElbInfoList": "elbInfoList"}
        found["loadBalancerInfo"] = {
            lists[name]: [{"name": each["Name"]} for each in named] for name, named in balancers.items()
        }
        assert given["DeploymentStyle"]["DeploymentOption"] == "WITH_TRAFFIC_CONTROL"
    return found


def _filter(given: dict[str, str]) -> dict[str, str]:
    return {name: given[name] for name in ("Key", "Value") if name in given}


def tagged(stack: Stack, module: Any) -> object:
    return module.ServerDeploymentGroup(
        stack,
        "Group",
        application=module.ServerApplication(stack, "App", application_name="shop"),
        deployment_group_name="web",
        deployment_config=module.ServerDeploymentConfig.HALF_AT_A_TIME,
        ec2_instance_tags=module.InstanceTagSet({"key1": ["v1", "v2"], "key2": ["v3"]}, {"stage": [], "": ["prod"]}),
        on_premise_instance_tags=module.InstanceTagSet({"key1": ["v1"]}),
    )


def scaled(stack: Stack, module: Any) -> object:
    vpc = ec2.Vpc(stack, "Vpc")
    groups = [
        autoscaling.AutoScalingGroup(
            stack,
            name,
            vpc=vpc,
            instance_type=ec2.InstanceType("t3.micro"),
            machine_image=ec2.MachineImage.latest_amazon_linux2023(),
        )
        for name in ("First", "Second")
    ]
    group = module.ServerDeploymentGroup(
        stack,
        "Group",
        application=module.ServerApplication(stack, "App", application_name="shop"),
        deployment_group_name="web",
        auto_scaling_groups=groups[:1],
        install_agent=False,
        termination_hook=True,
    )
    group.add_auto_scaling_group(groups[1])
    return group


def watched(stack: Stack, module: Any) -> object:
    def alarm(name: str) -> cloudwatch.Alarm:
        metric = cloudwatch.Metric(namespace="shop", metric_name=name)
        return cloudwatch.Alarm(stack, name, metric=metric, threshold=1, evaluation_periods=1)

    group = module.ServerDeploymentGroup(
        stack,
        "Group",
        ec2_instance_tags=module.InstanceTagSet({"app": ["web"]}),
        alarms=[alarm("Errors")],
        ignore_poll_alarms_failure=True,
        auto_rollback=module.AutoRollbackConfig(stopped_deployment=True),
    )
    group.add_alarm(alarm("Latency"))
    return group


def without_rollback(stack: Stack, module: Any) -> object:
    config = module.AutoRollbackConfig(failed_deployment=False, stopped_deployment=False, deployment_in_alarm=False)
    tags = module.InstanceTagSet({"app": ["web"]})
    return module.ServerDeploymentGroup(stack, "Group", ec2_instance_tags=tags, auto_rollback=config)


def balanced(stack: Stack, module: Any) -> object:
    vpc = ec2.Vpc(stack, "Vpc")
    application = elbv2.ApplicationTargetGroup(stack, "Alb", vpc=vpc, port=80)
    network = elbv2.NetworkTargetGroup(stack, "Nlb", vpc=vpc, port=80)
    return module.ServerDeploymentGroup(
        stack,
        "Group",
        ec2_instance_tags=module.InstanceTagSet({"app": ["web"]}),
        load_balancers=[module.LoadBalancer.application(application), module.LoadBalancer.network(network)],
    )


def classic(stack: Stack, module: Any) -> object:
    balancer = elb.LoadBalancer(stack, "Elb", vpc=ec2.Vpc(stack, "Vpc"))
    return module.ServerDeploymentGroup(
        stack,
        "Group",
        ec2_instance_tags=module.InstanceTagSet({"app": ["web"]}),
        load_balancer=module.LoadBalancer.classic(balancer),
    )


@pytest.mark.parametrize("build", [tagged, scaled, watched, without_rollback, balanced, classic])
def test_the_same_app_means_the_same(build: Build) -> None:
    assert registered(build) == of_codedeploy(build)


def test_a_configuration_means_the_same() -> None:
    def build(stack: Stack, module: Any) -> object:
        zones = module.ZonalConfig(
            monitor_duration=Duration.minutes(30),
            first_zone_monitor_duration=Duration.minutes(60),
            minimum_healthy_hosts_per_zone=module.MinimumHealthyHostsPerZone.count(1),
        )
        least = module.MinimumHealthyHosts.percentage(75)
        return module.ServerDeploymentConfig(stack, "Config", minimum_healthy_hosts=least, zonal_config=zones)

    theirs = only(user_template(build, codedeploy), "AWS::CodeDeploy::DeploymentConfig")
    ours = only(user_template(build, stepdeploy.cdk), "Custom::StepDeployDeploymentConfig")
    found = registered_config(ours["DeploymentConfigName"], ours["Config"])
    least, zones = theirs["MinimumHealthyHosts"], theirs["ZonalConfig"]
    assert found.minimum and found.zonal and found.zonal.minimum
    assert (found.minimum.type, found.minimum.value) == (least["Type"], least["Value"])
    assert found.zonal.monitor_seconds == zones["MonitorDurationInSeconds"]
    assert found.zonal.first_monitor_seconds == zones["FirstZoneMonitorDurationInSeconds"]
    per_zone = zones["MinimumHealthyHostsPerZone"]
    assert (found.zonal.minimum.type, found.zonal.minimum.value) == (per_zone["Type"], per_zone["Value"])


def test_a_configuration_that_changes_gets_another_name() -> None:
    def name(hosts: int) -> str:
        def build(stack: Stack, module: Any) -> object:
            least = module.MinimumHealthyHosts.count(hosts)
            return module.ServerDeploymentConfig(stack, "Config", minimum_healthy_hosts=least)

        return str(
            only(user_template(build, stepdeploy.cdk), "Custom::StepDeployDeploymentConfig")["DeploymentConfigName"]
        )

    assert name(1) == name(1) != name(2)


def test_hooks_are_those_that_the_engine_answers() -> None:
    made = user_template(scaled, stepdeploy.cdk)
    found = [plain(each["Properties"]) for each in resources(made, "AWS::AutoScaling::LifecycleHook").values()]
    assert len(found) == 4 and {each["NotificationMetadata"] for each in found} == {"shop/web"}
    for kind in HookKind:
        of_kind = [each for each in found if each["LifecycleHookName"] == hook_name(kind, "shop/web")]
        assert {each["LifecycleTransition"] for each in of_kind} == {TRANSITIONS[kind]} and len(of_kind) == 2
        assert {each["DefaultResult"] for each in of_kind} == {DEFAULT_RESULTS[kind].value}
        assert {each["HeartbeatTimeout"] for each in of_kind} == {HEARTBEAT_SECONDS} == {hooks.HEARTBEAT_SECONDS}
    (group,) = resources(made, "Custom::StepDeployDeploymentGroup").values()
    assert set(resources(made, "AWS::AutoScaling::LifecycleHook")) < set(group["DependsOn"])


def test_the_service_token_is_the_engines_function_and_the_contract_has_one_version() -> None:
    for context, engine in (({}, STACK), ({registration.ENGINE: "staging"}, "staging")):
        found = plain(only(user_template(tagged, stepdeploy.cdk, **context), "Custom::StepDeployDeploymentGroup"))
        assert found["ServiceToken"].endswith(f":function:{engine}-register")
        assert found["Version"] == register.VERSION


def test_that_function_has_this_name(template: dict[str, Any]) -> None:
    names = {each["Properties"]["FunctionName"] for each in resources(template, "AWS::Lambda::Function").values()}
    assert f"{STACK}-register" in names
    permitted = json.dumps(resources(template, "AWS::Lambda::Permission"))
    assert "Register" not in permitted, "who deploys a stack calls it with his own rights"


def test_what_codedeploy_has_not_is_given_by_extensions_and_a_role_is_kept() -> None:
    def build(stack: Stack, module: Any) -> object:
        role = iam.Role.from_role_arn(stack, "Role", ROLE)
        tags = module.InstanceTagSet({"app": ["web"]})
        more = {"onBusy": "queue", "bakeTime": "5m"}
        return module.ServerDeploymentGroup(stack, "Group", ec2_instance_tags=tags, role=role, extensions=more)

    found = registered(build)
    assert (found["onBusy"], found["bakeTime"], found["serviceRoleArn"]) == ("queue", "5m", ROLE)


@pytest.mark.parametrize(
    ("props", "says"),
    [
        ({}, "selects no host: give ec2_instance_tags"),
        ({"termination_hook": True}, "termination_hook: has no effect without auto_scaling_groups"),
        ({"auto_rollback": {"deployment_in_alarm": True}}, "deployment_in_alarm: no alarm is watched"),
        ({"extensions": {"ec2TagFilters": []}}, "ec2TagFilters belongs to a prop of the construct: give ec2_instance"),
    ],
)
def test_what_can_be_known_at_synth_is_said_at_synth(props: dict[str, Any], says: str) -> None:
    def build(stack: Stack, module: Any) -> object:
        return module.ServerDeploymentGroup(stack, "Group", **props)

    with pytest.raises(RuntimeError, match=says):
        user_template(build, stepdeploy.cdk)
