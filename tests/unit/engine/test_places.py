"""A target's places from its begin to its end, in one set and in a chain of sets; what a dead call leaves undone."""

from dataclasses import replace
from typing import Any

import pytest

from functions.core.new_deployment import new_deployment
from functions.core.records import Counts, Deployment, PlaceSet, ShardState, Target
from functions.core.records import places as records_places
from functions.core.rollout import stop_mark
from functions.core.rollout.places import with_homes
from functions.core.rollout.steps import StepSignal
from functions.core.statuses import DeploymentStatus, TargetStatus
from functions.engine.ending import end
from functions.engine.running import places
from functions.store.keys import deployment_key
from functions.store.records import deployments, hosts, lock, preparing, targets
from functions.store.records import places as store_places
from functions.store.table.values import Key
from tests.conftest import all_items, pending, put_group, revision
from tests.rollout import begin_target, counts_of, end_target, out_of_service
from tests.store import Store

NOW, LATER = "2026-11-23T10:00:00.000Z", "2026-11-23T10:05:00.000Z"
ID = "d-000000001"
BUDGET = "budget/checkout"


def begun(*sizes: int, hosts_: int = 4, was_out: tuple[str, ...] = ()) -> Deployment:
    """A deployment with these sets of places: its own, and a budget."""
    group = put_group()
    one = new_deployment(group, revision(), deployment_id=ID, now=NOW, requested_by="me")
    lock.create(one, None, queue=True)
    chain = tuple(PlaceSet(name=name, places=size) for name, size in zip((ID, BUDGET), sizes, strict=False))
    counts = Counts(total=hosts_, max_out_of_service=sizes[0], still_out=len(was_out))
    one = replace(one, counts=counts, counters=None, places=chain)
    fleet = [
        replace(each, was_out_of_service=each.target_id in was_out)
        for each in pending(one, *(f"i-{number}" for number in range(hosts_)), group_id=group.group_id)
    ]
    assert preparing.begin(one, with_homes(fleet, chain), NOW)
    found = deployments.get(ID)
    assert found
    return found


def target(number: int = 0) -> Target:
    found = targets.get(ID, f"i-{number}")
    assert found
    return found


def take(number: int) -> Any:
    deployment = deployments.get(ID)
    assert deployment
    return places.take_out_of_service(deployment, target(number), NOW)


def states(name: str = ID, size: int = 1) -> list[ShardState]:
    return store_places.read(PlaceSet(name=name, places=size))


# -- one set


def test_no_more_targets_are_out_of_service_than_there_are_places(store: Store) -> None:
    """Invariant 1."""
    begun(2)
    assert begin_target(target(0), NOW) and begin_target(target(1), NOW)
    assert take(2) is StepSignal.WAIT and target(2).status is TargetStatus.PENDING
    assert counts_of(ID) == Counts(total=4, max_out_of_service=2, in_progress=2, started=2)
    end_target(target(0), TargetStatus.SUCCEEDED, NOW)
    assert begin_target(target(2), NOW)
    end_target(target(1), TargetStatus.FAILED, NOW)
    assert take(3) is StepSignal.WAIT, "a failed target keeps its place"
    end_target(target(2), TargetStatus.FAILED, NOW)
    assert take(3) is TargetStatus.SKIPPED
    assert counts_of(ID) == Counts(total=4, max_out_of_service=2, succeeded=1, failed=2, started=3)


def test_a_stop_closes_the_places(store: Store) -> None:
    one = begun(2)
    begin_target(target(0), NOW)
    places.close(one)
    assert take(1) is TargetStatus.SKIPPED
    assert isinstance(take(0), StepSignal), "it has begun, and keeps its place"
    assert [state.holders for state in states()] == [frozenset({"i-0"})]


