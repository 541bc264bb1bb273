"""Applications and deployment groups in the table, whether deployments.yaml declares them or a request makes them.

An application lies beside its groups, and on the list of all applications. A group changes together with what is found
by it: its alarms, its use of a configuration, what it is aimed at, what it guards. Each change is one transaction on
the condition that the group is as it was read, so nothing that somebody else did meanwhile is overwritten.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from functions.core import access
from functions.core.errors import Conflict
from functions.core.records import Application, Group, Guard
from functions.core.text.shapes import from_plain, to_plain
from functions.store import configs, revisions
from functions.store.keys import (
    Item,
    alarm_key,
    application_key,
    declared_key,
    group_item_key,
    guard_key,
    listed_application_key,
    lock_key,
    to_wire,
)
from functions.store.table import Table

_SETTINGS = (
    "settings",
    "declared",
    "removed_at",
    "service_role_arn",
    "has_tag_set",
    "has_on_premises_tag_set",
    "outdated_instances_strategy",
)  # what a change of a group changes; deployments write the rest

Writes = list[dict[str, Any]]


# -- applications


def application(records: Table, name: str) -> Application | None:
    item = records.get(application_key(name))
    return from_plain(Application, item) if item else None


def applications(records: Table, names: Sequence[str]) -> dict[str, Application]:
    """Those that there are, by name; at most 100, in one request."""
    found = records.get_all([application_key(name) for name in dict.fromkeys(names)])
    return {item["name"]: from_plain(Application, item) for item in found}


def names_of_applications(records: Table) -> list[str]:
    return [item["name"] for item in records.query(listed_application_key("")["pk"])]


def number_of_applications(records: Table) -> int:
    return len(names_of_applications(records))


def create_application(records: Table, new: Application) -> bool:
    """False when there is one of that name."""
    return _written(records, _put_application(records, new))


def declare_application(records: Table, name: str, *, new_id: str, now: str) -> None:
    """deployments.yaml has it from now on, whether it was there or not."""
    update = {
        "TableName": records.name,
        "Key": to_wire(application_key(name)),
        "UpdateExpression": "SET #name = :name, declared = :true, application_id = if_not_exists(application_id, :id),"
        " create_time = if_not_exists(create_time, :now)",
        "ExpressionAttributeNames": {"#name": "name"},
        "ExpressionAttributeValues": to_wire({":name": name, ":true": True, ":id": new_id, ":now": now}),
    }
    listed, mark = listed_application_key(name), declared_key("APPLICATION", name)
    records.transact([{"Update": update}, _put(records, {**listed, "name": name}), _put(records, mark)])


def undeclare_application(records: Table, name: str) -> None:
    """It stays, as its deployments do; whoever may can delete it now."""
    update = records.update(application_key(name), "REMOVE declared", "attribute_exists(pk)")
    records.transact([update, _delete(records, declared_key("APPLICATION", name))])


def rename_application(records: Table, before: Application, name: str, moved: Sequence[Group]) -> Writes:
    """The writes that give an application and its groups another name; `transact` takes at most 100."""
    after = replace(before, name=name)
    writes = [*_delete_application(records, before), *_put_application(records, after)]
    for group in moved:
        writes += change(records, group, replace(group, application=name))
    return writes


def delete_application(records: Table, known: Application) -> bool:
    """Without its groups. False when it is another one now, or got a group meanwhile."""
    return _written(records, _delete_application(records, known))


def _put_application(records: Table, new: Application) -> Writes:
    item = {**application_key(new.name), **to_plain(new)}
    listed = {**listed_application_key(new.name), "name": new.name}
    return [_put(records, item, "attribute_not_exists(pk)"), _put(records, listed)]


def _delete_application(records: Table, known: Application) -> Writes:
    is_first = "attribute_not_exists(groups_made) OR " if known.groups_made == 0 else ""
    undeclared = "attribute_not_exists(declared) OR declared = :false"
    same = f"application_id = :id AND ({undeclared}) AND ({is_first}groups_made = :made)"
    values: Item = {":id": known.application_id, ":made": known.groups_made, ":false": False}
    own = application_key(known.name)
    return [_delete(records, own, same, values), _delete(records, listed_application_key(known.name))]


# -- groups


def groups(records: Table, application: str) -> Iterator[Group]:
    """Those of an application that are not removed, by name."""
    for item in records.query(application_key(application)["pk"], "GROUP#"):
        if "removed_at" not in item:
            yield from_plain(Group, item)


def groups_named(records: Table, application: str, names: Sequence[str]) -> dict[str, Group]:
    """Those that there are and are not removed, by name; at most 100, in one request."""
    found = records.get_all([group_item_key(application, name) for name in dict.fromkeys(names)])
    return {item["name"]: from_plain(Group, item) for item in found if "removed_at" not in item}


def create_group(records: Table, before: Group | None, new: Group) -> bool:
    """A new one, or one in the place of a removed one. False when its application or its name was taken meanwhile."""
    made = records.update(application_key(new.application), "ADD groups_made :one", "attribute_exists(pk)", {":one": 1})
    return _written(records, [made, *change(records, before, new)])


def change_group(records: Table, before: Group, after: Group | None) -> bool:
    """Change, rename or delete (None) a group. False when it is not as `before` any more, when its new name is taken,
    or when a deployment runs that would not find it under its new name."""
    return _written(records, change(records, before, after))


def change(records: Table, before: Group | None, after: Group | None) -> Writes:
    """The writes of a transaction that makes a group (`before` None), changes or renames it, or deletes it."""
    writes = _group_writes(records, before, after)
    had, has = _alarms(before), _alarms(after)
    writes += [_delete(records, alarm_key(*each)) for each in sorted(had - has)]
    writes += [_put(records, alarm_key(*each)) for each in sorted(has)]
    writes += _changes_of_guard(records, before, after)
    writes += _changes_of_use(records, before, after)
    gone = before and (after is None or after.removed_at or after.key != before.key)
    if before and gone:
        to = (after.application, after.name) if after and not after.removed_at else None
        writes += revisions.change_of_group(records, before.application, before.name, to)
    return writes


def index_guard(records: Table, application: str, name: str, group: Group | None) -> Writes:
    """The writes that bring a group's place among the guarded ones to the group, on the condition that it is as it was
    read, or (None) that there is none."""
    check: Item = {"TableName": records.name, "Key": to_wire(group_item_key(application, name))}
    if group is None:
        check |= {"ConditionExpression": "attribute_not_exists(pk)"}
    else:
        condition, values = _unchanged(group)
        check |= {"ConditionExpression": condition, "ExpressionAttributeValues": to_wire(values)}
    return [{"ConditionCheck": check}, _guard(records, f"{application}/{name}", access.guard(group))]


def _group_writes(records: Table, before: Group | None, after: Group | None) -> Writes:
    if before is None:
        if after is None:
            return []
        item = {**_key(after), **to_plain(after)}
        return [_put(records, item, "attribute_not_exists(pk)")]
    if after is None:
        return [_delete(records, _key(before), *_unchanged(before))]
    if after.key != before.key:
        item = {**_key(after), **to_plain(replace(after, changes=before.changes + 1))}
        free = {"TableName": records.name, "Key": to_wire(lock_key(before.key))}
        return [
            _delete(records, _key(before), *_unattempted(before)),
            _put(records, item, "attribute_not_exists(pk)"),
            {"ConditionCheck": {**free, "ConditionExpression": "attribute_not_exists(holder)"}},
        ]
    plain = to_plain(after)
    sets = [f"{name} = :{name}" for name in _SETTINGS if name in plain]
    removes = [name for name in _SETTINGS if name not in plain]
    values: Item = {f":{name}": plain[name] for name in _SETTINGS if name in plain} | {":next": before.changes + 1}
    expression = f"SET {', '.join([*sets, 'changes = :next'])}" + (f" REMOVE {', '.join(removes)}" if removes else "")
    condition, same = _unchanged(before)
    return [records.update(_key(before), expression, condition, {**values, **same})]


def _key(group: Group) -> Item:
    return group_item_key(group.application, group.name)


def _unchanged(group: Group) -> tuple[str, Item]:
    """That nobody has changed the group's settings since it was read."""
    is_first = "attribute_not_exists(changes) OR " if group.changes == 0 else ""
    values = {":group_id": group.group_id, ":changes": group.changes}
    return f"group_id = :group_id AND ({is_first}changes = :changes)", values


