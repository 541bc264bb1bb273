"""A host leaves its load balancers before it is changed: what is taken out, and what is on record of it."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from functions.core.records import Deployment, Registration
from functions.core.statuses import Drain, TargetStatus
from functions.store.records import deployments, hosts
from tests.fakes.load_balancers import DRAINING
from tests.fakes.service import refusal
from tests.unit.behind import ALL, ID, SETTINGS, Behind, boom, event, named, refuse, told
from tests.unit.two_targets import World


def test_a_host_leaves_everything_before_its_command_and_comes_back_as_it_was(
    behind: Behind, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Invariant 10."""
    assert named(behind.registered) == ALL
    send = world.ssm.send_command

    def send_to_one_that_is_out(**request: Any) -> dict[str, Any]:
        assert behind.registered == set()
        return send(**request)

    monkeypatch.setattr(world.ssm, "send_command", send_to_one_that_is_out)
    world.run("t-1")
    block = event(world.target(), "BlockTraffic")
    assert block.status == "Succeeded" and block.start_time and block.end_time
    assert "target group web (port 8080)" in block.diagnostics.message
    drain = told(world).drain
    assert drain and drain.ports == (8080, 9090) and 13 <= drain.at_least <= 15 and drain.at_most == 300
    behind.install()
    assert world.tokens.told["t-1"] == {"status": "Next"}
    assert world.target().out_of
    world.run("t-2")
    assert named(behind.registered) == ALL and "t-2" not in world.tokens.told
    assert event(world.target(), "AllowTraffic").status == "InProgress"
    behind.look()
    assert world.tokens.told["t-2"] == {"status": "Succeeded"}
    world.done()
    allow = event(world.target(), "AllowTraffic")
    assert allow.status == "Succeeded" and "Healthy in target group web" in allow.diagnostics.message
    assert world.target().status is TargetStatus.SUCCEEDED and world.target().out_of == ()
    host = hosts.get(world.target().group_id or "", "i-0")
    assert host and host.out_of == ()


def test_what_is_pinned_is_told_by_id_and_port(behind: Behind, world: World) -> None:
    world.run("t-1")
    traffic = world.target().traffic
    assert traffic and traffic.registered == (
        Registration(balancer=behind.arn, instance_id="i-0", port=8080),
        Registration(balancer=behind.arn, instance_id="i-0", port=9090),
        Registration(balancer="old", instance_id="i-0"),
    )


def test_the_deployment_has_its_load_balancers_on_record(behind: Behind, world: World) -> None:
    found: Deployment | None = deployments.get(ID)
    assert found and [each.kind for each in found.balancers] == ["target group web", "Classic Load Balancer old"]


def test_a_call_that_died_in_the_middle_of_a_block_is_repeated_from_what_is_on_record(
    behind: Behind, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as killed:
        killed.setattr(behind.classic, "deregister_instances_from_load_balancer", boom)
        with pytest.raises(RuntimeError, match="killed"):
            world.run("t-1")
    assert named(behind.registered) == {("old", None)}, "the target group is left already"
    world.run("t-2")
    traffic = world.target().traffic
    assert behind.registered == set() and traffic and len(traffic.registered) == 3 and not traffic.was_out


@pytest.mark.parametrize("where", ["deregister_targets", "register_targets", "describe_target_health"])
def test_what_is_throttled_the_watch_does_later(
    behind: Behind, world: World, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """Invariant 9."""
    if where == "register_targets":
        world.run("t-1")
        behind.install()
    with monkeypatch.context() as busy:
        busy.setattr(behind.v2, where, refuse("Throttling"))
        world.run("t-2")
        behind.look()
    assert "t-2" not in world.tokens.told and world.target().status is TargetStatus.IN_PROGRESS
    behind.look(10)
    behind.look(20)
    is_back = where == "register_targets"
    assert world.tokens.told["t-2"] == {"status": "Succeeded" if is_back else "Next"}
    assert named(behind.registered) == (ALL if is_back else set())


@pytest.mark.parametrize("at_once", [1, 6])
def test_moves_that_are_taken_one_at_a_time_come_to_an_end(
    behind: Behind, world: World, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    """Invariant 9: what is done already takes no request of those that AWS takes."""
    left = 0

    def at_a_time(call: Callable[..., Any], **request: Any) -> Any:
        nonlocal left
        if left == 0:
            raise refusal("Throttling")
        left -= 1
        return call(**request)

    for client, moves in (
        (behind.v2, ("deregister_targets", "register_targets")),
        (behind.classic, ("deregister_instances_from_load_balancer", "register_instances_with_load_balancer")),
    ):
        for each in moves:
            monkeypatch.setattr(client, each, partial(at_a_time, getattr(client, each)))
    behind.use(SETTINGS, at_once)
    world.run("t-1")
    for seconds in (10, 20, 30):
        left = 1
        behind.look(seconds)
    assert world.tokens.told["t-1"] == {"status": "Next"} and behind.registered == set()
    world.run("t-2")
    behind.install()
    world.run("t-3")
    for seconds in (110, 120, 130, 140):
        left = 1
        behind.look(seconds)
    assert world.tokens.told["t-3"] == {"status": "Succeeded"} and named(behind.registered) == ALL


def test_a_target_group_deleted_before_the_block_keeps_no_host_from_the_others(
    behind: Behind, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(behind.v2, "describe_target_health", refuse("TargetGroupNotFound"))
    world.run("t-1")
    traffic = world.target().traffic
    assert traffic and [each.balancer for each in traffic.registered] == ["old"] and len(world.ssm.sent) == 1


def test_a_host_in_none_of_them_has_nothing_to_leave_and_comes_into_all(world: World) -> None:
    behind = Behind(world)
    for port in behind.ports:
        behind.v2.deregister_targets(TargetGroupArn=behind.arn, Targets=[{"Id": "i-0", "Port": port}])
    behind.classic.deregister_instances_from_load_balancer(LoadBalancerName="old", Instances=[{"InstanceId": "i-0"}])
    behind.v2.operations.clear()
    world.run("t-1")
    assert "DeregisterTargets" not in behind.v2.operations and told(world).drain is None
    assert "nothing to deregister" in event(world.target(), "BlockTraffic").diagnostics.message
    behind.install()
    world.run("t-2")
    assert named(behind.registered) == {("web", 80), ("old", None)}


def test_a_host_that_is_leaving_already_drains_too(behind: Behind, world: World) -> None:
    for port in behind.ports:
        behind.v2.fares(behind.arn, "i-0", port, DRAINING)
    behind.classic.deregister_instances_from_load_balancer(LoadBalancerName="old", Instances=[{"InstanceId": "i-0"}])
    world.run("t-1")
    assert told(world).drain


def test_drain_elb_waits_until_the_load_balancers_have_let_go(world: World) -> None:
    behind = Behind(world, replace(SETTINGS, drain=Drain.ELB))
    world.run("t-1")
    for port in behind.ports:
        behind.v2.fares(behind.arn, "i-0", port, DRAINING)
    behind.look()
    assert world.tokens.told == {} and not world.ssm.sent
    for port in behind.ports:
        behind.v2.deregister_targets(TargetGroupArn=behind.arn, Targets=[{"Id": "i-0", "Port": port}])
    behind.look(6)
    assert world.tokens.told == {"t-1": {"status": "Next"}}
    world.run("t-2")
    assert told(world).drain is None
