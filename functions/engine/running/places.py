"""Places: a target has one before it is touched, and gives it back when it serves again (docs/how-it-works.md).

Each write is of one item and can be repeated, and their order makes a call that died between two of them harmless: a
place is taken before the target begins, and given back after it has ended. The next call finds the rest undone.
"""

from collections.abc import Sequence
from dataclasses import replace

from functions.core.errors import Conflict
from functions.core.records import (
    BudgetShare,
    BudgetWait,
    Counts,
    Deployment,
    PlaceSet,
    SegmentRun,
    ShardState,
    Target,
    TargetFailure,
)
from functions.core.records.budgets import budget_of
from functions.core.rollout.places import (
    NOTHING,
    AfterRefusal,
    Ended,
    Refusal,
    after_refusal,
    final,
    in_progress,
    may_become_free,
    not_settled,
    tally,
    with_room,
)
from functions.core.rollout.steps import StepResult, StepSignal
from functions.core.rollout.zones import is_lost
from functions.core.statuses import TargetStatus
from functions.engine.running import budgets
from functions.store.records import budget_places, counters, deployments, hosts, places, targets
from functions.telemetry import logger

_TRIES = 5  # of settling what somebody else settles, too

# -- a target begins


def take_out_of_service(deployment: Deployment, target: Target, now: str) -> Target | StepResult:
    """The target, in progress with a place in every set that its deployment asks, in their order; or what it does
    without: a set that refuses makes it give back what it has, so that sets in one order cannot deadlock."""
    if deployment.counters:
        return _take_by_counters(deployment, target, now)
    taken: list[str] = []
    chain: list[PlaceSet | BudgetShare] = [*deployment.places, *deployment.budgets]
    for each in chain:
        if each.name not in target.places:
            continue
        wait: BudgetWait | None = None
        if isinstance(each, BudgetShare):
            asked = budgets.take(each, target, now)
            wait = budgets.wait(target, asked, now) if isinstance(asked, Refusal) else None
        else:
            asked = _take(each, target)
        if isinstance(asked, Refusal):
            return _refused(target, asked, taken, wait)
        target = asked
        taken.append(each.name)
    if targets.begin(target, now):
        return _begun(target, now)
    _leave_what_is_not_on_record(target)
    return StepSignal.WAIT


def _refused(target: Target, refusal: Refusal, taken: Sequence[str], wait: BudgetWait | None) -> StepResult:
    """The target gives back what it has, unless another call has begun it with that."""
    logger.info("no place", reason=refusal.reason, then=refusal.then)
    if (taken or wait) and not targets.give_places_back(target, wait):
        return StepSignal.WAIT
    for name in taken:
        _leave(name, target.places[name], target)
    return TargetStatus.SKIPPED if refusal.then is AfterRefusal.SKIP else StepSignal.WAIT


def _begun(target: Target, now: str) -> Target:
    """As `targets.begin` leaves it."""
    first = SegmentRun(claimed_at=now)
    return replace(target, status=TargetStatus.IN_PROGRESS, started_at=now, segments={"0": first})


def _take(place_set: PlaceSet, target: Target) -> Target | Refusal:
    """The target with a place of the set: in the shard that its record names, or, once that has refused, in another
    one. It is on record that it asks there before it does."""
    home = target.places[place_set.name]
    if places.take(place_set.shard(home), target):
        return target
    states = places.read(place_set)
    for shard in with_room(place_set, states, refused_by=home):
        if not targets.move_to_shard(target, place_set.name, shard.number):
            return Refusal(then=AfterRefusal.WAIT, reason="another call asks for this target")
        target = replace(target, places={**target.places, place_set.name: shard.number})
        if places.take(shard, target):
            return target
    _send_guests_away(place_set, states)
    refusal = after_refusal(place_set, states, target)
    if refusal.then is not AfterRefusal.BEGIN_WITHOUT:
        return refusal
    if places.take(place_set.shard(target.places[place_set.name]), target, without_room=True):
        return target
    return Refusal(then=AfterRefusal.SKIP, reason="the deployment stops")


def let_in(running: Deployment, launch_id: str) -> bool:
    """Whether a deployment to a launched instance may begin beside the one that runs: it has one of its places, or none
    will be free."""
    for place_set in running.places[:1]:
        states = places.read(place_set)
        if any(launch_id in state.guests for state in states):
            return True
        if any(places.take_as_guest(shard, launch_id) for shard in with_room(place_set, states)):
            return True
        _send_guests_away(place_set, states)
        return not may_become_free(place_set, states)
    return True


