"""Instances of Auto Scaling groups that wait, leave or are ended: watch, target_done, lifecycle_action."""

import json
from dataclasses import replace
from typing import Any

import pytest

from functions.aws.clients import client
from functions.core.auto_scaling import HEARTBEAT_SECONDS
from functions.core.causes import Cause
from functions.core.records import AutoScaling, Deployment, GroupSettings, Launch, LifecycleAction
from functions.core.statuses import Creator, DeploymentStatus, TargetStatus
from functions.core.text.shapes import to_plain
from functions.handlers import lifecycle_action, watch
from functions.store.keys import deployment_key, scaling_group_key, target_key
from functions.store.records import deployments, pacer, watching
from tests.conftest import LambdaContext, put_item
from tests.store import Store
from tests.unit.news import deployment, item_of
from tests.unit.two_targets import World, later, message

INSTANCE = "i-0123456789abcdef0"
ACTION = LifecycleAction(scaling_group="fleet", instance_id=INSTANCE, hook="stepdeploy-launch-shop-web")
LAUNCH = deployment(
    DeploymentStatus.IN_PROGRESS,
    creator=Creator.AUTO_SCALING,
    launch=Launch(action=ACTION, brought_by="d-GOOD00000"),
)
SETTINGS = GroupSettings(auto_scaling=AutoScaling(groups=("fleet",)))


@pytest.fixture
def fleet(services: None) -> Any:
    """An Auto Scaling group with an instance that waits."""
    service = client("autoscaling")
    zones = ["us-east-1a"]
    service.create_auto_scaling_group(AutoScalingGroupName="fleet", MinSize=0, MaxSize=9, AvailabilityZones=zones)
    service.put_member("fleet", INSTANCE, "Pending:Wait")
    return service


@pytest.fixture
def launch(store: Store, fleet: Any) -> Deployment:
    """A deployment to the instance, on record, long since without a heartbeat."""
    put_item(item_of(LAUNCH))
    return LAUNCH


@pytest.fixture
def member(world: World, fleet: Any) -> World:
    """The first of two targets belongs to the Auto Scaling group, which is the deployment group's."""
    put_item({**deployment_key("d-000000001").item, **to_plain(replace(world.deployment, settings=SETTINGS))})
    target = replace(world.target(), scaling_group="fleet")
    put_item({**target_key("d-000000001", "i-0").item, **to_plain(target), "segments": {}})
    put_item(scaling_group_key("fleet", "shop/web").item)
    fleet.put_member("fleet", "i-0")
    return world


def look(context: LambdaContext, *, minutes: float = 0) -> float:
    """A turn of the watch, some time later; the seconds that it rests."""
    turn = watching.turn(LAUNCH.deployment_id).number
    with later(minutes=minutes):
        told = {"Records": [message(json.dumps({"deployment_id": LAUNCH.deployment_id, "turn": turn}))]}
        assert watch.handler(told, context) == {"batchItemFailures": []}
        rests = watching.turn(LAUNCH.deployment_id)
        return (rests.next_at - pacer.now()) / 1000


def stop_of(launch: Deployment) -> Any:
    found = deployments.get(launch.deployment_id)
    assert found
    return found.stop


def test_auto_scaling_hears_three_times_in_its_patience_that_it_goes_on(
    launch: Deployment, fleet: Any, context: LambdaContext
) -> None:
    look(context)
    look(context)
    assert fleet.heartbeats == [INSTANCE]
    look(context, minutes=HEARTBEAT_SECONDS / 3 / 60 + 0.1)
    assert fleet.heartbeats == [INSTANCE] * 2
    assert stop_of(launch) is None


def test_a_deployment_to_an_instance_that_is_waited_for_no_more_stops(
    launch: Deployment, fleet: Any, context: LambdaContext
) -> None:
    fleet.put_member("fleet", INSTANCE, "Terminating")
    look(context)
    assert fleet.heartbeats == [] and "does not wait" in stop_of(launch).message


def test_a_heartbeat_that_is_throttled_is_given_soon(launch: Deployment, fleet: Any, context: LambdaContext) -> None:
    def throttle(operation: str) -> None:
        raise fleet.refuse("Throttling", operation)

    fleet.before = throttle
    assert look(context) <= 60, "the instance would be ended after three such heartbeats"
    fleet.before = lambda operation: None
    look(context, minutes=1)
    assert fleet.heartbeats == [INSTANCE] and stop_of(launch) is None


@pytest.mark.parametrize("state", ["Terminating", "Terminating:Wait", None])
def test_a_target_that_auto_scaling_ends_has_not_failed(state: str | None, member: World, fleet: Any) -> None:
    member.run("t-1")
    if state:
        fleet.put_member("fleet", "i-0", state)
    else:
        fleet.remove_member("fleet", "i-0")
    member.done(error={"Error": "Lambda.Unknown", "Cause": "it is gone"}, segment_result=None)
    target = member.target()
    assert target.status is TargetStatus.SKIPPED and target.failure and target.failure.cause is Cause.TERMINATED


def test_a_target_that_serves_on_has_failed(member: World) -> None:
    member.run("t-1")
    member.done(error={"Error": "Lambda.Unknown", "Cause": "a bug"}, segment_result=None)
    assert member.target().status is TargetStatus.FAILED


def test_what_waits_for_an_instance_that_auto_scaling_has_ended_goes_on(
    member: World, fleet: Any, context: LambdaContext
) -> None:
    member.run("t-1")
    fleet.remove_member("fleet", "i-0")
    detail = {"AutoScalingGroupName": "fleet", "EC2InstanceId": "i-0"}
    told = {"detail-type": "EC2 Instance Terminate Successful", "detail": detail}
    assert lifecycle_action.handler({"Records": [message(json.dumps(told))]}, context) == {"batchItemFailures": []}
    assert member.tokens.told == {"t-1": {"status": "Failed"}}
    member.done(segment_result={"status": "Failed"})
    assert member.target().status is TargetStatus.SKIPPED
