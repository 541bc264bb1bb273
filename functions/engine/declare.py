"""The declaration in the table: groups, applications, alarms and configurations, applied by what differs.

`DECLARED` is the list of what deployments.yaml named last (sort keys "GROUP#app/group" and "APPLICATION#app"), so that
a group which it no longer names is found without reading the whole table. A group, what is found by it (`catalog`) and
its place on that list change in one transaction: whatever is interrupted, the next run finds a consistent table and
goes on.
"""

from typing import Any

from functions.aws import clock
from functions.aws.clients import client
from functions.core.declaration import Declaration, GroupChange, changes
from functions.core.errors import Conflict
from functions.core.records import Group
from functions.core.text.shapes import to_plain
from functions.store import groups
from functions.store.keys import declared_key, to_wire
from functions.store.table import Table
from functions.store.transactions import pause

_TRIES = 5


def apply(records: Table, declaration: Declaration) -> list[str]:
    """Bring the table to the declaration; the keys of what was written. Nothing is written when nothing differs.

    Whoever changes the same records in this moment (the API, or this function when it is called twice) is let go first.
    """
    for attempt in range(_TRIES - 1):
        try:
            return _apply(records, declaration)
        except Conflict:
            pause(attempt)
    return _apply(records, declaration)


def _apply(records: Table, declaration: Declaration) -> list[str]:
    written = _apply_configs(records, declaration)
    written += _apply_applications(records, declaration)
    stored = _stored_groups(records, declaration)
    for change in changes(declaration, stored, now=clock.timestamp(), new_id=clock.new_uuid):
        records.transact(_writes(records, change))
        written.append(change.after.key)
    return written


def _apply_configs(records: Table, declaration: Declaration) -> list[str]:
    """Custom configurations. One that is gone from the file goes; deployments hold their own copy."""
    dynamodb = client("dynamodb")
    stored = {item["name"]: item for item in records.query("CONFIG") if item.get("declared")}
    wanted = {
        config.name: {"pk": "CONFIG", "sk": f"CONFIG#{config.name}", "declared": True, **to_plain(config)}
        for config in declaration.configs
    }
    for name in (changed := [name for name, item in wanted.items() if stored.get(name) != item]):
        dynamodb.put_item(TableName=records.name, Item=to_wire(wanted[name]))
    for name in (gone := sorted(stored.keys() - wanted)):
        dynamodb.delete_item(TableName=records.name, Key=to_wire({"pk": "CONFIG", "sk": f"CONFIG#{name}"}))
    return changed + gone


def _apply_applications(records: Table, declaration: Declaration) -> list[str]:
    """Applications that are new to the file. One that is gone from it stays, as its deployments do."""
    declared = {item["sk"].removeprefix("APPLICATION#") for item in records.query("DECLARED", "APPLICATION#")}
    new = [name for name in declaration.applications if name not in declared]
    for name in new:
        groups.declare_application(records, name, new_id=clock.new_uuid(), now=clock.timestamp())
    for name in (gone := sorted(declared - set(declaration.applications))):
        groups.undeclare_application(records, name)
    return new + gone


def _stored_groups(records: Table, declaration: Declaration) -> dict[str, Group]:
    """The stored groups that the declaration names, or that the one before it named."""
    keys = {group.key for group in declaration.groups}
    keys |= {item["sk"].removeprefix("GROUP#") for item in records.query("DECLARED", "GROUP#")}
    found = ((key, records.group(*key.split("/"))) for key in sorted(keys))
    return {key: group for key, group in found if group}


def _writes(records: Table, change: GroupChange) -> list[dict[str, Any]]:
    """The transaction of one group, which is on the list of the declared ones as long as the file names it."""
    key = {"TableName": records.name, "Key": to_wire(mark := declared_key("GROUP", change.after.key))}
    put = {"Put": {"TableName": records.name, "Item": to_wire(mark)}}
    listed = {"Delete": key} if change.after.removed_at else put
    return [*groups.change(records, change.before, change.after), listed]
