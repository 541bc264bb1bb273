"""Disruption budgets: those of deployments.yaml, and those that the API makes; who holds their places, since when."""

from typing import Any

from functions.api import budget_responses
from functions.api.operations import Caller
from functions.api.requests.budgets import INVALID
from functions.api.requests.budgets import budget as read_budget
from functions.core import quotas
from functions.core.errors import Refused
from functions.core.limits import SHOWN
from functions.core.messages import texts
from functions.core.records import Budget
from functions.engine import budgets as engine_budgets
from functions.engine.starting.budgets import hosts_of
from functions.store.records import applications, budget_places, budgets, declared, groups

_IN_USE = "BudgetInUseException"


def list_budgets(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """By their names, each with the hosts that belong to it now."""
    wanted = given.get("budgetName")
    found = [_known(wanted)] if wanted else budgets.all_of_them()
    by_budget = _groups()
    return {
        "budgets": [
            budget_responses.budget(
                budget,
                hosts=len(hosts_of(budget)),
                shards=budget_places.read(budget.name, used),
                groups=by_budget.get(budget.name, []),
                now=caller.now,
            )
            for budget, used in found
        ]
    }


def put_budget(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """Make it, or change all of it. Deployments that run keep to what they began with."""
    budget = read_budget(given)
    before = budgets.get(budget.name)
    if before is None and (number := len(budgets.all_of_them())) >= quotas.MAX_BUDGETS:
        what = f"there are {number} budgets, at most {quotas.MAX_BUDGETS}: delete one first"
        raise Refused("BudgetLimitExceededException", what)
    if unknown := sorted(set(budget.scaling_groups) - set(declared.scaling_groups())):
        raise Refused(INVALID, f"autoScalingGroups: {texts.undeclared(unknown)}")
    hosts = hosts_of(budget)
    if not hosts:
        raise Refused(INVALID, texts.budget_without_hosts(budget.name))
    if not budget.maximum.places(len(hosts)):
        raise Refused(INVALID, texts.budget_without_places(budget.name, str(budget.maximum), len(hosts)))
    if not budgets.put(budget):
        raise _declared(budget.name)
    return {}


def delete_budget(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """An unknown one is as it should be. One that a group names, or that a deployment asks, stays."""
    name = given["budgetName"]
    if (found := budgets.get(name)) is None:
        return {}
    if found[0].declared:
        raise _declared(name)
    if named := _groups().get(name):
        raise Refused(_IN_USE, f"budgetName: {name} is named by {', '.join(named)}: change each of these groups first")
    if at_work := engine_budgets.delete(name, caller.arn):
        raise Refused(_IN_USE, f"budgetName: {name} has places of {', '.join(at_work)}: wait for it, or stop it")
    return {}


def release_budget_place(given: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """Somebody knows that a host which failed is not out of service any more, or is gone."""
    name, host_id = given["budgetName"], given["hostId"]
    _known(name)
    try:
        place = engine_budgets.release(name, host_id, caller.arn)
    except engine_budgets.AtWork as error:
        raise Refused(_IN_USE, f"hostId: {error} deploys to {host_id}: wait for it, or stop it") from error
    if place is None:
        raise Refused(INVALID, f"hostId: {host_id[:SHOWN]} has no place of {name}: see ListBudgets")
    return {"failedIn": place.failed_in or place.deployment_id or None}


def _known(name: str) -> tuple[Budget, int]:
    """Raises Refused."""
    if (found := budgets.get(name)) is None:
        raise Refused("BudgetDoesNotExistException", f"No budget found for name: {name}")
    return found


def _groups() -> dict[str, list[str]]:
    """The groups that name a budget, by its name."""
    found: dict[str, list[str]] = {}
    for application in applications.names():
        for group in groups.of(application):
            for name in group.settings.budgets:
                found.setdefault(name, []).append(group.key)
    return found


def _declared(name: str) -> Refused:
    return Refused(INVALID, f"budgetName: {name} is declared in deployments.yaml: change it there and run cdk deploy")
