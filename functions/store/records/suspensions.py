"""The processes of Auto Scaling groups that deployments have suspended. There are few at any time: one partition."""

from collections.abc import Iterator
from dataclasses import dataclass

from functions.core.text.shapes import from_plain, to_plain
from functions.store.keys import suspension_key
from functions.store.table.items import items
from functions.store.table.values import IS_THERE, Delete, Key, Put, Query, Update


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspension:
    """What one deployment has suspended in one Auto Scaling group."""

    scaling_group: str
    deployment_id: str
    processes: tuple[str, ...]
    is_over: bool = False  # the deployment is: they are to be resumed


def put(record: Suspension) -> None:
    items().write(Put(_key(record), to_plain(record)))


def of(scaling_group: str) -> list[Suspension]:
    """Those of one Auto Scaling group."""
    prefix = suspension_key(scaling_group, "")
    return [from_plain(Suspension, item) for item in items().query(Query(prefix.pk, prefix.sk))]


def all() -> Iterator[Suspension]:  # noqa: A001 - read as suspensions.all
    for item in items().query(Query(suspension_key("", "").pk)):
        yield from_plain(Suspension, item)


def note_over(record: Suspension) -> None:
    items().write(Update(_key(record), sets={"is_over": True}, condition=IS_THERE))


def delete(record: Suspension) -> None:
    items().write(Delete(_key(record)))


def _key(record: Suspension) -> Key:
    return suspension_key(record.scaling_group, record.deployment_id)
