"""So many hosts at a time that the watch moves them, in one call for each load balancer."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from functions.aws import tokens
from functions.core.quotas import MAX_LOAD_BALANCERS
from functions.core.records import Target
from functions.core.statuses import Drain, TargetStatus
from functions.core.text.shapes import to_plain
from functions.engine.running import traffic
from functions.engine.running.traffic import seconds_between_looks
from functions.store.keys import deployment_key
from functions.store.records import targets, watching
from functions.store.records.watching import Wait
from tests.conftest import put_item
from tests.unit.behind import ALL, ID, SETTINGS, Behind, assert_out, boom, named, refuse, told
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


def test_a_host_that_waits_anew_before_its_old_wait_is_removed_is_found(
    crowd: Behind, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Invariant 3: a turn that moves many hosts may take longer than the first of them need to come back."""
    world.run("t-1")
    remove = watching.remove

    def late(deployment_id: str, waits: list[Wait]) -> None:
        if waits:
            world.run("t-2")
            crowd.install()
            world.run("t-3")
        remove(deployment_id, waits)

    with monkeypatch.context() as slow:
        slow.setattr(watching, "remove", late)
        crowd.look()
    crowd.look(100)
    crowd.look(110)
    assert world.tokens.told["t-3"] == {"status": "Succeeded"}


@pytest.mark.parametrize("is_last", [False, True])
def test_what_a_watch_did_not_live_to_tell_is_told_by_the_next_turn(
    crowd: Behind, world: World, monkeypatch: pytest.MonkeyPatch, is_last: bool
) -> None:
    """Invariant 3."""
    world.run("t-1")
    if is_last:
        crowd.look()
        world.run("t-2")
        crowd.install()
        world.run("t-3")
        crowd.look(100)
    token = "t-3" if is_last else "t-1"
    with monkeypatch.context() as killed:
        killed.setattr(tokens, "succeed", boom)
        crowd.look(110)
    assert token not in world.tokens.told
    crowd.look(200)
    assert world.tokens.told[token] == {"status": "Succeeded" if is_last else "Next"}


def test_of_two_calls_for_one_target_none_is_forgotten(
    crowd: Behind, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Invariant 3: which of them is late, nobody can tell."""
    wait = targets.await_traffic

    def after_another(*given: Any) -> Target:
        monkeypatch.setattr(targets, "await_traffic", wait)
        world.run("t-1b")
        return wait(*given)

    monkeypatch.setattr(targets, "await_traffic", after_another)
    world.run("t-1")
    crowd.look()
    assert world.tokens.told["t-1b"]["status"] == "Wait" and world.tokens.told["t-1"] == {"status": "Next"}


def test_a_state_that_asks_again_while_its_host_is_moved_is_told_by_its_new_token(
    crowd: Behind, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Invariant 3."""
    tokens_again = iter(("t-1b", "t-3b"))

    def after_another(call: Callable[..., Any]) -> Callable[..., Any]:
        def called(*given: Any, **request: Any) -> Any:
            world.run(next(tokens_again))
            return call(*given, **request)

        return called

    world.run("t-1")
    with monkeypatch.context() as late:
        late.setattr(traffic, "_as_it_is", after_another(traffic._as_it_is))
        crowd.look()
    assert world.tokens.told["t-1b"] == {"status": "Next"}
    world.run("t-2")
    crowd.install()
    world.run("t-3")
    with monkeypatch.context() as late:
        late.setattr(crowd.v2, "register_targets", after_another(crowd.v2.register_targets))
        crowd.look(100)
    crowd.look(110)
    assert world.tokens.told["t-3b"] == {"status": "Succeeded"}


@pytest.mark.parametrize(("times", "is_watched"), [(2, False), (3, True)])
def test_few_hosts_in_many_load_balancers_are_moved_by_the_watch_too(
    behind: Behind, world: World, times: int, is_watched: bool
) -> None:
    """Elastic Load Balancing takes twenty moves at once: five hosts out of four load balancers."""
    behind.use(SETTINGS, at_once=5)
    one = world.deployment
    put_item({**deployment_key(ID).item, **to_plain(replace(one, balancers=one.balancers * times))})
    world.run("t-1")
    assert (behind.v2.operations == []) is is_watched


@pytest.mark.parametrize("balancers", range(1, 1 + 2 * MAX_LOAD_BALANCERS))
def test_the_looks_keep_to_what_elastic_load_balancing_takes(balancers: int) -> None:
    """Its two APIs have token buckets of their own, which everybody in the account shares: ten reads a second, and
    four moves. In one look all leave and all come back."""
    of_one_api, every = min(balancers, MAX_LOAD_BALANCERS), seconds_between_looks(balancers)
    assert of_one_api / every <= 10 / 5 and 2 * of_one_api / every <= 4
    assert balancers / every <= 1 or balancers > 5


def test_many_hosts_leave_with_drain_elb(world: World) -> None:
    crowd = Behind(world)
    crowd.use(replace(SETTINGS, drain=Drain.ELB), at_once=6)
    world.run("t-1")
    crowd.look()
    assert crowd.registered == set() and world.tokens.told == {}
    crowd.look(6)
    assert world.tokens.told == {"t-1": {"status": "Next"}}
