"""Custom deployment configurations in the table, and which groups use them.

Beside the configurations lies a count of how often the API made one, beside the uses of a configuration one of how
often a group took it. Who decides by what he sees reads the count first, and writes only if it is still the same: so
two creations cannot both be the last one allowed, and a deletion cannot meet a group that takes the configuration.

Groups of deployments.yaml have no such items: they use what the file declares, which the API does not delete.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from functions.core.errors import Conflict
from functions.core.health import PREDEFINED_CONFIGS
from functions.core.records import CustomConfig
from functions.core.text.shapes import from_plain, to_plain
from functions.store.keys import Item, config_key, config_use_key, count_of_configs_key, count_of_uses_key, to_wire
from functions.store.table import Table

_SHOWN = 3  # groups that a refusal names


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """How many configurations there were, when so many had ever been made."""

    number: int
    made: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Uses:
    """The first groups (application/group) that used a configuration, when so many had ever taken it."""

    groups: tuple[str, ...]
    taken: int


def get(records: Table, name: str) -> CustomConfig | None:
    """The configuration, of deployments.yaml or made by the API; not a predefined one."""
    item = records.get(config_key(name))
    return from_plain(CustomConfig, item) if item else None


def stored(records: Table) -> Stored:
    made = _count(records, count_of_configs_key())
    return Stored(number=sum(1 for _ in records.query("CONFIG", "CONFIG#")), made=made)


def create(records: Table, config: CustomConfig, seen: Stored) -> bool:
    """Put a new one on record. False when its name is taken, or another one came first."""
    item = {**config_key(config.name), **to_plain(config)}
    is_new = "attribute_not_exists(pk)"
    put = {"Put": {"TableName": records.name, "Item": to_wire(item), "ConditionExpression": is_new}}
    condition, values = _still(seen.made)
    count = records.update(count_of_configs_key(), "ADD times :one", condition, {":one": 1, **values})
    return _written(records, [put, count])


def uses(records: Table, name: str) -> Uses:
    taken = _count(records, count_of_uses_key(name))
    found = islice(records.query(config_use_key(name, "")["pk"], "GROUP#"), _SHOWN)
    return Uses(groups=tuple(item["sk"].removeprefix("GROUP#") for item in found), taken=taken)


def delete(records: Table, config: CustomConfig, seen: Uses) -> bool:
    """Delete one that no group was seen to use. False when a group took it, or it is another one now."""
    same = {
        "TableName": records.name,
        "Key": to_wire(config_key(config.name)),
        "ConditionExpression": "config_id = :id",
        "ExpressionAttributeValues": to_wire({":id": config.config_id}),
    }
    condition, values = _still(seen.taken)
    unused = {
        "TableName": records.name,
        "Key": to_wire(count_of_uses_key(config.name)),
        "ConditionExpression": condition,
    }
    if values:
        unused["ExpressionAttributeValues"] = to_wire(values)
    return _written(records, [{"Delete": same}, {"ConditionCheck": unused}])


def change_of_use(records: Table, group_key: str, before: str | None, after: str | None) -> list[dict[str, Any]]:
    """What a transaction that makes, changes or deletes a group of the API writes when the name of its configuration
    changes so; None is no group. It fails when there is no configuration `after` (any more)."""
    writes: list[dict[str, Any]] = []
    if before == after:
        return writes
    if before and before not in PREDEFINED_CONFIGS:
        writes.append({"Delete": {"TableName": records.name, "Key": to_wire(config_use_key(before, group_key))}})
    if after and after not in PREDEFINED_CONFIGS:
        there = {"TableName": records.name, "Key": to_wire(config_key(after))}
        writes += [
            {"ConditionCheck": {**there, "ConditionExpression": "attribute_exists(pk)"}},
            {"Put": {"TableName": records.name, "Item": to_wire(config_use_key(after, group_key))}},
            _counted(records, count_of_uses_key(after)),
        ]
    return writes


def _count(records: Table, key: Item) -> int:
    return int((records.get(key) or {}).get("times", 0))


def _counted(records: Table, key: Item) -> dict[str, Any]:
    add = {"UpdateExpression": "ADD times :one", "ExpressionAttributeValues": to_wire({":one": 1})}
    return {"Update": {"TableName": records.name, "Key": to_wire(key), **add}}


def _still(times: int) -> tuple[str, Item]:
    """The condition that a count is still what it was, and its values."""
    return ("times = :times", {":times": times}) if times else ("attribute_not_exists(times)", {})


def _written(records: Table, writes: Sequence[dict[str, Any]]) -> bool:
    try:
        records.transact(writes)
    except Conflict:
        return False
    return True
