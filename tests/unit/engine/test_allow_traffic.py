"""A host comes back into its load balancers: when it is healthy, and why it is not."""

import pytest

from tests.fakes.load_balancers import NOT_IN_USE
from tests.unit.behind import UNHEALTHY, Behind, allowed, assert_out, named, refuse
from tests.unit.two_targets import World


def test_a_host_that_does_not_get_healthy_fails_as_soon_as_the_balancer_is_sure(behind: Behind, world: World) -> None:
    allowed(behind, world)
    behind.v2.fares(behind.arn, "i-0", 9090, UNHEALTHY)
    behind.look()
    assert "t-2" not in world.tokens.told, "it may be about to come up"
    behind.look(100)
    assert_out(world, "target group web: i-0 (port 9090) is unhealthy: Health checks failed (Target.FailedHealth")


def test_a_host_that_gets_healthy_late_is_well(behind: Behind, world: World) -> None:
    allowed(behind, world)
    behind.v2.fares(behind.arn, "i-0", 9090, {"State": "initial", "Reason": "Elb.InitialHealthChecking"})
    behind.look(1000)
    behind.v2.fares(behind.arn, "i-0", 9090, {"State": "unavailable", "Reason": "Target.HealthCheckDisabled"})
    behind.look(1010)
    assert world.tokens.told["t-2"] == {"status": "Succeeded"}, "without health checks there is nothing to wait for"


def test_a_host_waits_an_hour_at_most(behind: Behind, world: World) -> None:
    allowed(behind, world)
    behind.v2.fares(behind.arn, "i-0", 9090, {"State": "initial", "Reason": "Elb.InitialHealthChecking"})
    behind.look(3500)
    assert "t-2" not in world.tokens.told
    behind.look(3700)
    assert_out(world, "waited 3700 of 3600 seconds")


def test_a_target_group_that_gets_no_traffic_is_not_waited_for(behind: Behind, world: World) -> None:
    allowed(behind, world)
    behind.v2.fares(behind.arn, "i-0", 8080, NOT_IN_USE)
    behind.look()
    assert_out(world, "is unused", "Target.NotInUse")


def test_a_registration_that_is_refused_fails_with_awss_words(
    behind: Behind, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.run("t-1")
    behind.install()
    monkeypatch.setattr(behind.v2, "register_targets", refuse("InvalidTarget"))
    world.run("t-2")
    assert_out(world, "target group web: InvalidTarget")
    assert named(behind.registered) == {("old", None)}, "the others have it back"


def test_a_target_group_deleted_in_the_middle_is_told(
    behind: Behind, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    allowed(behind, world)
    monkeypatch.setattr(behind.v2, "describe_target_health", refuse("TargetGroupNotFound"))
    behind.look()
    assert_out(world, "target group web: TargetGroupNotFound")


def test_a_throttled_look_knows_nothing(behind: Behind, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    allowed(behind, world)
    with monkeypatch.context() as busy:
        busy.setattr(behind.v2, "describe_target_health", refuse("Throttling"))
        behind.look(4000)
    assert "t-2" not in world.tokens.told
    behind.look(4010)
    assert world.tokens.told["t-2"] == {"status": "Succeeded"}


def test_a_look_is_one_call_for_each_load_balancer_and_not_too_often(behind: Behind, world: World) -> None:
    allowed(behind, world)
    behind.v2.fares(behind.arn, "i-0", 8080, {"State": "initial", "Reason": "Elb.InitialHealthChecking"})
    behind.v2.operations.clear()
    for seconds in (3, 3.5, 3.7, 6):
        behind.look(seconds)
    assert behind.v2.operations == ["DescribeTargetHealth"] * 2
