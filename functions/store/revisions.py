"""The revisions that an application knows, in the table: when registered, when used, and aimed at which groups.

A revision's item lies under the digest of its location, in a partition of the application's id: an application that is
made again under an old name knows nothing of the old one's. Beside it lie three small items, one for each order in
which revisions are listed, whose sort keys begin with the time; they change in the same transaction. What a group was
last aimed at is one item of the group, so that aiming it elsewhere changes no revision.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from functions.core.errors import Conflict
from functions.core.records import RegisteredRevision, Revision
from functions.core.revision import digest, location
from functions.core.text.shapes import from_plain, to_plain
from functions.store.keys import Item, aim_key, application_key, group_item_key, registered_revision_key, to_wire
from functions.store.table import Table, table
from functions.store.transactions import pause

ORDERS = {"registerTime": "register_time", "firstUsedTime": "first_used_time", "lastUsedTime": "last_used_time"}
_NEVER = "-"  # sorts before every time
_TRIES = 30  # of a change that met another one: about 8 s

Change = Callable[[RegisteredRevision | None], RegisteredRevision]


@dataclass(frozen=True, slots=True, kw_only=True)
class Aims:
    """An application, and which of its groups were last aimed at which revision."""

    application_id: str
    groups: dict[str, list[str]]  # by digest


def application_id(records: Table, application: str) -> str | None:
    item = records.get(application_key(application))
    return str(item["application_id"]) if item else None


def aims(records: Table, application: str) -> Aims | None:
    """Both of an application in one request, because in its partition AIM# lies beside APPLICATION."""
    found, groups = None, dict[str, list[str]]()
    own = application_key(application)
    for item in records.query(own["pk"], "A"):
        if item["sk"] == own["sk"]:
            found = str(item["application_id"])
        else:
            groups.setdefault(item["digest"], []).append(item["sk"].removeprefix("AIM#"))
    return Aims(application_id=found, groups=groups) if found else None


def known(records: Table, application_id: str, digests: list[str]) -> dict[str, RegisteredRevision]:
    """Those on record, by digest; at most 100, in one request."""
    found = records.get_all([registered_revision_key(application_id, each) for each in dict.fromkeys(digests)])
    return {item["sk"].removeprefix("REVISION#"): from_plain(RegisteredRevision, item) for item in found}


def register(records: Table, application_id: str, revision: Revision, description: str | None, now: str) -> None:
    """Put it on record. One that is there keeps its times; another description replaces the one it has."""

    def registered(known: RegisteredRevision | None) -> RegisteredRevision:
        if known is None:
            return RegisteredRevision(revision=location(revision), register_time=now, description=description)
        return replace(known, description=description or known.description)

    _change(records, application_id, revision, registered)


def used(application: str, group: str, revision: Revision, deployment_id: str, now: str) -> None:
    """A deployment was created with the revision, as its request named it: put both on record. A repeat changes
    nothing, and deployments may come in any order."""
    records = table()
    owner = application_id(records, application)
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

    _change(records, owner, revision, after_use)
    _aim(records, application, group, revision, now)


def change_of_group(
    records: Table, application: str, group: str, after: tuple[str, str] | None
) -> list[dict[str, Any]]:
    """What a transaction that renames a group (`after`: application and group), or deletes it (None), writes of what
    the group was aimed at."""
    before = records.get(aim_key(application, group))
    if before is None:
        return []
    key = {"TableName": records.name, "Key": to_wire(aim_key(application, group))}
    writes: list[dict[str, Any]] = [{"Delete": key}]
    if after:
        writes.append({"Put": {"TableName": records.name, "Item": to_wire({**before, **aim_key(*after)})}})
    return writes


def question(records: Table, application_id: str, order: str, *, descending: bool) -> dict[str, Any]:
    """The query for revisions by one of `ORDERS`; whatever has no such time comes before what has."""
    return {
        "TableName": records.name,
        "KeyConditionExpression": "pk = :pk AND begins_with(sk, :order)",
        "ExpressionAttributeValues": {
            ":pk": to_wire(registered_revision_key(application_id, ""))["pk"],
            ":order": {"S": f"{order}#"},
        },
        "ConsistentRead": True,
        "ScanIndexForward": not descending,
    }


def place(record: RegisteredRevision, order: str) -> str:
    """Where it stands in an order: the sort key."""
    return f"{order}#{getattr(record, ORDERS[order]) or _NEVER}#{digest(record.revision)}"


def _change(records: Table, application_id: str, revision: Revision, change: Change) -> None:
    key = registered_revision_key(application_id, digest(revision))
    for attempt in range(_TRIES):
        item = records.get(key)
        before = from_plain(RegisteredRevision, item) if item else None
        after = change(before)
        if after == before or _replaced(records, key, item, before, after):
            return
        pause(attempt)
    raise Conflict(f"{key['sk']} changed {_TRIES} times while changing it")


def _replaced(
    records: Table, key: Item, item: Item | None, before: RegisteredRevision | None, after: RegisteredRevision
) -> bool:
    """Write a revision and its places. False when somebody else did since it was read."""
    changes = item["changes"] if item else 0
    put: dict[str, Any] = {
        "TableName": records.name,
        "Item": to_wire({**key, **to_plain(after), "changes": changes + 1}),
        "ConditionExpression": "changes = :changes" if item else "attribute_not_exists(pk)",
    }
    if item:
        put["ExpressionAttributeValues"] = to_wire({":changes": changes})
    had = {place(before, order) for order in ORDERS} if before else set()
    has = {place(after, order) for order in ORDERS}
    lists = {"revision": to_plain(after.revision), "digest": digest(after.revision)}
    writes = [{"Put": put}]
    writes += [{"Delete": {"TableName": records.name, "Key": to_wire({**key, "sk": sk})}} for sk in sorted(had - has)]
    writes += [
        {"Put": {"TableName": records.name, "Item": to_wire({**key, "sk": sk, **lists})}} for sk in sorted(has - had)
    ]
    try:
        records.transact(writes)
    except Conflict:
        return False
    return True


def _aim(records: Table, application: str, group: str, revision: Revision, now: str) -> None:
    """The group is aimed at the revision, if it is still there and was not aimed elsewhere since."""
    there = {"TableName": records.name, "Key": to_wire(group_item_key(application, group))}
    aim = records.update(
        aim_key(application, group),
        "SET digest = :digest, aimed = :now",
        "attribute_not_exists(pk) OR aimed <= :now",
        {":digest": digest(revision), ":now": now},
    )
    try:
        records.transact([aim, {"ConditionCheck": {**there, "ConditionExpression": "attribute_exists(pk)"}}])
    except Conflict:
        return
