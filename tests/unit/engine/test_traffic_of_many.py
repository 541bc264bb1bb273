"""So many hosts at a time that the watch moves them, in one call for each load balancer."""

from dataclasses import replace

import pytest

from functions.core.statuses import Drain, TargetStatus
from tests.unit.behind import ALL, SETTINGS, Behind, assert_out, named, refuse, told
from tests.unit.two_targets import World


def test_many_hosts_are_moved_by_the_watch_in_one_call(crowd: Behind, world: World) -> None:
    world.run("t-1")
    assert crowd.v2.operations == [] and world.target().status is TargetStatus.IN_PROGRESS
    crowd.look()
    assert world.tokens.told == {"t-1": {"status": "Next"}} and crowd.registered == set()
    world.run("t-2")
    assert told(world).drain
    crowd.install()
    world.run("t-3")
    assert crowd.registered == set()
    crowd.look(100)
    assert named(crowd.registered) == ALL and "t-3" not in world.tokens.told
    crowd.look(110)
    assert world.tokens.told["t-3"] == {"status": "Succeeded"}


def test_no_part_of_a_second_is_taken_from_the_propagation(crowd: Behind, world: World) -> None:
    """Invariant 10."""
    world.run("t-1")
    crowd.look(3)
    world.run("t-2", minutes=3.6 / 60)
    drain = told(world).drain
    assert drain and drain.at_least == 15


def test_many_hosts_wait_where_the_watch_is_throttled(
    crowd: Behind, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.run("t-1")
    for operation in ("describe_target_health", "deregister_targets"):
        with monkeypatch.context() as busy:
            busy.setattr(crowd.v2, operation, refuse("Throttling"))
            crowd.look(10)
            assert world.tokens.told == {}
    crowd.look(20)
    assert world.tokens.told == {"t-1": {"status": "Next"}} and crowd.registered == set()


def test_a_host_that_is_refused_among_many_fails_alone(
    crowd: Behind, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.run("t-1")
    crowd.look()
    world.run("t-1b")
    crowd.install()
    world.run("t-2")
    monkeypatch.setattr(crowd.v2, "register_targets", refuse("InvalidTarget"))
    crowd.look(100)
    assert_out(world, "target group web: InvalidTarget")


def test_many_hosts_leave_with_drain_elb(world: World) -> None:
    crowd = Behind(world)
    crowd.use(replace(SETTINGS, drain=Drain.ELB), at_once=6)
    world.run("t-1")
    crowd.look()
    assert crowd.registered == set() and world.tokens.told == {}
    crowd.look(6)
    assert world.tokens.told == {"t-1": {"status": "Next"}}
