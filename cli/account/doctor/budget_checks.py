"""Whether the budgets that there are say what a deployment group keeps to."""

from collections.abc import Mapping, Sequence
from typing import Any

from cli.account.doctor.checks import CheckedGroup, Finding, Findings, Level, run_check
from cli.view.words import names
from functions.core.records import TagFilter, TagGroup
from functions.core.selection import SCALING_GROUP_TAG, matches

_SHOWN = 3  # hosts or groups that a message names
Budget = Mapping[str, Any]  # of ListBudgets


def budget_findings(seen: CheckedGroup, budgets: Sequence[Budget]) -> list[Finding]:
    """Of the group's hosts and the budgets, those of ListBudgets."""
    if not budgets:
        return []
    permission = "execute-api:Invoke on ListGroupInstances"
    return run_check(seen.about, permission, lambda: _budgets(seen, budgets))


def _budgets(seen: CheckedGroup, budgets: Sequence[Budget]) -> Findings:
    for each in budgets:
        name, hosts = each["budgetName"], _hosts(seen, each)
        is_named = name in seen.info.get("budgets", ())
        if is_named and not each["places"]:
            continue  # the engine's own preflight tells it
        if is_named and not hosts:
            what = f"names budget {name}, to which none of its hosts belongs"
            yield Finding(
                Level.WARNING, seen.about, what, "change what the budget selects, or take it out of the group"
            )
        elif is_named:
            yield Finding(Level.OK, seen.about, f"budget {name} lets {each['places']} of its hosts be out of service")
        elif hosts and each["deploymentGroups"]:
            others = names(each["deploymentGroups"], _SHOWN)
            what = (
                f"{names(hosts, _SHOWN)}: in budget {name} of {others}, which deployments of this group do not keep to"
            )
            yield Finding(Level.WARNING, seen.about, what, f"add {name} to the group's budgets")


def _hosts(seen: CheckedGroup, budget: Budget) -> list[str]:
    """Those of the group's hosts that belong to it."""
    ec2, outside = (
        _tag_groups(budget, "ec2TagFilters", "ec2TagSet"),
        _tag_groups(budget, "onPremisesInstanceTagFilters", "onPremisesTagSet"),
    )
    scaling_groups = budget.get("autoScalingGroups", ())
    return [
        each.instance_id
        for each in seen.members
        if matches(each.tags, ec2 if each.instance_id.startswith("i-") else outside)
        or each.tags.get(SCALING_GROUP_TAG) in scaling_groups
    ]


def _tag_groups(budget: Budget, filters: str, tag_set: str) -> list[TagGroup]:
    lists = budget[tag_set][f"{tag_set}List"] if tag_set in budget else [budget[filters]] if filters in budget else []
    return [
        TagGroup(filters=tuple(TagFilter(key=each.get("Key"), value=each.get("Value")) for each in listed))
        for listed in lists
    ]