def _unattempted(group: Group) -> tuple[str, Item]:
    """That no deployment of it has ended since, either."""
    condition, values = _unchanged(group)
    if group.last_attempted is None:
        return f"{condition} AND attribute_not_exists(last_attempted)", values
    same = f"{condition} AND last_attempted.deployment_id = :last"
    return same, {**values, ":last": group.last_attempted.deployment_id}


def _alarms(group: Group | None) -> set[tuple[str, str]]:
    if group is None or group.removed_at:
        return set()
    return {(alarm, group.key) for alarm in group.settings.alarms.watched}


def _changes_of_guard(records: Table, before: Group | None, after: Group | None) -> Writes:
    had, has = access.guard(before), access.guard(after)
    gone = [_guard(records, had.key, None)] if had and not (has and has.key == had.key) else []
    return [*gone, _guard(records, has.key, has)] if has else gone


def _guard(records: Table, key: str, held: Guard | None) -> dict[str, Any]:
    return _put(records, {**guard_key(key), **to_plain(held)}) if held else _delete(records, guard_key(key))


def _changes_of_use(records: Table, before: Group | None, after: Group | None) -> Writes:
    had, has = _used(before), _used(after)
    if before and after and before.key == after.key:
        return configs.change_of_use(records, after.key, had, has)
    writes = configs.change_of_use(records, before.key, had, None) if before else []
    return writes + (configs.change_of_use(records, after.key, None, has) if after else [])


def _used(group: Group | None) -> str | None:
    """The configuration that a group of the API uses; the file answers for those of declared groups."""
    return group.settings.config.name if group and not group.declared and not group.removed_at else None


# -- both


def key(application: str, group: str | None = None) -> Item:
    return application_key(application) if group is None else group_item_key(application, group)


def set_tags(records: Table, key: Item, before: dict[str, str], after: dict[str, str]) -> bool:
    """False when the tags of the application or group are not `before` any more."""
    known, values = "tags = :before", {":before": before, ":after": after}
    same = known if before else f"attribute_not_exists(tags) OR {known}"
    condition = f"attribute_exists(pk) AND ({same})"
    return records.attempt(records.update(key, "SET tags = :after", condition, values))


# -- parts of a transaction


def _put(records: Table, item: Item, condition: str | None = None) -> dict[str, Any]:
    put: dict[str, Any] = {"TableName": records.name, "Item": to_wire(item)}
    return {"Put": {**put, "ConditionExpression": condition} if condition else put}


def _delete(records: Table, key: Item, condition: str | None = None, values: Item | None = None) -> dict[str, Any]:
    delete: dict[str, Any] = {"TableName": records.name, "Key": to_wire(key)}
    if condition and values:
        delete |= {"ConditionExpression": condition, "ExpressionAttributeValues": to_wire(values)}
    return {"Delete": delete}


def _written(records: Table, writes: Writes) -> bool:
    try:
        records.transact(writes)
    except Conflict:
        return False
    return True
