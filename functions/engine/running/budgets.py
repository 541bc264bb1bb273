"""Disruption budgets while a deployment runs: a target has a place of each that it asks, after those of its deployment.

What holds of places (`functions/engine/running/places.py`) holds of these. What is different: the host may have a place
since it failed, which the target takes over; and a deployment that waits stands in line, so that of two that share a
budget neither takes all its places.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from functions.aws import clock
from functions.core.limits import batches
from functions.core.records import BudgetShard, BudgetShare, BudgetWait, Deployment, Target
from functions.core.rollout import budgets
from functions.core.rollout.places import AfterRefusal, Refusal
from functions.store.records import budget_places, targets
from functions.store.table.values import MAX_KEYS

_ANOTHER_CALL = Refusal(then=AfterRefusal.WAIT, reason="another call asks for this target")


def take(share: BudgetShare, target: Target, now: str) -> Target | Refusal:
    """The target with a place of the budget, in the shard that its record names."""
    home = target.places[share.name]
    if not share.is_named:  # it takes over what its host holds, if it still does
        budget_places.take_over(share.shard(home), target)
        return target
    state = budget_places.take(share.shard(home), target, now)
    if place := state.held.get(target.target_id):
        if place.deployment_id == target.deployment_id:
            return target
        if not place.is_at_work:
            return target if budget_places.take_over(share.shard(home), target) else _ANOTHER_CALL
        return Refusal(then=AfterRefusal.WAIT, reason=budgets.waits_for(share, [state], target))
    return _ask_elsewhere(share, target, now, _all(share, state))


def _ask_elsewhere(share: BudgetShare, target: Target, now: str, states: Sequence[BudgetShard]) -> Target | Refusal:
    """In its own shard others may have been in front of it, or all places are taken."""
    deployment_id, home = target.deployment_id, target.places[share.name]
    for shard in budgets.with_room(share, states, asked=home):
        if not budgets.is_first(states[shard.number], deployment_id, now):
            continue
        if shard.number != target.places[share.name]:
            if not targets.move_to_shard(target, share.name, shard.number):
                return _ANOTHER_CALL
            target = replace(target, places={**target.places, share.name: shard.number})
        state = budget_places.take(shard, target, now, is_first=True)
        place = state.held.get(target.target_id)
        if place and place.deployment_id == deployment_id:
            return target
    refusal = budgets.after_refusal(share, states, target)
    at = target.places[share.name]
    if refusal.then is AfterRefusal.SKIP and _may_be_repaired(target, states):
        refusal = Refusal(then=AfterRefusal.WAIT, reason=budgets.waits_for(share, states, target))
    if refusal.then is AfterRefusal.WAIT:
        budget_places.stand_in_line(share.shard(at), states[at], deployment_id, now)
    return refusal


def _may_be_repaired(target: Target, states: Sequence[BudgetShard]) -> bool:
    """Whether the target's own deployment has yet to end on a host that failed and holds a place."""
    found = targets.named(target.deployment_id, budgets.failed_hosts(states))
    return budgets.may_be_repaired(states, found, target, clock.now())


def wait(target: Target, refusal: Refusal, now: str) -> BudgetWait:
    """Why the target waits, or is skipped, for its record."""
    return BudgetWait(message=refusal.reason, since=target.budget_wait.since if target.budget_wait else now)


def waits(deployment: Deployment, now: str) -> tuple[str, ...]:
    """The budgets for which a deployment waits, as people are told."""
    told = []
    for share, states in _states(deployment):
        in_line = [state.line[deployment.deployment_id] for state in states if deployment.deployment_id in state.line]
        if any(each.until > now for each in in_line):
            told.append(budgets.waits_for(share, states))
    return tuple(told)


def used_up(deployment: Deployment) -> tuple[str, ...]:
    """Those of its budgets in which hosts that failed have all places, as people are told."""
    found = ((share, states) for share, states in _states(deployment) if share.is_named)
    return tuple(budgets.used_up(share, states) for share, states in found if budgets.is_used_up(share, states))


def settle_all(deployment: Deployment) -> None:
    """What calls that died left undone, of a deployment whose targets have all ended. It waits for nothing any more."""
    for share, states in _states(deployment):
        holders = [(number, host) for number, state in enumerate(states) for host in _of(state, deployment)]
        for some in batches(holders, MAX_KEYS):
            found = targets.named(deployment.deployment_id, [host for _, host in some])
            for number, host in some:
                budget_places.settle(share.name, number, found[host])
        budget_places.leave_line(share, states, deployment.deployment_id)


def _of(state: BudgetShard, deployment: Deployment) -> list[str]:
    return sorted(host for host, place in state.held.items() if place.deployment_id == deployment.deployment_id)


def _states(deployment: Deployment) -> Iterator[tuple[BudgetShare, list[BudgetShard]]]:
    for share in deployment.budgets:
        yield share, budget_places.read(share.budget, share.number_of_shards)


def _all(share: BudgetShare, state: BudgetShard) -> list[BudgetShard]:
    """The shards of a budget, of which one has been read just now."""
    return [state] if share.number_of_shards == 1 else budget_places.read(share.budget, share.number_of_shards)
