"""The declaration in the table: groups, applications, alarms and configurations, applied by what differs.

`DECLARED` is the list of groups that deployments.yaml named last (sort key "GROUP#app/group"), so that a group which
it no longer names is found without reading the whole table. A group, its alarms and its place on that list change in
one transaction: whatever is interrupted, the next run finds a consistent table and goes on.
"""

import json
import uuid
from typing import Any

from functions.aws.clients import client
from functions.aws.clock import timestamp
from functions.aws.items import Item, application_key, group_item_key, to_wire
from functions.aws.table import Table
from functions.core.declaration import Declaration, GroupChange, changes
from functions.core.records import Group
from functions.core.shapes import from_plain, to_plain


def read(bucket: str, key: str) -> Declaration:
    """The declaration that `cdk deploy` has put into S3."""
    body = client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    return from_plain(Declaration, json.loads(body))


def apply(records: Table, declaration: Declaration) -> list[str]:
    """Bring the table to the declaration; the keys of what was written. Nothing is written when nothing differs."""
    written = _apply_configs(records, declaration)
    written += _apply_applications(records, declaration)
    stored = _stored_groups(records, declaration)
    for change in changes(declaration, stored, now=timestamp(), new_id=lambda: str(uuid.uuid4())):
        records.transact(_writes(records.name, change))
        written.append(_key(change.after))
    return written


def _key(group: Group) -> str:
    return f"{group.application}/{group.name}"


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
    """Applications that are new. An application stays for ever, as its deployments do."""
    dynamodb = client("dynamodb")
    written = []
    for name in declaration.applications:
        if records.has_application(name):
            continue
        item = {**application_key(name), "name": name, "application_id": str(uuid.uuid4()), "create_time": timestamp()}
        dynamodb.put_item(TableName=records.name, Item=to_wire(item))
        written.append(name)
    return written


def _stored_groups(records: Table, declaration: Declaration) -> dict[str, Group]:
    """The stored groups that the declaration names, or that the one before it named."""
    keys = {group.key for group in declaration.groups}
    keys |= {item["sk"].removeprefix("GROUP#") for item in records.query("DECLARED")}
    found = ((key, records.group(*key.split("/"))) for key in sorted(keys))
    return {key: group for key, group in found if group}


def _writes(table_name: str, change: GroupChange) -> list[dict[str, Any]]:
    """The transaction of one group: at most 2 + 2 x 10 alarms, far from DynamoDB's 100 writes."""
    before, after = change.before, change.after
    had, has = _watched(before), _watched(after)
    writes = [_group_write(table_name, change)]
    listed = {"pk": "DECLARED", "sk": f"GROUP#{_key(after)}"}
    writes.append(_delete(table_name, listed) if after.removed_at else _put(table_name, listed))
    writes += [_delete(table_name, _alarm_key(alarm, after)) for alarm in sorted(had - has)]
    writes += [_put(table_name, _alarm_key(alarm, after)) for alarm in sorted(has)]
    return writes


def _watched(group: Group | None) -> set[str]:
    return set(group.settings.alarms.watched) if group and group.removed_at is None else set()


def _alarm_key(alarm: str, group: Group) -> Item:
    return {"pk": f"ALARM#{alarm}", "sk": f"GROUP#{_key(group)}"}


def _group_write(table_name: str, change: GroupChange) -> dict[str, Any]:
    """A new group is put; a known one keeps every attribute that deployments write (its last ones)."""
    after = change.after
    key = group_item_key(after.application, after.name)
    if change.before is None:
        return _put(
            table_name,
            {**key, "declared": True, **to_plain(after)},
            ConditionExpression="attribute_not_exists(pk)",
        )
    gone = "SET removed_at = :at, " if after.removed_at else "SET "
    back = "" if after.removed_at else " REMOVE removed_at"
    values: Item = {":settings": to_plain(after.settings), ":declared": after.removed_at is None}
    if after.removed_at:
        values[":at"] = after.removed_at
    return {
        "Update": {
            "TableName": table_name,
            "Key": to_wire(key),
            "UpdateExpression": f"{gone}settings = :settings, declared = :declared{back}",
            "ConditionExpression": "attribute_exists(pk)",
            "ExpressionAttributeValues": to_wire(values),
        }
    }


def _put(table_name: str, item: Item, **condition: str) -> dict[str, Any]:
    return {"Put": {"TableName": table_name, "Item": to_wire(item), **condition}}


def _delete(table_name: str, key: Item) -> dict[str, Any]:
    return {"Delete": {"TableName": table_name, "Key": to_wire(key)}}
