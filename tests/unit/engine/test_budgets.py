"""Budgets: places that outlive deployments, which two groups share; who is next, and what is left of a failure."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from functions.aws import clock
from functions.core.causes import Cause
from functions.core.new_deployment import new_deployment
from functions.core.records import (
    Budget,
    BudgetShard,
    BudgetShare,
    Counts,
    Deployment,
    MaximumOutOfService,
    PlaceSet,
    Target,
    TargetFailure,
)
from functions.core.records import places as records_places
from functions.core.rollout import budgets as rules
from functions.core.rollout.health import MinimumHealthyHostsType
from functions.core.rollout.places import with_homes
from functions.core.rollout.steps import StepSignal
from functions.core.statuses import TargetStatus
from functions.engine import budgets as engine_budgets
from functions.engine.ending import end
from functions.engine.running import budgets, places
from functions.store.records import budget_places, deployments, lock, preparing, targets
from functions.store.records import budgets as store_budgets
from functions.store.records import places as store_places
from tests.conftest import pending, put_group, revision
from tests.rollout import end_target
from tests.store import Store

ONE = MaximumOutOfService(MinimumHealthyHostsType.HOST_COUNT, 1)
WEB, DB, LATER = "d-00000WEB1", "d-000000DB1", "d-00000WEB2"
SET = "budget:fleet"
WAIT, SKIPPED = StepSignal.WAIT, TargetStatus.SKIPPED


@pytest.fixture(autouse=True)
def fleet(store: Store) -> None:
    store_budgets.put(Budget(name="fleet", maximum=ONE, scaling_groups=("fleet",)))


def begun(
    deployment_id: str, *hosts: str, size: int = 1, group: str = "web", allowed: int = 9, **more: Any
) -> Deployment:
    """A deployment to these hosts, under a budget of this size."""
    record = put_group(group)
    one = new_deployment(record, revision(), deployment_id=deployment_id, now=clock.timestamp(), requested_by="me")
    lock.create(one, None, queue=True)
    found = store_budgets.get("fleet")
    used = found[1] if found else 0
    store_budgets.use_shards("fleet", -(-size // records_places.MAX_PLACES), used)
    share = BudgetShare(budget="fleet", places=size, shards_known=max(used, 1), **more)
    shards = budget_places.read("fleet", share.number_of_shards)
    own = PlaceSet(name=deployment_id, places=allowed)
    one = replace(one, counters=None, places=(own,), budgets=(share,))
    one = replace(one, counts=Counts(total=len(hosts), max_out_of_service=allowed))
    fleet = [
        replace(each, places={**each.places, SET: rules.home(share, each.target_id, shards)})
        for each in with_homes(pending(one, *hosts, group_id=record.group_id), (own,))
    ]
    assert preparing.begin(one, fleet, clock.timestamp())
    return one


def target(deployment_id: str, host: str) -> Target:
    found = targets.get(deployment_id, host)
    assert found
    return found


def take(deployment_id: str, host: str) -> Any:
    deployment = deployments.get(deployment_id)
    assert deployment
    return places.take_out_of_service(deployment, target(deployment_id, host), clock.timestamp())


def takes(deployment_id: str, host: str) -> bool:
    return isinstance(take(deployment_id, host), Target)


def ends(deployment_id: str, host: str, status: TargetStatus = TargetStatus.SUCCEEDED, **how: Any) -> None:
    assert end_target(target(deployment_id, host), status, clock.timestamp(), **how)


def held(shards: int = 1) -> dict[str, tuple[str, str]]:
    """By host: the deployment that works at it, and the last one that failed there."""
    states = budget_places.read("fleet", shards)
    return {host: (place.deployment_id, place.failed_in) for state in states for host, place in state.held.items()}


def waits(deployment_id: str, host: str) -> str | None:
    return target(deployment_id, host).waits_for


# -- two groups share it


def test_two_deployments_share_the_places_and_each_says_for_what_it_waits(store: Store) -> None:
    begun(WEB, "i-1", "i-2")
    db = begun(DB, "i-3", group="db")
    assert takes(WEB, "i-1") and take(DB, "i-3") is WAIT
    assert waits(DB, "i-3") == f"waits for budget fleet: 1 of 1 held by {WEB}"
    assert budgets.waits(db, clock.timestamp()) == (waits(DB, "i-3"),)
    assert store_places.read(db.places[0])[0].holders == frozenset(), "it gave back what it had"
    ends(WEB, "i-1")
    assert takes(DB, "i-3") and waits(DB, "i-3") is None and held() == {"i-3": (DB, "")}


def test_who_was_served_goes_to_the_end_of_the_line(store: Store) -> None:
    begun(WEB, "i-1", "i-2", "i-3")
    begun(DB, "i-7", "i-8", group="db")
    assert takes(WEB, "i-1") and take(DB, "i-7") is WAIT
    ends(WEB, "i-1")
    assert take(WEB, "i-2") is WAIT, "the other one has waited longer"
    assert waits(WEB, "i-2") == "waits for its turn in budget fleet"
    assert takes(DB, "i-7") and take(DB, "i-8") is WAIT
    ends(DB, "i-7")
    assert take(DB, "i-8") is WAIT and takes(WEB, "i-2")


def test_a_deployment_that_does_not_ask_any_more_is_not_waited_for(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun(WEB, "i-1", "i-2")
    begun(DB, "i-3", group="db")
    assert takes(WEB, "i-1") and take(DB, "i-3") is WAIT
    ends(WEB, "i-1")
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now + timedelta(minutes=5))
    assert takes(WEB, "i-2")


def test_the_end_of_a_deployment_takes_it_out_of_the_line(store: Store) -> None:
    begun(WEB, "i-1", "i-2")
    begun(DB, "i-3", group="db")
    assert takes(WEB, "i-1") and take(DB, "i-3") is WAIT
    end.end(DB)
    ends(WEB, "i-1")
    assert takes(WEB, "i-2")


def test_one_deployment_at_a_time_works_at_a_host(store: Store) -> None:
    begun(WEB, "i-1", size=2)
    begun(DB, "i-1", "i-2", group="db", size=2)
    assert takes(WEB, "i-1") and take(DB, "i-1") is WAIT
    assert waits(DB, "i-1") == f"waits for budget fleet: {WEB} deploys to i-1"
    assert takes(DB, "i-2"), "that one stands in nobody's way"


# -- what is left of a failure


def test_a_host_that_failed_keeps_its_place_until_it_succeeds(store: Store) -> None:
    begun(WEB, "i-1", "i-2")
    assert takes(WEB, "i-1")
    ends(WEB, "i-1", TargetStatus.FAILED)
    assert held() == {"i-1": ("", WEB)}
    assert take(WEB, "i-2") is SKIPPED
    end.end(WEB)
    found = deployments.get(WEB)
    assert (
        found
        and found.failure
        and "Budget fleet: hosts that failed hold all its places (i-1 in" in (found.failure.message)
    )
    begun(LATER, "i-1", "i-2")
    assert takes(LATER, "i-1") and held() == {"i-1": (LATER, WEB)}, "it takes nothing more away"
    ends(LATER, "i-1")
    assert held() == {} and takes(LATER, "i-2")


def test_another_target_waits_while_its_deployment_may_repair_the_host_that_failed(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun(WEB, "i-1")
    assert takes(WEB, "i-1")
    ends(WEB, "i-1", TargetStatus.FAILED)
    end.end(WEB)
    begun(LATER, "i-1", "i-2")
    assert take(LATER, "i-2") is WAIT
    assert waits(LATER, "i-2") == "waits for budget fleet: 1 of 1 held by hosts that failed (i-1)"
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now + rules.PATIENCE)
    assert take(LATER, "i-2") is SKIPPED, "it may stand before the other one, and wait for itself"


def test_a_host_that_was_taken_over_and_not_touched_has_still_failed(store: Store) -> None:
    begun(WEB, "i-1")
    assert takes(WEB, "i-1")
    ends(WEB, "i-1", TargetStatus.FAILED)
    end.end(WEB)
    begun(LATER, "i-1")
    assert takes(LATER, "i-1")
    ends(LATER, "i-1", SKIPPED)
    assert held() == {"i-1": ("", WEB)}


def test_an_instance_that_was_terminated_has_no_place(store: Store) -> None:
    begun(WEB, "i-1")
    assert takes(WEB, "i-1")
    ends(WEB, "i-1", SKIPPED, failure=TargetFailure(cause=Cause.TERMINATED, message="gone"))
    assert held() == {}


def test_a_success_in_a_group_that_does_not_name_the_budget_gives_the_place_back(store: Store) -> None:
    begun(WEB, "i-1")
    assert takes(WEB, "i-1")
    ends(WEB, "i-1", TargetStatus.FAILED)
    begun(DB, "i-1", group="db", size=0, is_named=False)
    assert takes(DB, "i-1") and held() == {"i-1": (DB, WEB)}
    ends(DB, "i-1")
    assert held() == {}


def test_such_a_group_never_waits(store: Store) -> None:
    begun(WEB, "i-1")
    begun(DB, "i-1", group="db", size=0, is_named=False)
    assert takes(WEB, "i-1") and takes(DB, "i-1")
    ends(DB, "i-1")
    assert held() == {"i-1": (WEB, "")}


def test_a_host_that_only_its_group_knows_as_failed_needs_room_as_others_do(store: Store) -> None:
    """Another group may have repaired it since."""
    begun(WEB, "i-1", "i-2")
    assert takes(WEB, "i-1")
    ends(WEB, "i-1", TargetStatus.FAILED)
    deployment, known = deployments.get(WEB), replace(target(WEB, "i-2"), was_out_of_service=True)
    assert deployment and places.take_out_of_service(deployment, known, clock.timestamp()) is SKIPPED
    assert held() == {"i-1": ("", WEB)}


# -- calls that die, come late or twice


def test_what_calls_that_died_left_undone_is_done_when_the_deployment_ends(store: Store) -> None:
    begun(WEB, "i-1", "i-2", "i-3", size=3)
    for host in ("i-1", "i-2", "i-3"):
        assert takes(WEB, host)
    targets.finish(target(WEB, "i-1"), TargetStatus.SUCCEEDED, clock.timestamp())  # and nothing more
    targets.finish(target(WEB, "i-2"), TargetStatus.FAILED, clock.timestamp())
    end.end(WEB)
    assert held() == {"i-2": ("", WEB), "i-3": ("", WEB)}


def test_a_call_that_comes_late_leaves_no_place_behind(store: Store) -> None:
    """It has read the target before its end, and takes a place after somebody has released that of the failure."""
    deployment = begun(WEB, "i-1")
    late = target(WEB, "i-1")
    assert takes(WEB, "i-1")
    ends(WEB, "i-1", TargetStatus.FAILED)
    engine_budgets.release("fleet", "i-1", "me")
    later = clock.timestamp(clock.now() + timedelta(seconds=1))
    assert places.take_out_of_service(deployment, late, later) is WAIT
    assert held() == {}


def test_of_two_calls_at_once_the_refused_one_takes_nothing_from_the_other(store: Store) -> None:
    """The one is refused by the budget; before it gives back what it has, the other one begins the target with it."""
    deployment = begun(WEB, "i-1", "i-2")
    assert takes(WEB, "i-1")
    other = target(WEB, "i-2")

    def begin_with_it() -> None:
        ends(WEB, "i-1")
        assert takes(WEB, "i-2")

    store.before_next_write(lambda: None)  # its own place
    store.before_next_write(lambda: None)  # the budget
    store.before_next_write(lambda: None)  # the line
    store.before_next_write(begin_with_it)
    assert places.take_out_of_service(deployment, other, clock.timestamp()) is WAIT
    assert target(WEB, "i-2").status is TargetStatus.IN_PROGRESS
    assert store_places.read(deployment.places[0])[0].holders == {"i-2"} and held() == {"i-2": (WEB, "")}


def test_a_call_that_took_a_place_back_meanwhile_does_not_begin(store: Store) -> None:
    """The other way round: what it took, the refused one gives back before it begins."""
    deployment = begun(WEB, "i-1", "i-2")
    assert takes(WEB, "i-1")
    fast, slow = target(WEB, "i-2"), target(WEB, "i-2")
    assert targets.give_places_back(slow, None)
    store_places.leave(WEB, 0, slow)
    assert not targets.begin(fast, clock.timestamp()) and deployment.places[0].places == 9


# -- more places than one shard has


def test_it_moves_to_another_shard_and_in_sum_no_more_are_out_than_the_larger_count_allows(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records_places, "MAX_PLACES", 2)
    hosts = [f"i-{number}" for number in range(5)]
    begun(WEB, *hosts, size=5)
    assert all(takes(WEB, host) for host in hosts) and len(held(3)) == 5
    begun(DB, "i-77", "i-78", "i-79", group="db", size=3)
    assert take(DB, "i-77") is WAIT
    for host in hosts[:4]:
        ends(WEB, host)
    taken = sum(takes(DB, host) for host in ("i-77", "i-78", "i-79"))
    assert taken in (2, 3) and len(held(3)) <= 5


def test_a_host_that_failed_has_its_place_where_it_was_when_the_count_was_larger(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records_places, "MAX_PLACES", 1)
    begun(WEB, "i-0", "i-1", "i-2", size=3)
    for host in ("i-0", "i-1", "i-2"):
        assert takes(WEB, host)
        ends(WEB, host, TargetStatus.FAILED)
    end.end(WEB)
    begun(LATER, "i-0", "i-1", "i-2", size=1)
    for host in ("i-0", "i-1", "i-2"):
        assert takes(LATER, host)
        ends(LATER, host)
    assert held(3) == {}


# -- people


def test_a_place_is_released_by_somebody_unless_a_deployment_works_at_the_host(store: Store) -> None:
    begun(WEB, "i-1", "i-2")
    assert takes(WEB, "i-1")
    with pytest.raises(engine_budgets.AtWork, match=WEB):
        engine_budgets.release("fleet", "i-1", "me")
    ends(WEB, "i-1", TargetStatus.FAILED)
    place = engine_budgets.release("fleet", "i-1", "me")
    assert place and place.failed_in == WEB and held() == {}
    assert engine_budgets.release("fleet", "i-1", "me") is None and takes(WEB, "i-2")


def test_a_budget_that_is_deleted_is_kept_to_by_what_runs(store: Store) -> None:
    begun(WEB, "i-1", "i-2", "i-3", size=2)
    assert takes(WEB, "i-1")
    ends(WEB, "i-1", TargetStatus.FAILED)
    assert takes(WEB, "i-2") and engine_budgets.delete("fleet", "me") == [WEB]
    store_budgets.delete("fleet")  # as deployments.yaml may
    assert held() == {"i-2": (WEB, "")} and takes(WEB, "i-3")
    ends(WEB, "i-2")
    end.end(WEB)
    assert engine_budgets.delete("fleet", "me") == [] and store_budgets.get("fleet") is None


# -- what is asked of DynamoDB


def test_a_budget_costs_two_writes_more_of_a_target(store: Store) -> None:
    deployment = begun(WEB, "i-1")
    first = target(WEB, "i-1")
    store.operations.clear()
    begin = places.take_out_of_service(deployment, first, clock.timestamp())
    assert isinstance(begin, Target) and store.operations == ["UpdateItem"] * 3
    store.operations.clear()
    places.finish(begin, TargetStatus.SUCCEEDED, clock.timestamp())
    assert store.operations == ["UpdateItem"] * 4


def test_who_asks_again_and_again_stays_where_it_is_in_the_line(store: Store) -> None:
    begun(WEB, "i-1")
    begun(DB, "i-3", group="db")
    assert takes(WEB, "i-1") and take(DB, "i-3") is WAIT
    (before,) = budget_places.read("fleet", 1)
    assert take(DB, "i-3") is WAIT
    assert budget_places.read("fleet", 1) == [before] and before.line[DB]


def test_what_has_never_been_used_is_empty(store: Store) -> None:
    assert budget_places.read("nothing", 2) == [BudgetShard(), BudgetShard()]
