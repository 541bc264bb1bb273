"""Deployment groups in the table, whether deployments.yaml declares them or a request makes them.

A group changes together with what is found by it: its alarms, its use of a configuration, what it is aimed at, what it
guards. Each change is one transaction on the condition that the group is as it was read, so nothing that somebody else
did meanwhile is overwritten.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from functions.core import access
from functions.core.records import Deployment, Group, Guard
from functions.core.text.shapes import from_plain, to_plain
from functions.store.keys import alarm_key, application_key, group_item_key, guard_key, lock_key, scaling_group_key
from functions.store.reading import get_many, record
from functions.store.records import configs, revisions
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
    any_of,
)

_SETTINGS = (
    "settings",
    "declared",
    "registered_by",
    "removed_at",
    "service_role_arn",
    "has_tag_set",
    "has_on_premises_tag_set",
    "outdated_instances_strategy",
)  # what a change of a group changes; deployments write the rest


def get(application: str, group: str) -> Group | None:
    """The deployment group, also a removed one."""
    item = items().get(group_item_key(application, group))
    return record(Group, item) if item else None


def of(application: str) -> Iterator[Group]:
    """Those of an application that are not removed, by name."""
    for item in items().query(_of(application)):
        yield from_plain(Group, item)


def page(application: str, token: str | None) -> tuple[list[str], str | None]:
    """A page of names, in their order, and the token of the next."""
    found, after = pages.page(_of(application), token)
    return [item["name"] for item in found], after


def named(application: str, names: Sequence[str]) -> dict[str, Group]:
    """Those that exist and are not removed, by name; a hundred in a request."""
    found = get_many(group_item_key(application, name) for name in names)
    return {item["name"]: from_plain(Group, item) for item in found if "removed_at" not in item}


def of_deployment(deployment: Deployment) -> Group | None:
    """The group that it was created for. None when that was deleted meanwhile, also if there is another one of its
    name."""
    group = get(deployment.application, deployment.group)
    return group if group and group.group_id == deployment.group_id else None


def of_key(group_key: str) -> Group | None:
    """The group with this key, application/group."""
    application, _, name = group_key.partition("/")
    return get(application, name)


def of_alarm(alarm: str) -> list[str]:
    """Keys (application/group) of the groups that name the alarm, or of which a deployment named it."""
    return sorted({str(item["sk"]).partition("#")[2] for item in items().query(Query(alarm_key(alarm, "").pk))})


def of_scaling_groups() -> dict[str, list[str]]:
    """Keys (application/group) of the groups that name an Auto Scaling group, by its name."""
    found: dict[str, list[str]] = {}
    for item in items().query(Query(scaling_group_key("", "").pk)):
        name, _, group_key = str(item["sk"]).partition(":")
        found.setdefault(name, []).append(group_key)
    return found


def create(before: Group | None, new: Group) -> bool:
    """A new one, or one in the place of a removed one. False when its application or its name was taken meanwhile."""
    made = Update(application_key(new.application), adds={"groups_made": 1}, condition=IS_THERE)
    return items().transact([made, *change(before, new)])


def store_change(before: Group, after: Group | None) -> bool:
    """Change, rename or delete (None) a group. False when it is not as `before` any more, when its new name is taken,
    or when a deployment runs that would not find it under its new name."""
    return items().transact(change(before, after))


def remove_idle(before: Group, after: Group) -> bool:
    """Mark a group as removed. False when it is not as `before` any more, or when a deployment runs in it."""
    return items().transact([*change(before, after), Check(lock_key(before.key), Missing("holder"))])


def set_tags(application: str, group: str | None, before: dict[str, str], after: dict[str, str]) -> bool:
    """Of a group, or (None) of the application itself. False when the tags are not `before` any more."""
    is_same: Condition = Equals("tags", before)
    if not before:
        is_same = any_of(Missing("tags"), is_same)
    key = application_key(application) if group is None else group_item_key(application, group)
    return items().write(Update(key, sets={"tags": after}, condition=all_of(IS_THERE, is_same)))


# -- parts of a transaction


def change(before: Group | None, after: Group | None) -> list[Write]:
    """The writes of a transaction that makes a group (`before` None), changes or renames it, or deletes it."""
    had, has = _alarms(before), _alarms(after)
    writes = _own(before, after)
    writes += [Delete(alarm_key(*each)) for each in sorted(had - has)]
    writes += [Put(alarm_key(*each)) for each in sorted(has)]
    writes += _changes_of_scaling(before, after)
    writes += _changes_of_guard(before, after)
    writes += _changes_of_use(before, after)
    gone = before and (after is None or after.removed_at or after.key != before.key)
    if before and gone:
        to = (after.application, after.name) if after and not after.removed_at else None
        writes += revisions.change_of_group(before.application, before.name, to)
    return writes


def index_guard(application: str, name: str, group: Group | None) -> list[Write]:
    """The writes that bring a group's place among the guarded ones to the group, on the condition that it is as it was
    read, or (None) that there is none."""
    as_read = IS_NEW if group is None else _unchanged(group)
    return [
        Check(group_item_key(application, name), as_read),
        _guard(f"{application}/{name}", access.guard(group)),
    ]


def _own(before: Group | None, after: Group | None) -> list[Write]:
    """The group's own item."""
    if before is None:
        return [Put(_key(after), to_plain(after), IS_NEW)] if after else []
    if after is None:
        return [Delete(_key(before), _unchanged(before))]
    if after.key != before.key:
        moved = replace(after, changes=before.changes + 1)
        return [
            Delete(_key(before), _unattempted(before)),
            Put(_key(after), to_plain(moved), IS_NEW),
            Check(lock_key(before.key), Missing("holder")),
        ]
    plain = to_plain(after)
    sets = {name: plain[name] for name in _SETTINGS if name in plain} | {"changes": before.changes + 1}
    removes = tuple(name for name in _SETTINGS if name not in plain)
    return [Update(_key(before), sets=sets, removes=removes, condition=_unchanged(before))]


