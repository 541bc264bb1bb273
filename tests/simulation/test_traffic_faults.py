"""Behind load balancers, when something goes wrong: what is told, what comes back, and that nothing waits for ever.

Every test is of invariants 3 and 10: `broken` says what was not kept.
"""

from typing import Any

import pytest

from functions.core.causes import Cause
from functions.core.records import Target
from functions.core.statuses import DeploymentStatus, TargetStatus
from simulation.aws.functions import Crash
from simulation.aws.limits import Limits
from simulation.hosts import Fate
from simulation.result import Result
from simulation.scenario import OTHER_GROUP, Act, Deed
from simulation.trace import Seen
from simulation.world import World
from tests.simulation.test_traffic import run, world

SUCCEEDED, FAILED, STOPPED = DeploymentStatus.SUCCEEDED, DeploymentStatus.FAILED, DeploymentStatus.STOPPED
IN_THE_MIDDLE = 30  # seconds: half of the hosts have left and are drained, and are changed


def statuses(result: Result) -> list[str]:
    return [each.status for each in result.outcomes]


def failed(result: Result, number: int = 0) -> list[Target]:
    return [each for each in result.records[number][1] if each.status is TargetStatus.FAILED]


def is_whole(played: World) -> bool:
    """Whether all hosts are in all target groups that there are."""
    hosts = {each.host_id for each in played.fleet.hosts.values() if each.role in played.elb.roles}
    return all(set(registered) == hosts for registered in played.elb.registered.values())


def test_a_target_group_deleted_in_the_middle_fails_those_that_were_in_it() -> None:
    result = run(acts=(Act(IN_THE_MIDDLE, Deed.DELETE_TARGET_GROUP),))
    assert result.broken == () and statuses(result) == [FAILED, FAILED], "nor can the rollback use it"
    assert len(failed(result)) == 3
    for target in failed(result):
        assert target.failure and target.failure.cause is Cause.HEALTH
        assert "target group web-1: TargetGroupNotFound" in target.failure.message
        assert {each.shown for each in target.out_of} == {"target group web-0", "target group web-1"}


@pytest.mark.parametrize(
    ("operation", "rate"), [("DeregisterTargets", 0.1), ("RegisterTargets", 0.1), ("DescribeTargetHealth", 0.5)]
)
@pytest.mark.parametrize("hosts", [6, 14])
def test_throttling_only_makes_it_late(operation: str, rate: float, hosts: int) -> None:
    """Invariant 9. One call at a time, for two target groups; with many hosts the watch moves them."""
    result = run(hosts=hosts, limits=Limits().throttled({f"elbv2:{operation}": rate}))
    assert result.broken == () and statuses(result) == [SUCCEEDED] and failed(result) == []
    assert result.throttled[f"elbv2:{operation}"] > 0


@pytest.mark.parametrize("hosts", [6, 14])
def test_a_host_that_is_refused_fails_alone(hosts: int) -> None:
    played = world(hosts=hosts)
    refused = next(iter(played.fleet.hosts))
    played.elb.refused.add(refused)
    result = played.run()
    assert result.broken == () and statuses(result) == [SUCCEEDED]
    (target,) = failed(result)
    assert target.target_id == refused and target.failure and target.failure.cause is Cause.HEALTH
    assert "InvalidTarget: not in a running state" in target.failure.message and len(target.out_of) == 2


def test_health_that_flaps_is_waited_for_until_the_checks_would_have_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    played = world()

    usual = played.elb.describe_target_health

    def describe(**request: Any) -> Any:
        """Of every eleven seconds a host is unhealthy for eight, wherever it is."""
        told = usual(**request)["TargetHealthDescriptions"]
        unhealthy = {"State": "unhealthy", "Reason": "Target.Timeout"}
        is_up = played.clock.time % 11 < 3
        return {"TargetHealthDescriptions": [each if is_up else {**each, "TargetHealth": unhealthy} for each in told]}

    monkeypatch.setattr(played.elb, "describe_target_health", describe)
    result = played.run()
    assert result.broken == () and statuses(result) == [SUCCEEDED] and failed(result) == []


def test_a_host_that_terminates_while_it_drains_fails_and_the_others_go_on() -> None:
    played = world()
    host = next(iter(played.fleet.hosts.values()))
    host.fate, host.fate_event = Fate.SCALE_IN, "AfterBlockTraffic"
    result = played.run()
    assert result.broken == () and statuses(result) == [SUCCEEDED]
    (target,) = failed(result)
    assert target.target_id == host.host_id and len(target.out_of) == 2


@pytest.mark.parametrize("hosts", [6, 14])
def test_a_watch_that_dies_is_started_again(hosts: int) -> None:
    for request in range(1, 9, 2):
        crashes = tuple(Crash("watch", call, request) for call in range(1, 9))
        result = run(hosts=hosts, crashes=crashes)
        assert result.broken == () and statuses(result) == [SUCCEEDED], request
        assert result.function_errors["watch"] > 0, request


def test_an_alarm_between_block_and_allow_leaves_hosts_out_until_the_rollback_brings_them_back() -> None:
    played = world(alarm_at=IN_THE_MIDDLE)
    result = played.run()
    assert result.broken == () and statuses(result) == [STOPPED, SUCCEEDED]
    assert len(failed(result)) == 3 and all(len(each.out_of) == 2 for each in failed(result))
    assert is_whole(played) and not any(each.out_of for each in result.records[1][1])


def test_a_person_who_cancels_and_rolls_a_half_blocked_fleet_back_has_all_hosts_back() -> None:
    played = world(hosts=14, acts=(Act(IN_THE_MIDDLE, Deed.CANCEL), Act(200, Deed.ROLL_BACK)))
    result = played.run()
    assert result.broken == () and statuses(result) == [STOPPED, SUCCEEDED]
    assert len(failed(result)) == 7 and is_whole(played)


def test_two_groups_on_one_target_group_move_their_own_hosts_alone() -> None:
    acts = (Act(1, Deed.DEPLOY, OTHER_GROUP),)
    played = world(other_hosts=4, shares_target_groups=True, target_groups=1, acts=acts)
    result = played.run()
    assert result.broken == () and statuses(result) == [SUCCEEDED, SUCCEEDED] and is_whole(played)
    assert len(played.trace.of(Seen.LEFT)) == len(played.trace.of(Seen.JOINED)) == 10
    began, ended = zip(*((each.began_at, each.ended_at) for each in result.outcomes), strict=True)
    assert max(began) < min(each for each in ended if each), "both at the same time"
