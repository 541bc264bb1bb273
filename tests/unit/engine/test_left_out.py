"""A host that stays out of its load balancers, by a failure or a stop, and how it comes back."""

from dataclasses import replace

import pytest

from functions.core.rollout import stop_mark
from functions.core.statuses import TargetStatus
from functions.store.records import deployments, hosts
from tests.unit.behind import ALL, ID, SETTINGS, Behind, allowed, named, told
from tests.unit.two_targets import NOW, World


def test_a_host_left_out_is_brought_back_by_the_next_deployment(behind: Behind, world: World) -> None:
    world.run("t-1")
    behind.install(status="Failed")
    world.done(segment_result={"status": "Failed"})
    target = world.target()
    assert target.status is TargetStatus.FAILED and len(target.out_of) == 3 and behind.registered == set()
    assert hosts.get(target.group_id or "", "i-0") == hosts.of(target.group_id or "")[0]
    behind.use(SETTINGS)  # as the next deployment, of the same group
    world.run("t-3")
    assert told(world, 1).drain is None, "it has no traffic"
    behind.install("c-1")
    world.run("t-4")
    behind.look()
    world.done()
    host = hosts.get(target.group_id or "", "i-0")
    assert named(behind.registered) == ALL and host and host.out_of == ()


def test_who_prefers_capacity_has_a_failed_host_back(world: World) -> None:
    behind = Behind(world, replace(SETTINGS, reregister_on_failure=True))
    world.run("t-1")
    behind.install(status="Failed")
    world.done(segment_result={"status": "Failed"})
    host = hosts.get(world.target().group_id or "", "i-0")
    assert named(behind.registered) == ALL and world.target().out_of == () and host and host.out_of == ()


@pytest.mark.parametrize("cancels", [False, True])
def test_a_stop_between_block_and_allow_is_on_record(behind: Behind, world: World, cancels: bool) -> None:
    world.run("t-1")
    mark = stop_mark.by_alarms(["errors"], NOW) if cancels else stop_mark.by_person("me", NOW)
    behind.install()
    deployments.mark_stop(ID, mark)
    world.run("t-2")
    if cancels:
        assert world.tokens.told["t-2"] == {"status": "Failed"}
        world.done(segment_result={"status": "Failed"})
        assert len(world.target().out_of) == 3
    else:
        assert "t-2" not in world.tokens.told and named(behind.registered) == ALL, "it goes all its way"


def test_a_stop_that_cancels_ends_the_wait_for_health(behind: Behind, world: World) -> None:
    allowed(behind, world)
    behind.v2.fares(behind.arn, "i-0", 8080, {"State": "initial", "Reason": "Elb.InitialHealthChecking"})
    deployments.mark_stop(ID, stop_mark.by_alarms(["errors"], NOW))
    behind.look()
    assert world.tokens.told["t-2"] == {"status": "Failed"}
