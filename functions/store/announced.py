"""Writes of what the table's stream announces: deployments and targets, whose changes of status are news.

The stream's readers are filtered on the attribute `news`. It is set here together with the status, and taken away by
every other write, so a record's status cannot change without being announced, nor be announced twice.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum

from functions.core.records import Deployment
from functions.core.text.shapes import to_plain
from functions.store.keys import deployment_indexes, deployment_key
from functions.store.table.values import IS_NEW, Condition, Item, Key, Path, Put, Sets, Update, all_of, is_any

_NEWS = "news"


def new_deployment(deployment: Deployment) -> Put:
    attributes = {**deployment_indexes(deployment), **to_plain(deployment), _NEWS: True}
    return Put(deployment_key(deployment.deployment_id), attributes, IS_NEW)


def new_target(key: Key, attributes: Item, *, is_over: bool) -> Put:
    """A target that waits for its turn is no news."""
    return Put(key, {**attributes, _NEWS: is_over})


def status_change(
    key: Key,
    was: Iterable[StrEnum],
    status: StrEnum,
    *conditions: Condition,
    sets: Sets | None = None,
    removes: tuple[Path, ...] = (),
) -> Update:
    """The move to a status out of one of `was`, on conditions besides."""
    changes = {"status": status.value, _NEWS: True, **(sets or {})}
    return Update(key, sets=changes, removes=removes, condition=all_of(is_any("status", was), *conditions))


def same_status(
    key: Key,
    *conditions: Condition,
    sets: Sets | None = None,
    adds: Mapping[Path, int] | None = None,
    removes: tuple[Path, ...] = (),
) -> Update:
    """A change of anything else."""
    return Update(key, sets=sets or {}, adds=adds or {}, removes=(_NEWS, *removes), condition=all_of(*conditions))
