"""The budgets that a deployment asks, counted when it begins, and the shards in which its targets ask first."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from functions.aws.fleet import autoscaling
from functions.core.errors import NotDeployable
from functions.core.messages import texts
from functions.core.records import Budget, BudgetShard, BudgetShare, Deployment, Target
from functions.core.records.places import number_of_shards
from functions.core.rollout import budgets as rules
from functions.core.statuses import DeploymentErrorCode
from functions.engine.starting import fleet
from functions.store.records import budget_places, budgets
from functions.telemetry import logger


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedBudget:
    """A budget as it is at this moment."""

    share: BudgetShare
    shards: Sequence[BudgetShard]
    hosts: frozenset[str]  # of the deployment, that ask it
    used: int = 0  # shards that have ever been used
    gone: Sequence[tuple[int, str]] = ()  # places, with their shards, of failed hosts that belong to it no more


Counted = Sequence[CountedBudget]


def count(deployment: Deployment, target_ids: Sequence[str]) -> tuple[CountedBudget, ...]:
    """The budgets that the group names, with the targets that belong to them; and those in which a target's host has a
    place since it failed, whoever names them: a success gives it back. Raises NotDeployable.

    A deployment to a launched instance asks none, because that has not served yet. Nothing is written.
    """
    known = {budget.name: (budget, used) for budget, used in budgets.all_of_them()}
    if missing := sorted(set(deployment.settings.budgets) - known.keys()):
        raise _invalid(texts.no_such_budget(deployment.group_key, missing[0], sorted(known)))
    found = []
    for name, (budget, used) in known.items():
        is_named = name in deployment.settings.budgets
        if counted := _named(budget, used, target_ids) if is_named else _other(budget, used, target_ids):
            found.append(counted)
    return tuple(found)


def hosts_of(budget: Budget) -> frozenset[str]:
    """The ids of the hosts that belong to it now."""
    scaling_groups = autoscaling.groups(budget.scaling_groups) if budget.scaling_groups else []
    selected = fleet.select(budget.tag_groups, budget.on_premises_tag_groups, scaling_groups)
    return frozenset(each.instance_id for each in selected.hosts)


def _named(budget: Budget, used: int, target_ids: Sequence[str]) -> CountedBudget | None:
    hosts = hosts_of(budget)
    if not hosts:
        raise _invalid(texts.budget_without_hosts(budget.name))
    places = budget.maximum.places(len(hosts))
    if not places:
        raise _invalid(texts.budget_without_places(budget.name, str(budget.maximum), len(hosts)))
    asking = hosts & frozenset(target_ids)
    if not asking:
        logger.warning("no target belongs to the budget", budget=budget.name)
        return None
    shards = budget_places.read(budget.name, max(number_of_shards(places), used))
    covers_all = asking == frozenset(target_ids)
    share = BudgetShare(budget=budget.name, places=places, shards_known=len(shards), covers_all=covers_all)
    return CountedBudget(share=share, shards=shards, hosts=asking, used=used, gone=rules.gone(shards, hosts))


def _other(budget: Budget, used: int, target_ids: Sequence[str]) -> CountedBudget | None:
    shards = budget_places.read(budget.name, used)
    failed = frozenset(rules.failed_hosts(shards)) & frozenset(target_ids)
    share = BudgetShare(budget=budget.name, places=0, shards_known=used, is_named=False)
    return CountedBudget(share=share, shards=shards, hosts=failed) if failed else None


def use(counted: Counted) -> None:
    """A deployment is about to begin that asks these: their shards are there, and have no places of hosts that are
    gone."""
    for each in counted:
        name = each.share.budget
        budgets.use_shards(name, each.share.number_with_places, each.used)
        for number, host in each.gone:
            logger.info("a host that failed does not belong to the budget any more", budget=name, host=host)
            budget_places.release(name, number, host, each.shards[number].held[host])


def shares(counted: Counted) -> tuple[BudgetShare, ...]:
    return tuple(each.share for each in counted)


def with_homes(targets: Sequence[Target], counted: Counted) -> list[Target]:
    """The targets, each with the shard of every budget that it asks first."""
    return [_with_homes(each, counted) if each.places else each for each in targets]


def _with_homes(target: Target, counted: Counted) -> Target:
    host = target.target_id
    asked = [each for each in counted if host in each.hosts]
    homes = {each.share.name: rules.home(each.share, host, each.shards) for each in asked}
    has_failed = any(host in shard.failed for each in asked for shard in each.shards)
    return replace(target, places={**target.places, **homes}, has_failed_in_budget=has_failed)


def _invalid(message: str) -> NotDeployable:
    return NotDeployable(DeploymentErrorCode.HEALTH_CONSTRAINTS_INVALID, message)
