"""Places: how a set is cut into shards, what a target does that is refused, and which stages a deployment has."""

from collections import Counter
from dataclasses import replace

import pytest

from functions.core.causes import Cause
from functions.core.records import Counts, Deployment, PlaceSet, ShardState, Target, TargetFailure
from functions.core.rollout import stages
from functions.core.rollout.health import DeploymentConfig, MinimumHealthyHosts, MinimumHealthyHostsType
from functions.core.rollout.places import (
    NOTHING,
    AfterRefusal,
    Ended,
    after_refusal,
    final,
    not_settled,
    tally,
    with_homes,
    with_room,
)
from functions.core.statuses import DeploymentStatus, TargetStatus
from tests.unit.news import deployment

NAME = "d-A1B2C3111"


def target(number: int = 1, **fields: object) -> Target:
    return replace(Target(deployment_id=NAME, target_id=f"i-{number}"), **fields)  # type: ignore[arg-type]


def state(*holders: str, failed: tuple[str, ...] = (), **fields: object) -> ShardState:
    return replace(ShardState(holders=frozenset(holders), failed=frozenset(failed)), **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(("places", "shards"), [(0, 1), (1, 1), (50, 1), (51, 2), (5_000, 100), (10_000, 200)])
def test_a_set_has_as_many_shards_of_50_places_as_it_needs(places: int, shards: int) -> None:
    found = PlaceSet(name="d-1", places=places).shards
    sizes = [shard.places for shard in found]
    assert (len(found), sum(sizes)) == (shards, places) and max(sizes) - min(sizes) <= 1 and max(sizes) <= 50
    assert [shard.number for shard in found] == list(range(shards))


def test_with_a_place_for_every_target_no_shard_is_asked_by_more_than_it_lets_in() -> None:
    places = PlaceSet(name="d-1", places=10_000)
    homes = Counter(each.places["d-1"] for each in with_homes([target(number) for number in range(10_000)], [places]))
    assert homes == dict.fromkeys(range(200), 50)


def test_a_refused_target_asks_the_next_shards_that_have_room() -> None:
    places = PlaceSet(name="d-1", places=200)
    full = state(*(f"i-{number}" for number in range(50)))
    assert [shard.number for shard in with_room(places, [state(), full, full, state("i-9")], refused_by=2)] == [3, 0]
    assert with_room(places, [state(), full, full, state(closed=True)], refused_by=0) == []


@pytest.mark.parametrize(
    ("states", "was_out", "then"),
    [
        ([state("i-1", "i-2")], False, AfterRefusal.WAIT),
        ([state("i-1", "i-2", failed=("i-1",))], False, AfterRefusal.WAIT),
        ([state("i-1", "i-2", failed=("i-1", "i-2"))], False, AfterRefusal.SKIP),
        ([state("i-1", "i-2", failed=("i-1", "i-2"))], True, AfterRefusal.BEGIN_WITHOUT),
        ([state("i-1", "i-2", failed=("i-1",))], True, AfterRefusal.WAIT),
        ([state("i-1", closed=True)], False, AfterRefusal.SKIP),
        ([state("i-1", failed=("i-1",), closed=True)], True, AfterRefusal.SKIP),
        ([state()], True, AfterRefusal.WAIT),
    ],
)
def test_a_target_without_a_place_waits_as_long_as_one_may_become_free(
    states: list[ShardState], was_out: bool, then: AfterRefusal
) -> None:
    refusal = after_refusal(PlaceSet(name="d-1", places=2), states, target(was_out_of_service=was_out))
    assert refusal.then is then and refusal.reason


def test_the_counts_are_the_begin_and_the_sums_of_the_shards() -> None:
    begun = Counts(total=10, max_out_of_service=6, failed=1, still_out=2)
    first = state("i-1", "i-2", failed=("i-2",), succeeded=3, was_out=1)
    now = tally(begun, [first, state("i-3", failed=("i-9",))])
    expected = Counts(total=10, max_out_of_service=6, in_progress=2, succeeded=3, failed=3, started=6, still_out=1)
    assert now == expected and (now.pending, now.out_of_service) == (2, 6)
    ended = final(replace(now, in_progress=0))
    assert (ended.skipped, ended.pending) == (4, 0)


def test_what_calls_that_died_left_undone_is_found() -> None:
    ended = {
        each.target_id: replace(each, places={NAME: shard})
        for each, shard in (
            (target(1, status=TargetStatus.SUCCEEDED), 0),
            (target(2, status=TargetStatus.FAILED), 0),
            (target(3, status=TargetStatus.SKIPPED, was_out_of_service=True), 0),
            (target(4, status=TargetStatus.SUCCEEDED), 1),  # holds a place here, too, by another call of it
            (target(5, status=TargetStatus.FAILED), 0),  # never had a place
        )
    }
    here = state("i-1", "i-2", "i-3", "i-4", "i-6")
    assert not_settled(NAME, 0, here, ended) == Ended(
        succeeded=frozenset({"i-1"}),
        failed=frozenset({"i-2", "i-5"}),
        left=frozenset({"i-3", "i-4"}),
        left_out=1,
    )
    assert not_settled(NAME, 2, state("i-6"), ended) == NOTHING


# -- stages

GONE = TargetFailure(cause=Cause.UNREACHABLE, message="gone")


def begun(
    minimum: int, hosts: int, *, out: tuple[int, ...] = (), gone: tuple[int, ...] = ()
) -> tuple[Deployment, list[Target]]:
    """A deployment to so many hosts, of which some were out of service and some cannot be reached."""
    one = deployment(DeploymentStatus.CREATED)
    config = DeploymentConfig("any", MinimumHealthyHosts(MinimumHealthyHostsType.HOST_COUNT, minimum))
    one = replace(one, settings=replace(one.settings, config=config, bake_seconds=60))
    fleet = [
        target(
            number,
            was_out_of_service=number in out,
            status=TargetStatus.FAILED if number in gone else TargetStatus.PENDING,
            failure=GONE if number in gone else None,
        )
        for number in range(hosts)
    ]
    return stages.begin(one, fleet)


def planned(one: Deployment, fleet: list[Target]) -> list[tuple[list[str], int, int]]:
    return [(list(each.target_ids), each.concurrency, each.bake_seconds) for each in stages.plan(one, fleet)]


def test_a_deployment_has_one_stage_where_all_hosts_are_in_service() -> None:
    one, fleet = begun(2, 4)
    assert planned(one, fleet) == [(["i-0", "i-1", "i-2", "i-3"], 2, 60)]
    assert one.counts == Counts(total=4, max_out_of_service=2)
    assert [each.places for each in one.places] == [2]


def test_hosts_that_are_out_of_service_come_first_and_the_others_when_those_have_ended() -> None:
    one, fleet = begun(3, 5, out=(1, 4))
    assert planned(one, fleet) == [(["i-1", "i-4"], 2, 0), (["i-0", "i-2", "i-3"], 2, 60)]
    assert one.counts == Counts(total=5, max_out_of_service=2, still_out=2) and one.counts.out_of_service == 2


def test_where_all_may_be_out_at_once_nobody_waits() -> None:
    assert planned(*begun(0, 3, out=(2,))) == [(["i-2", "i-0", "i-1"], 3, 60)]


def test_hosts_that_cannot_be_reached_leave_fewer_places() -> None:
    one, fleet = begun(2, 5, gone=(0,))
    assert planned(one, fleet) == [(["i-1", "i-2", "i-3", "i-4"], 2, 60)]
    assert [each.places for each in one.places] == [2] and one.counts.failed == 1
    assert [each.places for each in fleet if each.target_id == "i-0"] == [{}]
    assert planned(*begun(3, 5, gone=(0, 1))) == []


def test_a_fleet_with_more_broken_hosts_than_places_can_be_repaired() -> None:
    one, fleet = begun(4, 5, out=(0, 1, 2))
    assert planned(one, fleet) == [(["i-0", "i-1", "i-2"], 1, 0), (["i-3", "i-4"], 1, 60)]
    one, fleet = begun(4, 5, out=(0, 1), gone=(2,))
    assert planned(one, fleet) == [(["i-0", "i-1"], 1, 60)], "no other host may be taken out of service"
