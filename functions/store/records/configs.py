"""Custom deployment configurations in the table, and which groups use them.

Beside the configurations lies a count of how often the API made one, beside the uses of a configuration one of how
often a group took it. Who decides by what he sees reads the count first, and writes only if it is still the same: so
two creations cannot both be the last one allowed, and a deletion cannot meet a group that takes the configuration.

Groups of deployments.yaml have no such items: they use what the file declares, which the API does not delete.
"""

from dataclasses import dataclass
from itertools import islice

from functions.core.records import CustomConfig
from functions.core.rollout.health import PREDEFINED_CONFIGS, DeploymentConfig
from functions.core.text.shapes import from_plain, to_plain
from functions.store.keys import config_key, config_use_key, count_of_configs_key, count_of_uses_key
from functions.store.reading import record
from functions.store.table import pages
from functions.store.table.items import items
from functions.store.table.values import (
    IS_NEW,
    IS_THERE,
    Check,
    Condition,
    Delete,
    Equals,
    Key,
    Missing,
    Put,
    Query,
    Update,
    Write,
    all_of,
)

_ALL = Query(config_key("").pk, config_key("").sk)
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


def get(name: str) -> DeploymentConfig | None:
    """A deployment configuration by name, predefined or not."""
    if predefined := PREDEFINED_CONFIGS.get(name):
        return predefined
    item = items().get(config_key(name))
    return record(DeploymentConfig, item) if item else None


def custom(name: str) -> CustomConfig | None:
    """The configuration, of deployments.yaml or made by the API; not a predefined one."""
    item = items().get(config_key(name))
    return from_plain(CustomConfig, item) if item else None


def customs() -> dict[str, DeploymentConfig]:
    """Every configuration that is not predefined, by name."""
    return {item["name"]: from_plain(DeploymentConfig, item) for item in items().query(_ALL)}


def page(token: str | None, limit: int) -> tuple[list[str], str | None]:
    """A page of the names of custom ones, in their order, and the token of the next."""
    found, after = pages.page(_ALL, token, limit)
    return [item["name"] for item in found], after


def stored() -> Stored:
    made = _count(count_of_configs_key())
    return Stored(number=sum(1 for _ in items().query(_ALL)), made=made)


def create(config: CustomConfig, seen: Stored) -> bool:
    """Put a new one on record. False when its name is taken, or another one came first."""
    new = Put(config_key(config.name), to_plain(config), IS_NEW)
    return items().transact([new, _counted(count_of_configs_key(), _still(seen.made))])


def take(known: CustomConfig, registered_by: str) -> bool:
    """Give one that a resource of a stack has left to another one. False when it is not as it was read any more."""
    is_same = all_of(Equals("config_id", known.config_id), Equals("registered_by", known.registered_by))
    return items().write(Update(config_key(known.name), sets={"registered_by": registered_by}, condition=is_same))


def uses(name: str) -> Uses:
    taken = _count(count_of_uses_key(name))
    first = config_use_key(name, "")
    found = islice(items().query(Query(first.pk, first.sk)), _SHOWN)
    return Uses(groups=tuple(item["sk"].removeprefix(first.sk) for item in found), taken=taken)


def delete(config: CustomConfig, seen: Uses) -> bool:
    """Delete one that no group was seen to use. False when a group took it, or it is another one now."""
    same = Delete(config_key(config.name), Equals("config_id", config.config_id))
    return items().transact([same, Check(count_of_uses_key(config.name), _still(seen.taken))])


def change_of_use(group_key: str, before: str | None, after: str | None) -> list[Write]:
    """What a transaction that makes, changes or deletes a group of the API writes when the name of its configuration
    changes so; None is no group. It fails when there is no configuration `after` (any more)."""
    writes: list[Write] = []
    if before == after:
        return writes
    if before and before not in PREDEFINED_CONFIGS:
        writes.append(Delete(config_use_key(before, group_key)))
    if after and after not in PREDEFINED_CONFIGS:
        use = Put(config_use_key(after, group_key))
        writes += [Check(config_key(after), IS_THERE), use, _counted(count_of_uses_key(after))]
    return writes


def _count(key: Key) -> int:
    return int((items().get(key) or {}).get("times", 0))


def _counted(key: Key, condition: Condition | None = None) -> Update:
    return Update(key, adds={"times": 1}, condition=condition)


def _still(times: int) -> Condition:
    """That a count is still what it was."""
    return Equals("times", times) if times else Missing("times")
