"""Places: who may be out of service (docs/how-it-works.md, "Places").

A target has a place from before its first step until it has succeeded; one that fails keeps it. What is decided here is
what follows where a shard has refused; that no more targets are out of service than there are places is kept by the
conditional write that gives a place (`functions/store/records/places.py`).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from functions.core.records import Counts, Deployment, PlaceSet, Shard, ShardState, Target
from functions.core.statuses import TargetStatus


class AfterRefusal(StrEnum):
    """What a target does that got no place of a set."""

    WAIT = "Wait"
    SKIP = "Skip"
    BEGIN_WITHOUT = "BeginWithout"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What a target does that got no place, and why."""

    then: AfterRefusal
    reason: str


def own_set_name(deployment: Deployment, part: str) -> str:
    """The name of the places of a zone or stage, by its name."""
    return f"{deployment.deployment_id}/{part}"


def with_homes(
    targets: Sequence[Target], chain: Sequence[PlaceSet], members: Mapping[str, Collection[str]] | None = None
) -> list[Target]:
    """The targets, each with the shard of every set that it asks first; neighbours ask different ones. `members`: the
    targets of sets that others do not ask, by the set's name."""

    def asks(target: Target, each: PlaceSet) -> bool:
        is_member = not members or each.name not in members or target.target_id in members[each.name]
        return is_member and each.zone in (None, target.zone)

    return [
        replace(target, places={each.name: number % each.number_of_shards for each in chain if asks(target, each)})
        for number, target in enumerate(targets)
    ]


def with_room(places: PlaceSet, states: Sequence[ShardState], *, refused_by: int = -1) -> list[Shard]:
    """The other shards that have a free place, in the order in which a target asks them; all, if none has refused."""
    others = (*range(refused_by + 1, places.number_of_shards), *range(refused_by))
    return [
        shard
        for shard in map(places.shard, others)
        if len(states[shard.number].holders) < shard.places and not states[shard.number].closed
    ]


def after_refusal(places: PlaceSet, states: Sequence[ShardState], target: Target) -> Refusal:
    """A target waits as long as a place may become free. Where none will, one whose host was out of service before
    begins all the same, because it takes nothing more away: so a fleet can be repaired whatever fails again."""
    if any(state.closed for state in states):
        return Refusal(then=AfterRefusal.SKIP, reason="the deployment stops")
    failed = sum(len(state.failed) for state in states)
    if may_become_free(places, states):
        return Refusal(then=AfterRefusal.WAIT, reason=f"all {places.places} places of {places.name} are taken")
    reason = f"{failed} targets failed, and {places.name} has {places.places} places"
    then = AfterRefusal.BEGIN_WITHOUT if target.was_out_of_service else AfterRefusal.SKIP
    return Refusal(then=then, reason=reason)


def may_become_free(places: PlaceSet, states: Sequence[ShardState]) -> bool:
    """Whether it is worth to wait for a place."""
    return not any(state.closed for state in states) and sum(len(state.failed) for state in states) < places.places


def in_progress(states: Sequence[ShardState]) -> list[str]:
    """The targets that have a place and are not known to have ended, in the order of their ids."""
    return sorted(target_id for state in states for target_id in state.in_progress)


def tally(begun: Counts, states: Sequence[ShardState]) -> Counts:
    """The counts of a deployment: what its begin has fixed, and what the shards of its own set say."""
    succeeded = sum(state.succeeded for state in states)
    return replace(
        begun,
        in_progress=sum(len(state.in_progress) for state in states),
        succeeded=succeeded,
        failed=begun.failed + sum(len(state.failed) for state in states),
        started=succeeded + sum(len(state.targets) for state in states),
        still_out=begun.still_out - sum(state.was_out for state in states),
    )


def final(counts: Counts) -> Counts:
    """The counts of a deployment whose targets have all ended: who neither succeeded nor failed was skipped."""
    return replace(counts, in_progress=0, skipped=counts.total - counts.succeeded - counts.failed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """Targets that have ended and of whose end a shard does not know."""

    succeeded: frozenset[str] = frozenset()
    failed: frozenset[str] = frozenset()
    left: frozenset[str] = frozenset()  # they hold a place that they did not use
    left_out: int = 0  # how many of those were out of service before


NOTHING = Ended()


def not_settled(place_set: str, number: int, state: ShardState, ended: Mapping[str, Target]) -> Ended:
    """What a shard should know of targets that have ended. Calls that died may have left more than their ends undone:
    one target may hold a place here and have used another one."""
    here = {name: each for name, each in ended.items() if each.places.get(place_set) == number}
    holding = {name: each for name, each in ended.items() if name in state.in_progress}
    used = {name for name, each in here.items() if each.status is not TargetStatus.SKIPPED}
    left = [each for name, each in holding.items() if name not in used]
    return Ended(
        succeeded=frozenset(name for name in holding if name in used and ended[name].status is TargetStatus.SUCCEEDED),
        failed=frozenset(name for name, each in here.items() if each.status is TargetStatus.FAILED),
        left=frozenset(each.target_id for each in left),
        left_out=sum(each.was_out_of_service for each in left),
    )
