"""Invariants 1, 3 and 4 over the real functions and table: hosts that fail, hang, are lost and stopped, functions that
die half-way, events that are lost, late or repeated, in any order.

Between the functions stands what the target's state machine does: it calls again with a new token when a function died
or time ran out, asks again when told to wait, and records the result that its newest token was given.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import Phase
from hypothesis import settings as run_settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from functions.aws import clock
from functions.core.new_deployment import new_deployment
from functions.core.records import Counts, Deployment, PlaceSet, Segment, Step, Target
from functions.core.records import places as records_places
from functions.core.rollout import stop_mark
from functions.core.rollout.command_result import pending_events
from functions.core.rollout.health import is_success
from functions.core.rollout.renewals import MOST
from functions.core.statuses import DeploymentStatus, LifecycleEventStatus, TargetStatus
from functions.engine.ending import end, stop
from functions.engine.running import watch
from functions.handlers import command_status, run_segment, target_done
from functions.store.records import deployments, lock, places, targets, watching
from host.lifecycle import LifecycleEvent
from tests.conftest import pending, put_group, revision
from tests.rollout import begin
from tests.store import Store
from tests.unit.two_targets import NOW, World, world  # noqa: F401 - a fixture

EVENTS = tuple(LifecycleEvent)
WRITES = ("PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems")
NUMBERS = st.integers(0, 3)  # of targets; those beyond the fleet are its last one
DEATHS = {
    "before sending": "functions.aws.fleet.ssm.send",
    "before beginning a later segment": "functions.store.records.targets.begin_segment",
    "before recording the command": "functions.store.records.targets.store_command",
    "before telling the state": "functions.aws.tokens.succeed",
}
DEATHS_OF_WRITES = st.integers(1, 5)  # before this write of a call


class Killed(Exception):
    """The function ends here."""


@contextmanager
def _dying(store: Store, where: str | int | None) -> Iterator[None]:
    """The function called within dies at this point, or before its write of this number, if it gets there."""
    made: list[str] = []

    def before(operation: str, members: dict[str, Any]) -> None:
        if operation in WRITES:
            made.append(operation)
            if len(made) == where:
                raise Killed

    store.before_request = before
    try:
        with patch(DEATHS[where], side_effect=Killed) if isinstance(where, str) else nullcontext():
            yield
    finally:
        store.before_request = lambda operation, members: None


@st.composite
def ways(draw: st.DrawFn) -> tuple[Step, ...]:
    """The events of a deployment, some left out, cut into any number of segments."""
    events = draw(st.lists(st.sampled_from(EVENTS), min_size=1, unique=True).map(lambda some: sorted(some, key=_place)))
    cuts = draw(st.sets(st.integers(1, len(events) - 1), max_size=3)) if len(events) > 1 else set()
    edges = [0, *sorted(cuts), len(events)]
    return tuple(Segment(events=tuple(events[first:last])) for first, last in pairwise(edges))


def _place(event: LifecycleEvent) -> int:
    return EVENTS.index(event)


class Fleet(RuleBasedStateMachine):
    """A deployment of a few hosts in any weather, each of which goes through any number of segments."""

    around: World  # set by the test below
    examples = 0
    late = timedelta(0)  # never goes back: all examples have one pacer

    @initialize(hosts=st.integers(2, 4), steps=ways(), data=st.data())
    def begin(self, hosts: int, steps: tuple[Step, ...], data: st.DataObject) -> None:
        Fleet.examples += 1
        self.clock = patch.object(clock, "now", lambda: datetime.now(UTC) + Fleet.late)
        self.clock.start()
        self.id, self.allowed = f"d-F{Fleet.examples:08}", data.draw(st.integers(1, hosts - 1))
        self.has_died = False
        records_places.MAX_PLACES = data.draw(st.integers(1, 3))
        self.ids = [f"i-{n}" for n in range(hosts)]
        self.steps = steps
        self.calls = 0
        self.expired: list[str] = []  # commands of which nothing was run
        self.tokens = dict.fromkeys(self.ids, "")  # of the workflows that have not ended: the newest
        self.results: dict[str, str] = {}  # of the workflows that know one
        self.around.ssm.ping.clear()
        pinned = revision(version="v", sha256="0" * 64, size=9)
        group = put_group(f"group-{self.id}")
        one = new_deployment(group, pinned, deployment_id=self.id, now=NOW, requested_by="me")
        lock.create(one, None, queue=True)
        begun = replace(one, counts=Counts(total=hosts, max_out_of_service=self.allowed))
        assert begin(begun, pending(one, *self.ids, steps=steps, events=pending_events(steps)), NOW)

    # -- what the state machine does

    @rule(number=NUMBERS)
    def run_segment(self, number: int, death: str | int | None = None) -> None:
        """Also after its result is known: a repeat, whose token nobody waits for."""
        target_id = self._of(number)
        self.calls += 1
        token = f"{self.id} {self.calls}"
        if target_id in self.tokens and target_id not in self.results:
            self.tokens[target_id] = token
        event = {"deployment_id": self.id, "target_id": target_id, "task_token": token}
        with self._dying(death):
            run_segment.handler(event, self.around.context)
        self._listen()

    @rule(number=NUMBERS, death=st.sampled_from(sorted(DEATHS)) | DEATHS_OF_WRITES)
    def run_segment_dies(self, number: int, death: str | int) -> None:
        self.run_segment(number, death)

    @rule(number=NUMBERS, other=NUMBERS)
    def two_ask_for_places_at_once(self, number: int, other: int) -> None:
        """The other one, or the same one twice, goes between this one's place and its begin."""
        begin_now = targets.begin

        def begin_second(*arguments: Any) -> bool:
            with patch.object(targets, "begin", begin_now):
                self.run_segment(other)
            return begin_now(*arguments)

        with patch.object(targets, "begin", begin_second):
            self.run_segment(number)

    @rule(number=NUMBERS, death=st.none() | DEATHS_OF_WRITES)
    def target_done(self, number: int, death: int | None = None) -> None:
        """Also after its end: a repeat."""
        target_id = self._of(number)
        if target_id not in self.results:
            return
        result = {"status": self.results[target_id]}
        event = {"deployment_id": self.id, "target_id": target_id, "segment_result": result}
        with self._dying(death):
            target_done.handler(event, self.around.context)
            self.tokens.pop(target_id, None)

    @precondition(lambda self: self.calls > 3)  # later, so that most examples get to see a host at work
    @rule(number=NUMBERS)
    def engine_fails(self, number: int) -> None:
        target_id = self._of(number)
        if target_id not in self.tokens:
            return
        error = {"Error": "Lambda.Unknown", "Cause": "out of memory"}
        target_done.handler({"deployment_id": self.id, "target_id": target_id, "error": error}, self.around.context)
        self.tokens.pop(target_id)
        self.results.pop(target_id, None)

    # -- what hosts and SSM do

    @rule(number=NUMBERS, status=st.sampled_from(["Success", "Failed"]), events=st.integers(1, len(EVENTS)))
    def host_ends(self, number: int, status: str, events: int) -> None:
        for command_id in self._running(self._of(number)):
            names = tuple(event.value for event in self.steps[self._step(command_id)].events)
            self.around.ssm.answer(command_id, names if status == "Success" else names[:events], status)

    @rule(number=NUMBERS)
    def host_comes_too_late(self, number: int) -> None:
        """The URLs of its command have expired, before anything of it has run."""
        for command_id in self._running(self._of(number)):
            self.around.ssm.end_before_it_begins(command_id, "EXPIRED", "the revision could not be fetched: HTTP 400")
            self.expired.append(command_id)

    @rule(number=NUMBERS)
    def host_is_cancelled(self, number: int) -> None:
        for command_id in set(self._running(self._of(number))) & set(self.around.ssm.cancelled):
            self.around.ssm.end(command_id, "Cancelled")

    @rule(number=NUMBERS, ping=st.sampled_from(["Online", "ConnectionLost"]))
    def host_comes_and_goes(self, number: int, ping: str) -> None:
        self.around.ssm.ping[self._of(number)] = ping

    @rule(number=NUMBERS)
    def event_arrives(self, number: int) -> None:
        """Once, again, or before the command is on record."""
        target_id = self._of(number)
        for command_id in self._commands(target_id):
            detail = {"command-id": command_id, "instance-id": target_id, "status": "Success"}
            command_status.handler({"detail": detail}, self.around.context)
        self._listen()

    @rule(hours=st.sampled_from([0.0, 1.0]), is_repeat=st.booleans())
    def watch_looks(self, hours: float = 0.0, is_repeat: bool = False) -> None:
        """A turn of the chain, which may be doubled, and what it hands out."""
        turn = watching.turn(self.id).number
        Fleet.late += timedelta(hours=hours)
        for _ in range(1 + is_repeat):
            watch.tick(self.id, turn)
        for handed in self.around.queued("moments"):
            for _ in range(1 + is_repeat):
                self.around.send_parked(handed)
        self._listen()

    @rule(minutes=st.sampled_from([0.5, 2]))
    def time_passes(self, minutes: float) -> None:
        Fleet.late += timedelta(minutes=minutes)

    @precondition(lambda self: self.calls > 3)
    @rule(cancel=st.booleans(), death=st.none() | DEATHS_OF_WRITES)
    def somebody_stops_it(self, cancel: bool, death: int | None) -> None:
        with self._dying(death):
            stop.stop(self._deployment(), stop_mark.by_person("me", NOW, cancel=cancel))

    # -- what must hold

    @invariant()
    def the_promise_is_kept(self) -> None:
        """Invariants 1 and 4. A host is out of service from its command until its target has succeeded."""
        found = {target.target_id: target for target in targets.of(self.id)}
        statuses = {target_id: target.status for target_id, target in found.items()}
        commands = {
            target_id: [self._step(each) for each in self._commands(target_id) if each not in self.expired]
            for target_id in self.ids
        }
        out = [one for one in self.ids if commands[one] and statuses[one] is not TargetStatus.SUCCEEDED]
        assert len(out) <= self.allowed
        for target_id, steps in commands.items():
            assert steps == list(range(len(steps))), "one command for each step, in their order"
            runs = [found[target_id].segments[str(step)].status for step in steps[:-1]]
            assert set(runs) <= {TargetStatus.SUCCEEDED}, "a step begins when the one before it has succeeded"
            vain = Counter(self._step(each) for each in self._commands(target_id) if each in self.expired)
            assert all(each <= MOST + 1 for each in vain.values()), "a segment is not sent without end"
        counts = self._deployment().counts
        held = [len(state.holders) for state in places.read(self.places)]
        assert sum(held) <= self.allowed, "no shard gives more places than it has"
        if not self.has_died:
            assert (counts.in_progress, counts.succeeded, counts.failed) == (
                sum(each is TargetStatus.IN_PROGRESS for each in statuses.values()),
                sum(each is TargetStatus.SUCCEEDED for each in statuses.values()),
                sum(each is TargetStatus.FAILED for each in statuses.values()),
            ), "the counts are exact"

    def teardown(self) -> None:
        """Invariant 3: whatever has happened, everything ends, and the lock is free."""
        try:
            self.everything_ends()
        finally:
            self.clock.stop()

    def everything_ends(self) -> None:
        for _ in range(4 * len(self.ids) * len(self.steps)):
            for number in (n for n, one in enumerate(self.ids) if one in self.tokens):
                self.host_ends(number, "Success", len(EVENTS))
                self.event_arrives(number)
                self.time_passes(1)
                self.run_segment(number)
                self.watch_looks()
                self.target_done(number)
        assert not self.tokens, f"never ended: {self.tokens}"
        self.the_promise_is_kept()
        with self._dying(3):
            end.end(self.id)
        status = end.end(self.id)
        deployment = self._deployment()
        counters = deployment.counts
        found = list(targets.of(self.id))
        for target in found:
            self.ended_as_its_steps_did(target)
        assert Counter(target.status for target in found) == +Counter(
            {
                TargetStatus.SUCCEEDED: counters.succeeded,
                TargetStatus.FAILED: counters.failed,
                TargetStatus.SKIPPED: counters.skipped,
            }
        ), "the counts are exact"
        assert not any(state.in_progress for state in places.read(self.places)), "no place is held by who does not fail"
        assert lock.holder(deployment.group_key) is None
        good = is_success(targets=len(self.ids), allowed_out=self.allowed, succeeded=counters.succeeded)
        if deployment.stop and counters.succeeded < len(self.ids):
            assert status is DeploymentStatus.STOPPED
        else:
            assert status is (DeploymentStatus.SUCCEEDED if good else DeploymentStatus.FAILED)

    def ended_as_its_steps_did(self, target: Target) -> None:
        runs = {run.status for run in target.segments.values()}
        statuses = {event.status for event in target.events}
        assert target.status.is_final
        assert [event.name for event in target.events] == [each.name for each in pending_events(self.steps)]
        assert not statuses & {LifecycleEventStatus.PENDING, LifecycleEventStatus.IN_PROGRESS}
        if target.status is TargetStatus.SUCCEEDED:
            assert len(target.segments) == len(self.steps) and runs == {TargetStatus.SUCCEEDED}
            assert statuses == {LifecycleEventStatus.SUCCEEDED}
        elif target.status is TargetStatus.FAILED:
            assert target.failure
        else:
            assert not runs & {TargetStatus.SUCCEEDED, TargetStatus.FAILED}, "what was skipped has done nothing"

    @contextmanager
    def _dying(self, where: str | int | None) -> Iterator[None]:
        try:
            with _dying(self.around.store, where):
                yield
        except Killed:
            self.has_died = True

    # -- looking

    def _of(self, number: int) -> str:
        return self.ids[min(number, len(self.ids) - 1)]

    def _deployment(self) -> Deployment:
        found = deployments.get(self.id)
        assert found
        return places.counted(found)

    @property
    def places(self) -> PlaceSet:
        (own,) = self._deployment().places
        return own

    def _commands(self, target_id: str) -> list[str]:
        wanted = f"{self.id} {target_id} "
        return [key for key, one in self.around.ssm.invocations.items() if wanted in one["Comment"]]

    def _step(self, command_id: str) -> int:
        return int(self.around.ssm.invocations[command_id]["Comment"].rpartition(" segment ")[2].split()[0])

    def _running(self, target_id: str) -> list[str]:
        known = self.around.ssm.invocations
        return [key for key in self._commands(target_id) if known[key]["Status"] == "InProgress"]

    def _listen(self) -> None:
        """The waiting states hear what their newest token was told; Wait means: ask again."""
        for target_id, token in self.tokens.items():
            told = self.around.tokens.told.get(token, {}).get("status")
            if told and told not in ("Wait", "Next"):
                self.results[target_id] = told


