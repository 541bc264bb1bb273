"""On-premises instances in the table: who is registered, tied to which IAM identity, with which tags.

An identity's item exists as long as the instance that it is tied to is registered: both change in one transaction.
`tag_values` repeats the values of `tags`, because a filter cannot look for a value in a map.
"""

from collections.abc import Mapping, Sequence

from functions.core.records import OnPremisesInstance, TagFilter
from functions.core.text.shapes import from_plain, to_plain
from functions.store.keys import iam_key, on_premises_key
from functions.store.reading import get_many
from functions.store.table import pages
from functions.store.table.items import items
from functions.store.table.values import (
    IS_NEW,
    Condition,
    Contains,
    Delete,
    Equals,
    Exists,
    Item,
    Missing,
    Put,
    Query,
    Update,
    all_of,
    any_of,
)

_PARTITION = on_premises_key("").pk
_IS_REGISTERED = Missing("deregister_time")


def named(names: Sequence[str]) -> dict[str, OnPremisesInstance]:
    """Those on record, also deregistered ones, by name; a hundred in a request."""
    found = get_many(map(on_premises_key, names))
    return {item["name"]: from_plain(OnPremisesInstance, item) for item in found}


def registered() -> list[OnPremisesInstance]:
    """Those that are registered now, by name."""
    return [from_plain(OnPremisesInstance, item) for item in items().query(Query(_PARTITION, where=_IS_REGISTERED))]


def page(is_registered: bool | None, filters: Sequence[TagFilter], token: str | None) -> tuple[list[str], str | None]:
    """A page of names, in their order, and the token of the next: of registered or deregistered ones (None: both) that
    fit one of the filters, if there are some."""
    wanted: list[Condition] = []
    if is_registered is not None:
        wanted.append(_IS_REGISTERED if is_registered else Exists("deregister_time"))
    if filters:
        wanted.append(any_of(*map(_fits, filters)))
    found, after = pages.page(Query(_PARTITION, where=all_of(*wanted) if wanted else None), token)
    return [item["name"] for item in found], after


def tied_to(iam_arn: str) -> str | None:
    """The name of the registered instance of an IAM identity."""
    item = items().get(iam_key(iam_arn))
    return item["name"] if item else None


def register(instance: OnPremisesInstance) -> bool:
    """Put it on record, also in the place of a deregistered one. False when its name or its identity is taken."""
    attributes = {**to_plain(instance), **_tags(instance.tags)}
    own = Put(on_premises_key(instance.name), attributes, any_of(IS_NEW, Exists("deregister_time")))
    return items().transact([own, Put(iam_key(instance.iam_arn), {"name": instance.name}, IS_NEW)])


def deregister(instance: OnPremisesInstance, now: str) -> bool:
    """Let its name and its identity go. False when somebody else did."""
    end = Update(on_premises_key(instance.name), sets={"deregister_time": now}, condition=_is_same(instance))
    return items().transact([end, Delete(iam_key(instance.iam_arn))])


def retag(changes: Sequence[tuple[OnPremisesInstance, Mapping[str, str]]]) -> bool:
    """Give instances (at most 100) new tags, all or none. False when one was changed or deregistered meanwhile."""
    return items().transact([_retag(instance, tags) for instance, tags in changes])


def _retag(instance: OnPremisesInstance, tags: Mapping[str, str]) -> Update:
    condition = all_of(_is_same(instance), Equals("tags", instance.tags))
    return Update(on_premises_key(instance.name), sets=_tags(tags), condition=condition)


def _is_same(instance: OnPremisesInstance) -> Condition:
    return all_of(Equals("instance_arn", instance.instance_arn), _IS_REGISTERED)


def _fits(one: TagFilter) -> Condition:
    if one.key is None:
        return Contains("tag_values", one.value)
    place = ("tags", one.key)
    return Exists(place) if one.value is None else Equals(place, one.value)


def _tags(tags: Mapping[str, str]) -> Item:
    return {"tags": dict(tags), "tag_values": sorted(set(tags.values()))}
