"""The index of the guarded groups (those with allowedPrincipals): the partition `GUARDS`, which Prepare reads.

A group's place in it changes in the group's own transaction (`groups.change`). Groups from before there was an index
get in when `declare` rebuilds it, at the `cdk deploy` that brings this version; then the index is marked as whole.
Without the mark the groups themselves are read, so that none is missed in between.
"""

from collections.abc import Iterator

from functions.core import access
from functions.core.records import Group, Guard
from functions.core.text.shapes import from_plain
from functions.store.keys import guard_key, guards_whole_key
from functions.store.records import applications, declared, groups
from functions.store.table.items import items
from functions.store.table.patience import Attempts
from functions.store.table.values import Item, Put, Query

_INDEX = Query(guards_whole_key().pk)
_TRIES = 12  # of a group that changes meanwhile


def guards() -> list[Guard]:
    """All guarded groups."""
    found = list(items().query(_INDEX))
    if any(_is_mark(item) for item in found):
        return [from_plain(Guard, item) for item in found if not _is_mark(item)]
    return [guard for group in _groups() if (guard := access.guard(group))]


def rebuild() -> list[str]:
    """Bring the index to the groups on record; the keys of what was written, none when nothing differs."""
    found = list(items().query(_INDEX))
    indexed = {from_plain(Guard, item).key for item in found if not _is_mark(item)}
    known = {group.key for group in _groups()}
    written = [key for key in sorted(indexed | known) if _align(key)]
    if not any(_is_mark(item) for item in found):
        items().write(Put(guards_whole_key()))
    return written


def _align(key: str) -> bool:
    """Whether the group's place had to be written; on the condition that the group is as it was read."""
    application, _, name = key.partition("/")
    attempts = Attempts(_TRIES, f"{key} changed {_TRIES} times while its guard was written")
    while True:
        group, item = groups.get(application, name), items().get(guard_key(key))
        if (from_plain(Guard, item) if item else None) == access.guard(group):
            return False
        if items().transact(groups.index_guard(application, name, group)):
            return True
        attempts.again()


def _groups() -> Iterator[Group]:
    """Every group, of the applications on the list and of those that deployments.yaml named."""
    names = set(applications.names()) | {key.partition("/")[0] for key in declared.group_keys()}
    for name in sorted(names):
        yield from groups.of(name)


def _is_mark(item: Item) -> bool:
    return bool(item["sk"] == guards_whole_key().sk)
