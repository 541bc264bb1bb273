"""Prepare of a deployment behind load balancers: what is wrong is told, and each target gets its steps."""
# ruff: noqa: F811 - a test asks for a fixture by its name

import io
from dataclasses import replace

import pytest

from functions.aws.clients import client
from functions.core.records import NO_LOAD_BALANCERS, BlockTraffic, Deployment, Host, LoadBalancers, Segment
from functions.core.statuses import DeploymentErrorCode, TargetStatus
from functions.core.text.shapes import to_plain
from functions.engine.starting import balancers
from functions.engine.starting.preflight import Checks, preflight
from functions.store.keys import deployment_key, host_key, target_key
from functions.store.records import declared, hosts, targets
from host.lifecycle import LifecycleEvent
from tests.conftest import put_item
from tests.unit.handlers.test_prepare import NOW, World, archive, hooks, world  # noqa: F401 - a fixture

BEHIND = LoadBalancers(target_groups=("web",), classic=("old",), has_control=True)


def test_what_is_wrong_with_load_balancers_is_told_at_once_and_before_a_host_is_touched(world: World) -> None:
    declared.change_load_balancers(NO_LOAD_BALANCERS, BEHIND)
    client("elbv2").create_target_group(Name="web", Protocol="HTTP", Port=80, VpcId="vpc-0")
    world.launch(1)
    world.create(load_balancers=BEHIND)
    says = ["Classic Load Balancer old does not exist", "target group web is in no listener rule"]
    world.assert_refused(DeploymentErrorCode.ELASTIC_LOAD_BALANCING_INVALID, *says)


def test_load_balancers_that_deployments_yaml_names_no_more_are_not_asked_for(world: World) -> None:
    world.launch(1)
    world.create(load_balancers=BEHIND)
    says = "the engine may not use web, old: name it in deployments.yaml"
    world.assert_refused(DeploymentErrorCode.ELASTIC_LOAD_BALANCING_INVALID, says)
    assert client("elbv2").operations == client("elb").operations == []


def test_load_balancers_are_pinned_and_what_is_slow_is_logged(world: World, logged: io.StringIO) -> None:
    declared.change_load_balancers(NO_LOAD_BALANCERS, BEHIND)
    elb, elbv2, scaling = client("elb"), client("elbv2"), client("autoscaling")
    elb.create_load_balancer(LoadBalancerName="old", Listeners=[], AvailabilityZones=["us-east-1a"])
    made = elbv2.create_target_group(Name="web", Protocol="HTTP", Port=80, VpcId="vpc-0")
    arn = made["TargetGroups"][0]["TargetGroupArn"]
    front = elbv2.create_load_balancer(Name="front", Subnets=["subnet-us-east-1a"])["LoadBalancers"][0]
    actions = [{"Type": "forward", "TargetGroupArn": arn}]
    elbv2.create_listener(LoadBalancerArn=front["LoadBalancerArn"], DefaultActions=actions)
    scaling.create_auto_scaling_group(
        AutoScalingGroupName="asg", MinSize=0, MaxSize=1, AvailabilityZones=["us-east-1a"], HealthCheckType="ELB"
    )
    world.launch(1, scaling_group="asg")
    world.create(load_balancers=BEHIND)
    world.prepare()
    assert [each.kind for each in world.deployment.balancers] == ["target group web", "Classic Load Balancer old"]
    said = logged.getvalue()
    assert "waits up to 30 s for the first check" in said and "is in none of the group's load balancers" in said
    assert "Auto Scaling group asg has ELB health checks" in said and '"allow":300' in said


def test_load_balancers_without_traffic_control_are_not_asked_for(world: World) -> None:
    world.launch(1)
    world.create(load_balancers=replace(BEHIND, has_control=False))
    assert world.prepare()["proceed"] is True and client("elbv2").operations == []


def test_the_events_with_scripts_are_kept_with_the_revision(world: World) -> None:
    world.launch(1)
    world.create(
        archive(hooks("s") + "  BeforeBlockTraffic: [{location: s}]\n  ApplicationStop: []\n", s="#!/bin/sh\n")
    )
    world.prepare()
    assert world.deployment.revision.hooks == (LifecycleEvent.BEFORE_BLOCK_TRAFFIC, LifecycleEvent.AFTER_INSTALL)


def test_a_hosts_scripts_are_of_what_a_deployment_brought_and_unknown_where_one_failed(world: World) -> None:
    world.launch(3)
    one = world.create(archive(hooks("s"), s="#!/bin/sh\n"))
    world.prepare()
    good, bad, new = world.targets
    for each, status in ((good, TargetStatus.SUCCEEDED), (bad, TargetStatus.FAILED)):
        store_item = replace(each, status=TargetStatus.IN_PROGRESS)
        put_item({**target_key(one.deployment_id, each.target_id).item, **to_plain(store_item), "segments": {}})
        assert targets.finish(store_item, status, NOW)
        hosts.record_end(replace(store_item, status=status, started_at=NOW, last_updated_at=NOW))
    installed = preflight(world.deployment, Checks()).installed
    found = {each.target_id: installed.hooks(each.target_id) for each in world.targets}
    assert found == {good.target_id: (LifecycleEvent.AFTER_INSTALL,), bad.target_id: None, new.target_id: ()}


def test_each_host_has_the_steps_that_its_own_revision_and_the_new_one_have_scripts_for(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, block = LifecycleEvent.BEFORE_BLOCK_TRAFFIC, LifecycleEvent.BLOCK_TRAFFIC
    world.launch(2)
    one = world.create(archive(hooks("s").replace("AfterInstall", "AfterAllowTraffic"), s="#!/bin/sh\n"))
    put_item({**host_key(one.group_id, world.instances[1]).item, **to_plain(brought_before(one, first))})
    behind = replace(one, settings=replace(one.settings, load_balancers=BEHIND))
    put_item({**deployment_key(one.deployment_id).item, **to_plain(behind)})
    monkeypatch.setattr(balancers, "check_load_balancers", lambda deployment, instances: balancers.NONE)
    world.prepare()
    new, known = sorted(world.targets, key=lambda target: target.target_id)
    assert [type(step).__name__ for step in new.steps] == ["BlockTraffic", "Segment", "AllowTraffic", "Segment"]
    assert new.steps[0].events == (first, block) and known.steps[:2] == (Segment(events=(first,)), BlockTraffic())
    for target in (new, known):
        assert [event.name for event in target.events] == [event.value for event in LifecycleEvent]


def brought_before(like: Deployment, *hooks: LifecycleEvent) -> Host:
    """What a host has from an earlier deployment, which is on record."""
    before = replace(like, deployment_id="d-000000000", revision=replace(like.revision, hooks=hooks))
    put_item({**deployment_key(before.deployment_id).item, **to_plain(before)})
    return Host(target_id="i-00000000000000002", deployment_id="d-000000000", status=TargetStatus.SUCCEEDED, since=NOW)