@pytest.mark.parametrize(
    ("started", "status", "counts"),
    [
        (True, TargetStatus.SUCCEEDED, Counts(total=2, max_out_of_service=1, succeeded=1, started=1)),
        (True, TargetStatus.FAILED, Counts(total=2, max_out_of_service=1, failed=1, started=1)),
        (True, TargetStatus.SKIPPED, Counts(total=2, max_out_of_service=1)),
        (False, TargetStatus.SKIPPED, Counts(total=2, max_out_of_service=1)),
        (False, TargetStatus.FAILED, Counts(total=2, max_out_of_service=1, failed=1)),
    ],
)
def test_a_target_ends_once_and_counts_once(store: Store, started: bool, status: TargetStatus, counts: Counts) -> None:
    begun(1, hosts_=2)
    if started:
        begin_target(target(), NOW)
    before = target()
    assert end_target(before, status, NOW) and not end_target(before, status, NOW)
    for _ in range(2):
        places.settle(target())
        assert counts_of(ID) == counts


def test_begin_and_end_of_a_target_are_no_transactions_and_few_requests(store: Store) -> None:
    one, first = begun(4), target()
    store.operations.clear()
    begin = places.take_out_of_service(one, first, NOW)
    assert store.operations == ["UpdateItem", "UpdateItem"], "its place, its status"
    assert isinstance(begin, Target)
    store.operations.clear()
    places.finish(begin, TargetStatus.SUCCEEDED, NOW)
    assert store.operations == ["UpdateItem"] * 3, "its status, its host, its place"


def test_no_item_but_its_own_changes_with_a_target(store: Store) -> None:
    """Nothing that is hot is in an index, or in the deployment's partition."""
    begun(4)
    before = {Key(item["pk"], item["sk"]): item for item in all_items()}
    begin_target(target(), NOW)
    end_target(target(), TargetStatus.SUCCEEDED, NOW)
    changed = {item["pk"] for item in all_items() if item != before.get(Key(item["pk"], item["sk"]))}
    assert changed == {f"DEPLOYMENT#{ID}", f"PLACES#{ID}#0", "HOSTS#uuid-of-web"}
    assert store.get(deployment_key(ID)) == before[deployment_key(ID)]
    assert not any("created" in item for item in all_items() if item["pk"].startswith("PLACES#"))


# -- several shards


def test_a_target_asks_another_shard_after_its_own_has_refused(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records_places, "MAX_PLACES", 1)
    begun(2, hosts_=4)
    assert [target(number).places[ID] for number in range(4)] == [0, 1, 0, 1]
    assert begin_target(target(0), NOW) and begin_target(target(2), NOW)
    assert target(2).places == {ID: 1} and take(1) is StepSignal.WAIT
    assert [sorted(state.holders) for state in states(size=2)] == [["i-0"], ["i-2"]]


def test_a_call_that_died_with_a_place_has_it_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the shard has been closed: or it would ask elsewhere, and leave that place behind."""
    one = begun(1)
    shard = one.places[0].shards[0]
    assert store_places.take(shard, target(0))
    places.close(one)
    assert begin_target(target(0), NOW) and states()[0].holders == {"i-0"}


def test_of_two_calls_at_once_one_gives_back_what_it_took(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second one moves on while the first one is about to ask there where it has moved."""
    monkeypatch.setattr(records_places, "MAX_PLACES", 1)
    one = begun(3, hosts_=6)
    late = target(3)
    assert late.places == {ID: 0} and begin_target(target(0), NOW)
    move, moved = targets.move_to_shard, list[bool]()

    def move_and_let_another_go_on(*given: Any) -> bool:
        if moved:
            return move(*given)
        moved.append(move(*given))
        assert store_places.take(one.places[0].shards[1], target(1))  # now that one refuses, too
        assert isinstance(take(3), Target) and target(3).places == {ID: 2}
        store_places.leave(ID, 1, target(1))
        return True

    monkeypatch.setattr(targets, "move_to_shard", move_and_let_another_go_on)
    assert places.take_out_of_service(one, late, NOW) is StepSignal.WAIT
    assert [sorted(state.holders) for state in states(size=3)] == [["i-0"], [], ["i-3"]]


# -- hosts that were out of service before


def test_hosts_that_were_out_of_service_begin_whatever_has_failed_again(store: Store) -> None:
    begun(1, was_out=("i-0", "i-1"))
    assert counts_of(ID).out_of_service == 2
    begin_target(target(0), NOW)
    assert counts_of(ID).out_of_service == 2 and take(1) is StepSignal.WAIT
    end_target(target(0), TargetStatus.FAILED, NOW)
    assert take(2) is TargetStatus.SKIPPED, "it is in service, and stays so"
    assert begin_target(target(1), NOW)
    end_target(target(1), TargetStatus.SUCCEEDED, NOW)
    assert counts_of(ID) == Counts(total=4, max_out_of_service=1, failed=1, succeeded=1, started=2)


