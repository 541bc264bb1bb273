"""Disruption budgets: what they promise. Their places are in `budget_places`.

A deployment copies what it needs when it begins, so a budget can be changed and deleted at any time.
"""

from functions.core.records import Budget
from functions.core.text.shapes import from_plain, to_plain
from functions.store.keys import budget_key
from functions.store.records import budget_places
from functions.store.table.items import items
from functions.store.table.values import IS_THERE, Delete, Equals, Less, Missing, Path, Query, Update, all_of, any_of

_FIELDS: tuple[Path, ...] = ("tag_groups", "on_premises_tag_groups", "scaling_groups")  # that may be empty
_SHARDS = "shards"


def get(name: str) -> tuple[Budget, int] | None:
    """The budget, and how many shards of its places have ever been used."""
    item = items().get(budget_key(name))
    return (from_plain(Budget, item), int(item.get(_SHARDS, 0))) if item else None


def all_of_them() -> list[tuple[Budget, int]]:
    """Each with the number of its shards, by their names."""
    found = items().query(Query(budget_key("").pk))
    return [(from_plain(Budget, item), int(item.get(_SHARDS, 0))) for item in found]


def put(budget: Budget) -> bool:
    """Make or change it; what its places are is not touched. False when deployments.yaml has it, and this is not of the
    file."""
    plain = to_plain(budget)
    is_open = None if budget.declared else any_of(Missing("declared"), Equals("declared", False))
    removes = tuple(name for name in _FIELDS if name not in plain)
    return items().write(Update(budget_key(budget.name), sets=plain, removes=removes, condition=is_open))


def delete(name: str) -> None:
    """No deployment that begins from now on asks it. What hosts hold that failed is given back; those that are deployed
    to give it back themselves."""
    if found := get(name):
        budget, number = found
        for at, shard in enumerate(budget_places.read(name, number)):
            for host in sorted(shard.failed):
                budget_places.release(name, at, host, shard.held[host])
        items().write(Delete(budget_key(budget.name)))


def use_shards(name: str, number: int, known: int) -> None:
    """A deployment begins that needs so many shards."""
    if number > known:
        budget_places.prepare(name, range(known, number))
        is_more = all_of(IS_THERE, any_of(Missing(_SHARDS), Less(_SHARDS, number)))
        items().write(Update(budget_key(name), sets={_SHARDS: number}, condition=is_more))
