"""Disruption budgets: who is next, and what a target does that got no place (docs/how-it-works.md, "Budgets").

That no more hosts are out of service than a budget has places is kept by the conditional write that gives a place
(`functions/store/records/budget_places.py`). Who comes first is decided here, by what was read: deployments that wait
stand in line, one place each, and one that was served goes to its end.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from zlib import crc32

from functions.core.records import BudgetShard, BudgetShare, HostPlace, Shard, Target
from functions.core.rollout.places import AfterRefusal, Refusal

# For which a target waits where only hosts that failed have places, and its own deployment has yet to go to one of
# them, which may come behind it.
PATIENCE = timedelta(minutes=30)
_MORE = 20  # targets under way than places: among them is the next host that has failed, and that needs no room
_SHOWN = 3  # deployments or hosts that a message names


def home(share: BudgetShare, host_id: str, shards: Sequence[BudgetShard] = ()) -> int:
    """The shard that a target asks first: where its host has a place already, or one of its own by its id, so that the
    deployments to a host meet there."""
    held = (number for number, shard in enumerate(shards) if host_id in shard.held)
    return next(held, crc32(host_id.encode()) % share.number_with_places)


def is_first(shard: BudgetShard, deployment_id: str, now: str) -> bool:
    """Whether no other deployment has waited longer for this shard's next place."""
    mine = (shard.line[deployment_id].since if deployment_id in shard.line else now, deployment_id)
    others = ((each.since, name) for name, each in shard.line.items() if name != deployment_id and each.until > now)
    return all(mine < other for other in others)


def with_room(share: BudgetShare, shards: Sequence[BudgetShard], *, asked: int) -> list[Shard]:
    """The shards that have a free place, in the order in which a target asks them; first the one that it has asked,
    where others may have been in front of it."""
    numbers = (*range(asked, len(shards)), *range(asked))
    return [each for each in map(share.shard, numbers) if len(shards[each.number].held) < each.places]


def after_refusal(share: BudgetShare, shards: Sequence[BudgetShard], target: Target) -> Refusal:
    """A target waits as long as somebody works at a host that has a place, or places are free and it is not its turn.
    Where only hosts that failed have them, it is skipped, unless its own deployment may repair one of these, which is
    not known here."""
    held = _held(shards)
    if len(held) < share.places or any(place.is_at_work for place in held.values()):
        return Refusal(then=AfterRefusal.WAIT, reason=waits_for(share, shards, target))
    return Refusal(then=AfterRefusal.SKIP, reason=used_up(share, shards))


def is_used_up(share: BudgetShare, shards: Sequence[BudgetShard]) -> bool:
    """Whether hosts that failed have all places."""
    return sum(len(shard.failed) for shard in shards) >= share.places


def waits_for(share: BudgetShare, shards: Sequence[BudgetShard], target: Target | None = None) -> str:
    """For what a target waits, or a deployment as a whole."""
    held = _held(shards)
    mine = held.get(target.target_id) if target else None
    if mine and target and mine.is_at_work and mine.deployment_id != target.deployment_id:
        return f"waits for budget {share.budget}: {mine.deployment_id} deploys to {target.target_id}"
    if len(held) < share.places:
        return f"waits for its turn in budget {share.budget}"
    by = Counter(place.deployment_id for place in held.values() if place.is_at_work)
    holders = _named(sorted(by))
    if failed := sorted(host for host, place in held.items() if not place.is_at_work):
        holders = f"{holders}{', and ' if holders else ''}hosts that failed ({_named(failed)})"
    return f"waits for budget {share.budget}: {len(held)} of {share.places} held by {holders}"


def used_up(share: BudgetShare, shards: Sequence[BudgetShard]) -> str:
    """That nothing goes on under a budget, and what to do."""
    failed = {host: place.failed_in for host, place in _held(shards).items() if not place.is_at_work}
    hosts = _named([f"{host} in {failed[host]}" if failed[host] else host for host in sorted(failed)])
    return (
        f"Budget {share.budget}: hosts that failed hold all its places ({hosts}). Deploy to them until they"
        f" succeed, or release them: stepdeploy budgets release {share.budget} HOST."
    )


def may_be_repaired(
    shards: Sequence[BudgetShard], targets: Mapping[str, Target], target: Target, now: datetime
) -> bool:
    """Whether it is worth to wait for a place of a host that failed: the deployment has yet to go there. `targets`: its
    targets, of these hosts."""
    since = target.budget_wait.since if target.budget_wait else None
    is_patient = since is None or now - datetime.fromisoformat(since) < PATIENCE
    return is_patient and any(not targets[host].status.is_final for host in failed_hosts(shards) if host in targets)


def failed_hosts(shards: Sequence[BudgetShard]) -> list[str]:
    return sorted(frozenset[str]().union(*(shard.failed for shard in shards)))


def concurrency(shares: Sequence[BudgetShare], most: int) -> int:
    """Targets that may be under way at once: many more could only wait for each other."""
    return min([most, *(share.places + _MORE for share in shares if share.covers_all)])


def in_order(target_ids: Sequence[str], targets: Sequence[Target]) -> tuple[str, ...]:
    """The targets of a stage, those first whose hosts have a place since they failed: they need no other one, and
    others may wait for theirs."""
    first = {each.target_id for each in targets if each.has_failed_in_budget}
    return tuple(sorted(target_ids, key=lambda each: each not in first))


def gone(shards: Sequence[BudgetShard], hosts: Collection[str]) -> list[tuple[int, str]]:
    """The places, with their shards, of failed hosts that do not belong to a budget any more: they were terminated."""
    return [(number, host) for number, shard in enumerate(shards) for host in sorted(shard.failed - set(hosts))]


def _held(shards: Sequence[BudgetShard]) -> dict[str, HostPlace]:
    return {host: place for shard in shards for host, place in shard.held.items()}


def _named(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return f"{', '.join(names[:_SHOWN])}{f' and {more} more' if more > 0 else ''}"
