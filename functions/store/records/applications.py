"""Applications in the table, whether deployments.yaml declares them or a request makes them.

An application lies beside its groups, and on the list of all applications.
"""

from collections.abc import Sequence
from dataclasses import replace

from functions.core.records import Application, Group
from functions.core.text.shapes import from_plain, to_plain
from functions.store.keys import application_key, listed_application_key
from functions.store.reading import get_many
from functions.store.records import groups
from functions.store.table import pages
from functions.store.table.items import items
from functions.store.table.values import (
    IS_NEW,
    MAX_WRITES,
    Condition,
    Delete,
    Equals,
    Missing,
    Put,
    Query,
    Update,
    Write,
    all_of,
    any_of,
)

_LIST = Query(listed_application_key("").pk)
_UNDECLARED = any_of(Missing("declared"), Equals("declared", False))
_OPEN = (_UNDECLARED, Missing("registered_by"))  # requests may change it


def get(name: str) -> Application | None:
    item = items().get(application_key(name))
    return from_plain(Application, item) if item else None


def named(names: Sequence[str]) -> dict[str, Application]:
    """Those that exist, by name; a hundred in a request."""
    found = get_many(map(application_key, names))
    return {item["name"]: from_plain(Application, item) for item in found}


def has(name: str) -> bool:
    return items().get(application_key(name)) is not None


def names() -> list[str]:
    return [item["name"] for item in items().query(_LIST)]


def page(token: str | None) -> tuple[list[str], str | None]:
    """A page of names, in their order, and the token of the next."""
    found, after = pages.page(_LIST, token)
    return [item["name"] for item in found], after


def create(new: Application) -> bool:
    """False when there is one of that name."""
    return items().transact(_put(new))


def take(known: Application, registered_by: str) -> bool:
    """Give one that requests made, or that a resource has left, to a resource of a stack. False when it is another one
    now, or somebody else's."""
    before = known.registered_by
    is_whose = Equals("registered_by", before) if before else Missing("registered_by")
    is_same = all_of(Equals("application_id", known.application_id), _UNDECLARED, is_whose)
    return items().write(Update(application_key(known.name), sets={"registered_by": registered_by}, condition=is_same))


def release(name: str, registered_by: str) -> bool:
    """The inverse of `take`. False when it is not this resource's."""
    is_its = Equals("registered_by", registered_by)
    return items().write(Update(application_key(name), removes=("registered_by",), condition=is_its))


class TooManyGroups(Exception):
    """One transaction cannot move them all."""


def rename(before: Application, name: str, moved: Sequence[Group]) -> bool:
    """Give an application and its groups another name. False when one of them is not as it was read any more, or the
    name is taken. Raises TooManyGroups."""
    writes = [*_delete(before), *_put(replace(before, name=name))]
    for group in moved:
        writes += groups.change(group, replace(group, application=name))
    if len(writes) > MAX_WRITES:
        raise TooManyGroups
    return items().transact(writes)


def delete(known: Application) -> bool:
    """Without its groups. False when it is another one now, or got a group meanwhile."""
    return items().transact(_delete(known))


def _put(new: Application) -> list[Write]:
    listed = Put(listed_application_key(new.name), {"name": new.name})
    return [Put(application_key(new.name), to_plain(new), IS_NEW), listed]


def _delete(known: Application) -> list[Write]:
    made: Condition = Equals("groups_made", known.groups_made)
    if known.groups_made == 0:
        made = any_of(Missing("groups_made"), made)
    is_same = all_of(Equals("application_id", known.application_id), *_OPEN, made)
    return [Delete(application_key(known.name), is_same), Delete(listed_application_key(known.name))]
