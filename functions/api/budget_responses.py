"""Budgets as the API tells them."""

from collections.abc import Sequence
from typing import Any

from functions.api.responses import filters_and_lists
from functions.core.records import Budget, BudgetShard


def budget(
    record: Budget, *, hosts: int, shards: Sequence[BudgetShard], groups: Sequence[str], now: str
) -> dict[str, Any]:
    """A Budget. `hosts`: that belong to it now; `groups`: that name it."""
    ec2 = filters_and_lists(record.tag_groups, is_set=False)
    on_premises = filters_and_lists(record.on_premises_tag_groups, is_set=False)
    held = sorted((host, place) for shard in shards for host, place in shard.held.items())
    line = {name: each.since for shard in shards for name, each in shard.line.items() if each.until > now}
    return {
        "budgetName": record.name,
        "ec2TagFilters": ec2[0] or None,
        "ec2TagSet": {"ec2TagSetList": ec2[1]} if ec2[1] else None,
        "onPremisesInstanceTagFilters": on_premises[0] or None,
        "onPremisesTagSet": {"onPremisesTagSetList": on_premises[1]} if on_premises[1] else None,
        "autoScalingGroups": list(record.scaling_groups) or None,
        "maximumOutOfService": {"type": record.maximum.type, "value": record.maximum.value},
        "isDeclared": record.declared,
        "hosts": hosts,
        "places": record.maximum.places(hosts),
        "holders": [
            {
                "hostId": host,
                "since": place.since,
                "deploymentId": place.deployment_id or None,
                "failedIn": place.failed_in or None,
            }
            for host, place in held
        ],
        "waiting": [{"deploymentId": name, "since": line[name]} for name in sorted(line, key=line.__getitem__)],
        "deploymentGroups": list(groups),
    }