def test_a_fleet_in_any_weather(world: World, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811 - the fixture
    monkeypatch.setattr(records_places, "MAX_PLACES", records_places.MAX_PLACES)
    machine = type("FleetOfThisTest", (Fleet,), {"around": world})
    phases = (Phase.explicit, Phase.reuse, Phase.generate)  # without shrinking, which takes minutes on a table
    fleets = run_settings().max_examples // 4
    run_state_machine_as_test(
        machine, settings=run_settings(max_examples=fleets, stateful_step_count=20, phases=phases)
    )


def test_a_target_that_was_let_go_but_got_no_command_gives_its_place_back(world: World) -> None:  # noqa: F811
    """Invariant 1 the other way round: weather too rare for chance to find."""
    with suppress(Killed), _dying(world.store, "before sending"):
        world.run("t-1")
    assert world.deployment.counts.in_progress == 1
    deployments.mark_stop(world.deployment.deployment_id, stop_mark.by_person("me", NOW))
    world.run("t-2", minutes=2)
    assert world.tokens.told == {"t-2": {"status": "Skipped"}}
    world.done(segment_result={"status": "Skipped"})
    assert world.deployment.counts == Counts(total=2, max_out_of_service=1)
    end.end(world.deployment.deployment_id)
    assert world.deployment.counts == Counts(total=2, max_out_of_service=1, skipped=2)
