"""The index of the guarded groups (those with allowedPrincipals): the partition `GUARDS`, which Prepare reads.

A group's place in it changes in the group's own transaction (`catalog.change`). Groups from before there was an index
get in when `declare` rebuilds it, at the `cdk deploy` that brings this version; then the index is marked as whole.
Without the mark the groups themselves are read, so that none is missed in between.
"""

from collections.abc import Iterator

from functions.aws.clients import client
from functions.core import access
from functions.core.errors import Conflict
from functions.core.records import Group, Guard
from functions.core.text.shapes import from_plain
from functions.store import groups
from functions.store.keys import Item, guard_key, guards_whole_key, listed_application_key, to_wire
from functions.store.table import Table
from functions.store.transactions import pause

_PARTITION = guards_whole_key()["pk"]
_TRIES = 12  # of a group that changes meanwhile


def guards(records: Table) -> list[Guard]:
    """All guarded groups."""
    items = list(records.query(_PARTITION))
    if any(_is_mark(item) for item in items):
        return [from_plain(Guard, item) for item in items if not _is_mark(item)]
    return [found for group in _groups(records) if (found := access.guard(group))]


def rebuild(records: Table) -> list[str]:
    """Bring the index to the groups on record; the keys of what was written, none when nothing differs."""
    items = list(records.query(_PARTITION))
    indexed = {from_plain(Guard, item).key for item in items if not _is_mark(item)}
    known = {group.key for group in _groups(records)}
    written = [key for key in sorted(indexed | known) if _align(records, key)]
    if not any(_is_mark(item) for item in items):
        client("dynamodb").put_item(TableName=records.name, Item=to_wire(guards_whole_key()))
    return written


def _align(records: Table, key: str) -> bool:
    """Whether the group's place had to be written; on the condition that the group is as it was read."""
    application, _, name = key.partition("/")
    for attempt in range(_TRIES):
        group, item = records.group(application, name), records.get(guard_key(key))
        if (from_plain(Guard, item) if item else None) == access.guard(group):
            return False
        try:
            records.transact(groups.index_guard(records, application, name, group))
        except Conflict:
            pause(attempt)
            continue
        return True
    raise Conflict(f"{key} changed {_TRIES} times while its guard was written")


def _groups(records: Table) -> Iterator[Group]:
    """Every group, of the applications on the list and of those that deployments.yaml named."""
    names = {item["sk"].partition("#")[2] for item in records.query(listed_application_key("")["pk"])}
    names |= {item["sk"].removeprefix("GROUP#").partition("/")[0] for item in records.query("DECLARED", "GROUP#")}
    for name in sorted(names):
        yield from groups.groups(records, name)


def _is_mark(item: Item) -> bool:
    return bool(item["sk"] == guards_whole_key()["sk"])
