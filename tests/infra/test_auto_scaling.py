"""What the engine may do with Auto Scaling groups: with those that are named, and its own hooks there."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Stack
from aws_cdk.aws_autoscaling import AutoScalingGroup, IAutoScalingGroup
from aws_cdk.aws_ec2 import InstanceType, MachineImage, Vpc

from functions.core.auto_scaling import hook_name
from functions.core.errors import InvalidInput
from functions.core.records import HookKind
from infra.app import ROOT, engine_app
from infra.checks.permissions import context, grants
from tests.infra.conftest import NAMING, UNCHECKED, Synthesized, declared, resources


def granted(template: Mapping[str, Any]) -> dict[str, dict[str, set[str]]]:
    """Actions of Auto Scaling by role and the group's name."""
    found: dict[str, dict[str, set[str]]] = {}
    for grant in grants(template):
        if own := {each.partition(":")[2] for each in grant.actions if each.startswith("autoscaling:")}:
            found.setdefault(grant.role, {}).setdefault(grant.resource.rpartition("/")[2], set()).update(own)
    return found


def test_each_function_may_do_its_own_with_the_named_groups_alone(named: Synthesized) -> None:
    changes = {
        role: {group: actions for group, actions in found.items() if group != "*"}
        for role, found in granted(named.template).items()
    }
    wanted = {
        "Api": {"PutLifecycleHook", "DeleteLifecycleHook"},
        "FindLost": {"ResumeProcesses"},
        "Finish": {"ResumeProcesses"},
        "LifecycleAction": {"CompleteLifecycleAction"},
        "Plan": set(),
        "Prepare": {"SuspendProcesses"},
        "TargetDone": set(),
        "Watch": {"RecordLifecycleActionHeartbeat"},
    }
    assert changes == {
        role: dict.fromkeys(("fleet", "jobs", "open"), actions) if actions else {} for role, actions in wanted.items()
    }
    for found in granted(named.template).values():
        assert all(action.startswith("Describe") for action in found.get("*", ()))


def test_declared_groups_have_their_hooks_in_the_stack(named: Synthesized) -> None:
    found = resources(named.template, "AWS::AutoScaling::LifecycleHook").values()
    hooks = {each["Properties"]["LifecycleHookName"]: each["Properties"] for each in found}
    web, web_end = (hook_name(kind, "shop/web") for kind in HookKind)
    assert set(hooks) == {web, web_end, hook_name(HookKind.LAUNCH, "shop/job")}
    assert hooks[web] == {
        "AutoScalingGroupName": "fleet",
        "LifecycleHookName": web,
        "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING",
        "NotificationMetadata": "shop/web",
        "HeartbeatTimeout": 600,
        "DefaultResult": "ABANDON",
    }
    assert hooks[web_end]["DefaultResult"] == "CONTINUE"


def test_only_events_of_the_engines_hooks_and_groups_reach_it(named: Synthesized) -> None:
    patterns = [
        each["Properties"]["EventPattern"]
        for each in resources(named.template, "AWS::Events::Rule").values()
        if each["Properties"].get("EventPattern", {}).get("source") == ["aws.autoscaling"]
    ]
    assert [each["detail"] for each in sorted(patterns, key=lambda each: len(each["detail-type"]))] == [
        {"AutoScalingGroupName": ["fleet", "jobs", "open"]},
        {"LifecycleHookName": [{"prefix": "stepdeploy-"}], "AutoScalingGroupName": ["fleet", "jobs", "open"]},
    ]


def test_who_names_no_auto_scaling_group_grants_nothing(local: Synthesized) -> None:
    assert granted(local.template) == {}
    assert resources(local.template, "AWS::AutoScaling::LifecycleHook") == {}


def test_a_budget_of_an_auto_scaling_group_has_its_members_counted_and_nothing_more(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    budget = "{fleet: {autoScalingGroups: [fleet], maximumOutOfService: {type: HOST_COUNT, value: 1}}}"
    template = declared(tmp_path_factory, f"budgets: {budget}\napplications: {{}}\n").template
    counted = {"*": {"DescribeAutoScalingGroups"}}
    assert granted(template) == {"Api": counted, "Plan": counted, "Prepare": counted}


def synthesize_with_own(folder: Path, name: str) -> Synthesized:
    declared, out = folder / "deployments.yaml", folder / "out"
    declared.write_text(NAMING)

    def make(app: App) -> Mapping[str, IAutoScalingGroup]:
        stack = Stack(app, "Shop")
        vpc = Vpc.from_vpc_attributes(
            stack, "Network", vpc_id="vpc-1", availability_zones=["us-east-1a"], private_subnet_ids=["subnet-1"]
        )
        kind, image = InstanceType("t3.micro"), MachineImage.generic_linux({"us-east-1": "ami-12345678"})
        own = AutoScalingGroup(
            stack, "Fleet", vpc=vpc, instance_type=kind, machine_image=image, auto_scaling_group_name=name
        )
        return {name: own}

    with engine_app(
        scaling_groups=make, outdir=str(out), context={**context(ROOT), "declaration": str(declared)}, **UNCHECKED
    ) as app:
        app.synth()
    return Synthesized(folder=out)


def test_one_of_the_app_that_the_file_does_not_name_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"names no Auto Scaling group other, which app\.py makes"):
        synthesize_with_own(tmp_path, "other")