def test_after_a_stop_such_a_host_does_not_begin_either(store: Store) -> None:
    one = begun(1, was_out=("i-0", "i-1"))
    begin_target(target(0), NOW)
    end_target(target(0), TargetStatus.FAILED, NOW)
    places.close(one)
    assert take(1) is TargetStatus.SKIPPED and counts_of(ID).out_of_service == 2


# -- a chain of sets


def test_a_target_has_a_place_in_every_set_and_gives_back_what_it_has_where_one_refuses(store: Store) -> None:
    begun(3, 1)
    assert begin_target(target(0), NOW)
    assert take(1) is StepSignal.WAIT
    assert [states()[0].holders, states(BUDGET)[0].holders] == [{"i-0"}, {"i-0"}]
    end_target(target(0), TargetStatus.SUCCEEDED, NOW)
    assert begin_target(target(1), NOW)
    end_target(target(1), TargetStatus.FAILED, NOW)
    assert [states()[0].failed, states(BUDGET)[0].failed] == [{"i-1"}, {"i-1"}]
    assert counts_of(ID) == Counts(total=4, max_out_of_service=3, succeeded=1, failed=1, started=2)


def test_a_stop_closes_a_deployments_own_places_only(store: Store) -> None:
    places.close(begun(2, 2))
    assert [states()[0].closed, states(BUDGET)[0].closed] == [True, False]


# -- hosts


def host_status(number: int = 0) -> TargetStatus | None:
    found = {each.target_id: each.status for each in hosts.page("uuid-of-web", None)[0]}
    return found.get(f"i-{number}")


def test_a_host_that_was_not_touched_runs_what_it_ran(store: Store) -> None:
    """A target that began and was sent nothing before a stop is Skipped."""
    begun(2)
    begin_target(target(0), NOW)
    end_target(target(0), TargetStatus.SKIPPED, NOW)
    end_target(target(1), TargetStatus.FAILED, NOW)
    assert host_status(0) is host_status(1) is None and out_of_service("uuid-of-web") == set()


def test_what_a_host_runs_is_on_record_although_the_call_died_that_ended_its_target(store: Store) -> None:
    begun(2)
    begin_target(target(0), NOW)
    targets.finish(target(0), TargetStatus.FAILED, NOW)  # and nothing more
    end.end(ID)
    assert host_status() is TargetStatus.FAILED and out_of_service("uuid-of-web") == {"i-0"}


def test_a_late_repeat_does_not_change_what_a_later_deployment_left(store: Store) -> None:
    begun(2)
    begin_target(target(0), NOW)
    end_target(target(0), TargetStatus.FAILED, NOW)
    hosts.record_end(
        replace(target(0), deployment_id="d-000000002", status=TargetStatus.SUCCEEDED, last_updated_at=LATER)
    )
    places.settle(target(0))
    assert host_status() is TargetStatus.SUCCEEDED


# -- the end of a deployment


def test_its_own_record_keeps_the_counts_of_a_deployment_that_is_over(store: Store) -> None:
    begun(3, hosts_=5)
    for number in range(3):
        begin_target(target(number), NOW)
    end_target(target(0), TargetStatus.SUCCEEDED, NOW)
    assert end.end(ID) is DeploymentStatus.FAILED
    one = deployments.get(ID)
    assert one and one.counts == Counts(total=5, max_out_of_service=3, succeeded=1, failed=2, skipped=2, started=3)
    store.operations.clear()
    assert store_places.counted(one) == one and store.operations == []


def test_a_deployment_that_is_stopped_before_it_began_has_counts_too(store: Store) -> None:
    one = new_deployment(put_group(), revision(), deployment_id=ID, now=NOW, requested_by="me")
    lock.create(one, None, queue=True)
    deployments.mark_stop(ID, stop_mark.by_person("me", NOW))
    assert end.end(ID) is DeploymentStatus.STOPPED
    found = deployments.get(ID)
    assert found and found.counts == Counts()
