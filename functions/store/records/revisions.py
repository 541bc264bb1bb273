"""The revisions that an application knows, in the table: when registered, when used, and aimed at which groups.

A revision's item lies under the digest of its location, in a partition of the application's id: an application that is
made again under an old name knows nothing of the old one's. Beside it lie three small items, one for each order in
which revisions are listed, whose sort keys begin with the time; they change in the same transaction. What a group was
last aimed at is one item of the group, so that aiming it elsewhere changes no revision.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from functions.core.records import RegisteredRevision, Revision
from functions.core.revision import digest, location
from functions.core.text.shapes import from_plain, to_plain
from functions.store.keys import application_key, group_item_key, registered_revision_key, target_revision_key
from functions.store.reading import get_many
from functions.store.table import pages
from functions.store.table.items import items
from functions.store.table.patience import Attempts
from functions.store.table.values import (
    IS_NEW,
    IS_THERE,
    AtMost,
    BeginsWith,
    Check,
    Condition,
    Delete,
    Equals,
    Item,
    Key,
    Put,
    Query,
    Update,
    Write,
    all_of,
    any_of,
)

ORDERS = {"registerTime": "register_time", "firstUsedTime": "first_used_time", "lastUsedTime": "last_used_time"}
_NEVER = "-"  # sorts before every time
_TRIES = 30  # of a change that met another one: about 8 s

Change = Callable[[RegisteredRevision | None], RegisteredRevision]


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetRevisions:
    """An application, and which of its groups were last aimed at which revision."""

    application_id: str
    groups: dict[str, list[str]]  # by digest


def application_id(application: str) -> str | None:
    item = items().get(application_key(application))
    return str(item["application_id"]) if item else None


def aims(application: str) -> TargetRevisions | None:
    """Both of an application in one request, because in its partition AIM# lies beside APPLICATION."""
    found, groups = None, dict[str, list[str]]()
    own = application_key(application)
    for item in items().query(Query(own.pk, "A")):
        if item["sk"] == own.sk:
            found = str(item["application_id"])
        else:
            groups.setdefault(item["digest"], []).append(item["sk"].removeprefix("AIM#"))
    return TargetRevisions(application_id=found, groups=groups) if found else None


def known(application_id: str, digests: list[str]) -> dict[str, RegisteredRevision]:
    """Those on record, by digest; a hundred in a request."""
    found = get_many(registered_revision_key(application_id, each) for each in digests)
    return {item["sk"].removeprefix("REVISION#"): from_plain(RegisteredRevision, item) for item in found}


def register(application_id: str, revision: Revision, description: str | None, now: str) -> None:
    """Put it on record. One that is there keeps its times; another description replaces the one it has."""

    def registered(known: RegisteredRevision | None) -> RegisteredRevision:
        if known is None:
            return RegisteredRevision(revision=location(revision), register_time=now, description=description)
        return replace(known, description=description or known.description)

    _change(application_id, revision, registered)


def used(application: str, group: str, revision: Revision, deployment_id: str, now: str) -> None:
    """A deployment was created with the revision, as its request named it: put both on record. A repeat changes
    nothing, and deployments may come in any order."""
    owner = application_id(application)
    if owner is None:  # deleted meanwhile, and its revisions with it
        return

    def after_use(known: RegisteredRevision | None) -> RegisteredRevision:
        known = known or RegisteredRevision(
            revision=location(revision),
            register_time=now,
            description=f"Application revision registered by Deployment ID: {deployment_id}",
        )
        first, last = min(known.first_used_time or now, now), max(known.last_used_time or now, now)
        return replace(known, first_used_time=first, last_used_time=last)

    _change(owner, revision, after_use)
    _aim(application, group, revision, now)


def change_of_group(application: str, group: str, after: tuple[str, str] | None) -> list[Write]:
    """What a transaction that renames a group (`after`: application and group), or deletes it (None), writes of what
    the group was aimed at."""
    key = target_revision_key(application, group)
    before = items().get(key)
    if before is None:
        return []
    return [Delete(key), *([Put(target_revision_key(*after), before)] if after else [])]


def page(
    application_id: str,
    order: str,
    token: str | None,
    *,
    descending: bool = False,
    bucket: str | None = None,
    prefix: str = "",
    beyond: str = "",
) -> tuple[list[tuple[str, Revision]], str | None]:
    """A page of revisions by one of `ORDERS`, each with its digest, and the token of the next, which is good for the
    same `beyond`; whatever has no such time comes before what has. Only those of a bucket, whose keys begin so."""
    partition = registered_revision_key(application_id, "").pk
    query = Query(partition, f"{order}#", where=_of_bucket(bucket, prefix), descending=descending)
    found, after = pages.page(query, token, beyond=beyond)
    return [(item["digest"], from_plain(Revision, item["revision"])) for item in found], after


def _of_bucket(bucket: str | None, prefix: str) -> Condition | None:
    if bucket is None:
        return None
    is_there = Equals(("revision", "bucket"), bucket)
    return all_of(is_there, BeginsWith(("revision", "key"), prefix)) if prefix else is_there


def place(record: RegisteredRevision, order: str) -> str:
    """Where it stands in an order: the sort key."""
    return f"{order}#{getattr(record, ORDERS[order]) or _NEVER}#{digest(record.revision)}"


def _change(application_id: str, revision: Revision, change: Change) -> None:
    key = registered_revision_key(application_id, digest(revision))
    attempts = Attempts(_TRIES, f"{key.sk} changed {_TRIES} times while changing it")
    while True:
        item = items().get(key)
        before = from_plain(RegisteredRevision, item) if item else None
        after = change(before)
        if after == before or _replaced(key, item, before, after):
            return
        attempts.again()


def _replaced(key: Key, item: Item | None, before: RegisteredRevision | None, after: RegisteredRevision) -> bool:
    """Write a revision and its places. False when somebody else did since it was read."""
    changes = item["changes"] if item else 0
    is_same: Condition = Equals("changes", changes) if item else IS_NEW
    had = {place(before, order) for order in ORDERS} if before else set()
    has = {place(after, order) for order in ORDERS}
    listed = {"revision": to_plain(after.revision), "digest": digest(after.revision)}
    writes: list[Write] = [Put(key, {**to_plain(after), "changes": changes + 1}, is_same)]
    writes += [Delete(Key(key.pk, sk)) for sk in sorted(had - has)]
    writes += [Put(Key(key.pk, sk), listed) for sk in sorted(has - had)]
    return items().transact(writes)


def _aim(application: str, group: str, revision: Revision, now: str) -> None:
    """The group is aimed at the revision, if it is still there and was not aimed elsewhere since."""
    is_newest = any_of(IS_NEW, AtMost("aimed", now))
    aim = Update(
        target_revision_key(application, group), sets={"digest": digest(revision), "aimed": now}, condition=is_newest
    )
    items().transact([aim, Check(group_item_key(application, group), IS_THERE)])
