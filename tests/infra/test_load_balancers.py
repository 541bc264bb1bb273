"""Which load balancers the engine may move hosts in and out of: those that are named, and nothing beside them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Stack
from aws_cdk.aws_ec2 import Vpc
from aws_cdk.aws_elasticloadbalancingv2 import ApplicationTargetGroup, ITargetGroup, TargetType

from functions.core.errors import InvalidInput
from infra.app import ROOT, STACK, engine_app
from infra.checks.permissions import context, grants
from tests.infra.conftest import NAMING, TARGET_GROUP, UNCHECKED, Synthesized, only

MOVES = {"RegisterTargets", "DeregisterTargets"}
CLASSIC_MOVES = {"RegisterInstancesWithLoadBalancer", "DeregisterInstancesFromLoadBalancer"}


def granted(template: Mapping[str, Any]) -> dict[str, dict[str, set[str]]]:
    """Actions of Elastic Load Balancing by role and resource."""
    found: dict[str, dict[str, set[str]]] = {}
    for grant in grants(template):
        if own := {each.partition(":")[2] for each in grant.actions if each.startswith("elasticloadbalancing:")}:
            found.setdefault(grant.role, {})[grant.resource] = own
    return found


def test_hosts_are_moved_in_the_named_and_used_ones_alone(named: Synthesized) -> None:
    found = granted(named.template)
    assert set(found) == {"Plan", "Prepare", "RunSegment", "TargetDone", "Watch"}
    moves = {
        "elasticloadbalancing targetgroup/web/*": MOVES,
        TARGET_GROUP: MOVES,
        "elasticloadbalancing loadbalancer/old": CLASSIC_MOVES,
    }
    for role in ("RunSegment", "Watch"):
        assert {resource: actions for resource, actions in found[role].items() if resource != "*"} == moves
    registers = {"RegisterTargets", "RegisterInstancesWithLoadBalancer"}
    assert found["TargetDone"] == {resource: actions & registers for resource, actions in moves.items()}
    for role in ("Plan", "Prepare"):
        assert set(found[role]) == {"*"}, "it looks, and moves nothing"


def test_on_everything_there_are_only_describe_actions(named: Synthesized) -> None:
    for role in granted(named.template).values():
        assert all(action.startswith("Describe") for action in role.get("*", ()))


def test_who_names_no_load_balancer_grants_nothing(local: Synthesized) -> None:
    assert granted(local.template) == {}
    assert "TargetGroupArns" not in only(local.template, "Custom::Declaration")


def test_a_target_group_of_the_same_app_goes_by_the_name_in_the_file(tmp_path: Path) -> None:
    template = synthesize_with_own(tmp_path, "web").template
    (arn, name), *others = [
        (resource, actions) for resource, actions in granted(template)["RunSegment"].items() if "Shop" in resource
    ]
    assert (others, name) == ([], MOVES) and "targetgroup/web/*" not in str(granted(template))
    assert "WebGroup" in arn
    properties = only(template, "Custom::Declaration")
    assert list(properties["TargetGroupArns"]) == ["web"] and "Fn::ImportValue" in str(properties["TargetGroupArns"])


def test_one_of_the_app_that_the_file_does_not_name_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"names no target group other, which app\.py makes"):
        synthesize_with_own(tmp_path, "other")


def synthesize_with_own(folder: Path, name: str) -> Synthesized:
    declared = folder / "deployments.yaml"
    declared.write_text(NAMING)

    def make(app: App) -> Mapping[str, ITargetGroup]:
        stack = Stack(app, "Shop")
        vpc = Vpc.from_vpc_attributes(stack, "Network", vpc_id="vpc-1", availability_zones=["us-east-1a"])
        return {name: ApplicationTargetGroup(stack, "WebGroup", vpc=vpc, port=80, target_type=TargetType.INSTANCE)}

    out = folder / "out"
    given = {**context(ROOT), "declaration": str(declared)}
    with engine_app(target_groups=make, outdir=str(out), context=given, **UNCHECKED) as app:
        app.synth()
    assert (out / f"{STACK}.template.json").is_file()
    return Synthesized(folder=out)