def _key(group: Group) -> Key:
    return group_item_key(group.application, group.name)


def _of(application: str) -> Query:
    return Query(application_key(application).pk, "GROUP#", where=Missing("removed_at"))


def _unchanged(group: Group) -> Condition:
    """That nobody has changed the group's settings since it was read."""
    is_same: Condition = Equals("changes", group.changes)
    if group.changes == 0:
        is_same = any_of(Missing("changes"), is_same)
    return all_of(Equals("group_id", group.group_id), is_same)


def _unattempted(group: Group) -> Condition:
    """That no deployment of it has ended since, either."""
    last = group.last_attempted
    is_last = Equals(("last_attempted", "deployment_id"), last.deployment_id) if last else Missing("last_attempted")
    return all_of(_unchanged(group), is_last)


def _alarms(group: Group | None) -> set[tuple[str, str]]:
    if group is None or group.removed_at:
        return set()
    return {(alarm, group.key) for alarm in group.settings.alarms.watched}


def _changes_of_scaling(before: Group | None, after: Group | None) -> list[Write]:
    had, has = _scaling_groups(before), _scaling_groups(after)
    writes: list[Write] = [Delete(scaling_group_key(*each)) for each in sorted(had - has)]
    return writes + [Put(scaling_group_key(*each)) for each in sorted(has - had)]


def _scaling_groups(group: Group | None) -> set[tuple[str, str]]:
    if group is None or group.removed_at:
        return set()
    return {(each, group.key) for each in group.settings.auto_scaling.groups}


def _changes_of_guard(before: Group | None, after: Group | None) -> list[Write]:
    had, has = access.guard(before), access.guard(after)
    gone = [_guard(had.key, None)] if had and not (has and has.key == had.key) else []
    return [*gone, _guard(has.key, has)] if has else gone


def _guard(key: str, held: Guard | None) -> Write:
    return Put(guard_key(key), to_plain(held)) if held else Delete(guard_key(key))


def _changes_of_use(before: Group | None, after: Group | None) -> list[Write]:
    had, has = _used(before), _used(after)
    if before and after and before.key == after.key:
        return configs.change_of_use(after.key, had, has)
    writes = configs.change_of_use(before.key, had, None) if before else []
    return writes + (configs.change_of_use(after.key, None, has) if after else [])


def _used(group: Group | None) -> str | None:
    """The configuration that a group of the API uses; the file answers for those of declared groups."""
    return group.settings.config.name if group and not group.declared and not group.removed_at else None