def _send_guests_away(place_set: PlaceSet, states: Sequence[ShardState]) -> None:
    """Those that are over: whoever finds no room looks, so that one which died leaves nothing taken."""
    for shard, state in zip(place_set.shards, states, strict=True):
        if guests := state.guests:
            found = deployments.named(sorted(guests)).values()
            if over := guests - {each.deployment_id for each in found if not each.status.is_final}:
                places.send_away(shard, over)


def _leave_what_is_not_on_record(target: Target) -> None:
    """Another call has moved, begun or ended the target: what this one took, and that call does not know of, it gives
    back."""
    current = targets.get(target.deployment_id, target.target_id)
    for name, number in target.places.items():
        if current is None or current.places.get(name) != number:
            _leave(name, number, target)
    if current and current.status.is_final:
        settle(current)


def _leave(name: str, number: int, target: Target) -> None:
    leave = budget_places.leave if budget_of(name) else places.leave
    leave(name, number, target)


def _take_by_counters(deployment: Deployment, target: Target, now: str) -> Target | StepResult:
    """In a deployment that an older engine began."""
    if counters.take_out_of_service(target, now):
        return _begun(target, now)
    is_full = deployment.counters is not None and counters.is_full_for_good(deployment.counters)
    return TargetStatus.SKIPPED if is_full else StepSignal.WAIT


# -- a target ends


def finish(target: Target, status: TargetStatus, now: str, failure: TargetFailure | None = None) -> bool:
    """The target's end, then its host's state and its places. False when it had changed, or ended, before."""
    if not target.places:  # of a deployment that an older engine began
        return counters.finish_all([(target, status, failure)], now)
    if not targets.finish(target, status, now, failure):
        return False
    settle(replace(target, status=status, last_updated_at=now))
    return True


def settle(target: Target) -> None:
    """What follows from the end of a target, done again where the call that ended it did not live to do it."""
    if target.places:
        hosts.record_end(target)
    for name, number in target.places.items():
        settle_place = budget_places.settle if budget_of(name) else places.settle
        settle_place(name, number, target)


def lost(deployment: Deployment) -> tuple[PlaceSet, ...]:
    """The Availability Zones and stages that cannot keep their minimum any more."""
    sets = [each for each in deployment.places if each.zone or each.stage]
    states = places.read_all(sets)
    return tuple(each for each in sets if is_lost(each, states[each.name]))


# -- a deployment ends


def close(deployment: Deployment) -> None:
    """No target of the deployment begins any more. Places that it shares with others stay as they are."""
    for own in deployment.places[:1]:
        places.close(own)


def settle_all(deployment: Deployment, failed: Sequence[Target]) -> Counts:
    """The exact counts of a deployment whose targets have all ended, after what calls that died left undone. `failed`:
    its failed targets."""
    if deployment.counters:
        return deployment.counts
    if not deployment.places:
        return _never_begun(deployment, failed)
    for place_set in deployment.places:
        for _ in range(_TRIES):
            undone = _undone(deployment, place_set, places.read(place_set), failed)
            if all(places.settle_all(place_set.name, number, ended) for number, ended in undone.items()):
                break
        else:
            raise Conflict(f"places of {place_set.name} changed {_TRIES} times while its deployment was ended")
    budgets.settle_all(deployment)
    return final(tally(deployment.counts, places.read(deployment.places[0])))


def _never_begun(deployment: Deployment, failed: Sequence[Target]) -> Counts:
    """Prepare may have died over writing its targets: those that are on record have ended without a place."""
    total = sum(1 for _ in targets.of(deployment.deployment_id))
    return final(Counts(total=total, failed=len(failed)))


def _undone(
    deployment: Deployment, place_set: PlaceSet, states: Sequence[ShardState], failed: Sequence[Target]
) -> dict[int, Ended]:
    """What is left to be settled, by shard. The hosts of those targets are, then."""
    known = frozenset[str]().union(*(state.failed for state in states))
    ended = {each.target_id: each for each in failed if each.places and each.target_id not in known}
    ended |= targets.named(deployment.deployment_id, in_progress(states))
    for each in ended.values():
        hosts.record_end(each)
    found = {number: not_settled(place_set.name, number, state, ended) for number, state in enumerate(states)}
    return {number: each for number, each in found.items() if each != NOTHING}
