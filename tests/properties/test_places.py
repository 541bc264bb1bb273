"""Invariants 1 and 3 over the engine's places: functions that die before any of their writes, are repeated, or run
twice at once, hosts that were out of service before, stops and executions that end too early.

Chance plays what the state machine does: it calls each function until that has lived to its end.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.core.new_deployment import new_deployment
from functions.core.records import Deployment, Target
from functions.core.records import places as records_places
from functions.core.rollout import stages, stop_mark
from functions.core.rollout.health import DeploymentConfig, MinimumHealthyHosts, MinimumHealthyHostsType
from functions.core.statuses import TargetStatus
from functions.engine.ending import end
from functions.engine.running import places
from functions.store.keys import host_key
from functions.store.records import deployments, hosts, lock, preparing, targets
from functions.store.records import places as store_places
from functions.store.table import items
from tests.conftest import put_group, put_item, revision
from tests.rollout import out_of_service
from tests.store import Store

WRITES = ("PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems")
STEPS = 3000  # of a schedule, far more than any needs


class Killed(Exception):
    """The function ends here."""


class Schedule:
    """One deployment of a few hosts, as chance plays it."""

    def __init__(self, chance: Random, store: Store) -> None:
        self.chance, self.store = chance, store
        self.seconds = 0
        total = chance.randint(1, 9)
        self.allowed = chance.randint(1, total)
        self.ids = [f"i-{number}" for number in range(total)]
        self.unreachable = set(chance.sample(self.ids, chance.choice([0, 0, 1, 2]) % (total + 1)))
        self.was_out = set(chance.sample(self.ids, chance.randint(0, total))) if chance.random() < 0.5 else set()
        self.out = self.unreachable | self.was_out
        self.touched = set[str]()
        self.stop_at = chance.choice([None, None, chance.randint(0, 40)])
        self.abort_at = chance.choice([None, None, chance.randint(0, 40)])
        self.crashes = chance.choice([0.0, 0.25])
        self.stopped = False
        self._begin()

    # -- what the engine does

    def _begin(self) -> None:
        minimum = MinimumHealthyHosts(MinimumHealthyHostsType.HOST_COUNT, len(self.ids) - self.allowed)
        group = put_group()
        one = new_deployment(group, revision(), deployment_id="d-000000001", now=self._now(), requested_by="me")
        one = replace(one, settings=replace(one.settings, config=DeploymentConfig("any", minimum)))
        lock.create(one, None, queue=True)
        for each in self.was_out:
            key = host_key(one.group_id, each).item
            before = {"deployment_id": "d-BEFORE001", "status": "Failed", "since": self._now()}
            put_item({**key, "target_id": each, **before})
        fleet = [
            Target(
                deployment_id=one.deployment_id,
                target_id=each,
                group_id=one.group_id,
                status=TargetStatus.FAILED if each in self.unreachable else TargetStatus.PENDING,
                was_out_of_service=each in out_of_service(one.group_id),
            )
            for each in self.ids
        ]
        begun, fleet = stages.begin(one, fleet)
        assert preparing.begin(begun, fleet, self._now())
        self.stages = [list(stage.target_ids) for stage in stages.plan(begun, fleet)]
        self.concurrency = [stage.concurrency for stage in stages.plan(begun, fleet)]

    def play(self) -> None:
        running = set[str]()
        for step in range(STEPS):
            if step == self.abort_at:
                break
            if self.stop_at is not None and step >= self.stop_at and not self.stopped:
                self._call(self._stop)
                continue
            if not running and not self._next_stage():
                break
            waiting = self.stages[0]
            while waiting and len(running) < self.concurrency[0]:
                running.add(waiting.pop(0))
            one = self.chance.choice(sorted(running))
            if self._call(lambda one=one: self._go_on(one)):  # type: ignore[misc]
                running.discard(one)
        else:
            raise AssertionError(f"stuck: {running}")
        while not self._call(lambda: bool(end.end("d-000000001"))):
            pass

    def _next_stage(self) -> bool:
        if self.stages and self.stages[0]:
            return True
        if len(self.stages) < 2 or not stages.is_promising(store_places.counted(self._deployment())):
            return False
        self.stages.pop(0)
        self.concurrency.pop(0)
        return True

    def _go_on(self, target_id: str) -> bool:
        """One call of a target's functions; whether its flow is over."""
        target, deployment = self._target(target_id), self._deployment()
        match target.status:
            case TargetStatus.PENDING:
                if deployment.stop:
                    return places.finish(target, TargetStatus.SKIPPED, self._now())
                taken = places.take_out_of_service(deployment, target, self._now())
                if isinstance(taken, Target):
                    self._touch(target_id)
                elif taken is TargetStatus.SKIPPED:
                    return places.finish(target, TargetStatus.SKIPPED, self._now())
                return False
            case TargetStatus.IN_PROGRESS:
                self._touch(target_id)  # the call that took it out may have died behind its last write
                status = self.chance.choice([TargetStatus.SUCCEEDED, TargetStatus.SUCCEEDED, TargetStatus.FAILED])
                if status is TargetStatus.SUCCEEDED:
                    self.out.discard(target_id)
                return places.finish(target, status, self._now())
            case _:
                places.settle(target)
                return True

    def _touch(self, target_id: str) -> None:
        """From here on a command may run on the host."""
        if target_id in self.touched:
            return
        self.touched.add(target_id)
        if target_id not in self.out:
            self.out.add(target_id)
            assert len(self.out) <= self.allowed, "a host was taken out of service below the promise"

    def _stop(self) -> bool:
        marked = deployments.mark_stop("d-000000001", stop_mark.by_person("me", self._now()))
        assert marked
        places.close(marked)
        self.stopped = True
        return True

    # -- what happens to it

    def _call(self, act: Callable[[], bool]) -> bool:
        """Whether the call said that it is over; it may die before one of its writes, or another call may come then."""
        at = self.chance.randint(1, 4)
        fate = self.chance.random()
        if fate < self.crashes:
            with self._before_write(at, self._die):
                try:
                    return act()
                except Killed:
                    return False
        if fate < 2 * self.crashes:
            with self._before_write(at, act):
                return act()
        return act()

    @contextmanager
    def _before_write(self, number: int, act: Callable[[], object]) -> Iterator[None]:
        made: list[str] = []

        def before(operation: str, members: dict[str, Any]) -> None:
            if operation in WRITES:
                made.append(operation)
                if len(made) == number:
                    act()

        self.store.before_request = before
        try:
            yield
        finally:
            self.store.before_request = lambda operation, members: None

    def _die(self) -> None:
        raise Killed

    # -- what must hold

    def check(self) -> None:
        one, found = self._deployment(), list(targets.of("d-000000001"))
        assert one.status.is_final and lock.holder(one.group_key) is None
        assert all(each.status.is_final for each in found)
        counted = Counter(each.status for each in found)
        counts = one.counts
        assert (counts.succeeded, counts.failed, counts.skipped) == (
            counted[TargetStatus.SUCCEEDED],
            counted[TargetStatus.FAILED],
            counted[TargetStatus.SKIPPED],
        ), "the counts are exact"
        assert counts.pending == counts.in_progress == 0
        for place_set in one.places:
            states = store_places.read(place_set)
            holders = Counter(each for state in states for each in state.holders)
            failed = {each.target_id for each in found if each.status is TargetStatus.FAILED} - self.unreachable
            assert set(holders) <= failed and set(holders.values()) <= {1}, "a place is kept by a failed target, once"
            assert {each for state in states for each in state.failed} == failed
        begun = {each.target_id: each.status for each in found if each.started_at}
        for target_id in self.ids:
            ended = begun.get(target_id, TargetStatus.SKIPPED)
            was = TargetStatus.FAILED if target_id in self.was_out else None
            expected = was if ended is TargetStatus.SKIPPED else ended
            known = {each.target_id: each.status for each in hosts.page(one.group_id, None)[0]}
            assert known.get(target_id) == expected, "what a host runs is not lost"

    def _target(self, target_id: str) -> Target:
        found = targets.get("d-000000001", target_id)
        assert found
        return found

    def _deployment(self) -> Deployment:
        found = deployments.get("d-000000001")
        assert found
        return found

    def _now(self) -> str:
        self.seconds += 1
        return f"2026-11-23T{10 + self.seconds // 3600}:{self.seconds // 60 % 60:02}:{self.seconds % 60:02}.000Z"


@given(chance=st.randoms(use_true_random=False), shard=st.integers(1, 4))
def test_places_keep_the_promise_whatever_dies_or_comes_twice(chance: Random, shard: int) -> None:
    with pytest.MonkeyPatch.context() as patched:
        store = Store()
        patched.setattr(items, "stand_in", store)
        patched.setattr(records_places, "MAX_PLACES", shard)
        schedule = Schedule(chance, store)
        schedule.play()
        schedule.check()
