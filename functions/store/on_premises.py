"""On-premises instances in the table: who is registered, tied to which IAM identity, with which tags.

An identity's item exists as long as the instance that it is tied to is registered: both change in one transaction.
`tag_values` repeats the values of `tags`, because a filter cannot look for a value in a map.
"""

from collections.abc import Mapping, Sequence

from functions.core.errors import Conflict
from functions.core.records import OnPremisesInstance
from functions.core.text.shapes import from_plain, to_plain
from functions.store.keys import Item, iam_key, on_premises_key, to_wire
from functions.store.table import Table


def known(records: Table, names: Sequence[str]) -> dict[str, OnPremisesInstance]:
    """Those on record, also deregistered ones, by name; at most 100, in one request."""
    found = records.get_all([on_premises_key(each) for each in dict.fromkeys(names)])
    return {item["name"]: from_plain(OnPremisesInstance, item) for item in found}


def registered(records: Table) -> list[OnPremisesInstance]:
    """Those that are registered now, by name."""
    items = records.query(on_premises_key("")["pk"])
    return [from_plain(OnPremisesInstance, item) for item in items if "deregister_time" not in item]


def tied_to(records: Table, iam_arn: str) -> str | None:
    """The name of the registered instance of an IAM identity."""
    item = records.get(iam_key(iam_arn))
    return item["name"] if item else None


def register(records: Table, instance: OnPremisesInstance) -> bool:
    """Put it on record, also in the place of a deregistered one. False when its name or its identity is taken."""
    item = {**on_premises_key(instance.name), **to_plain(instance), **_tags(instance.tags)}
    claim = {**iam_key(instance.iam_arn), "name": instance.name}
    is_free = "attribute_not_exists(pk) OR attribute_exists(deregister_time)"
    return _written(records, [_put(records, item, is_free), _put(records, claim, "attribute_not_exists(pk)")])


def deregister(records: Table, instance: OnPremisesInstance, now: str) -> bool:
    """Let its name and its identity go. False when somebody else did."""
    end = records.update(
        on_premises_key(instance.name),
        "SET deregister_time = :now",
        "instance_arn = :arn AND attribute_not_exists(deregister_time)",
        {":now": now, ":arn": instance.instance_arn},
    )
    release = {"Delete": {"TableName": records.name, "Key": to_wire(iam_key(instance.iam_arn))}}
    return _written(records, [end, release])


def retag(records: Table, changes: Sequence[tuple[OnPremisesInstance, Mapping[str, str]]]) -> bool:
    """Give instances (at most 100) new tags, all or none. False when one was changed or deregistered meanwhile."""
    return _written(records, [_retag(records, instance, tags) for instance, tags in changes])


def _retag(records: Table, instance: OnPremisesInstance, tags: Mapping[str, str]) -> Item:
    return records.update(
        on_premises_key(instance.name),
        "SET #tags = :tags, tag_values = :tag_values",
        "instance_arn = :arn AND attribute_not_exists(deregister_time) AND #tags = :before",
        {
            ":arn": instance.instance_arn,
            ":before": instance.tags,
            **{f":{name}": each for name, each in _tags(tags).items()},
        },
        {"#tags": "tags"},
    )


def _tags(tags: Mapping[str, str]) -> Item:
    return {"tags": dict(tags), "tag_values": sorted(set(tags.values()))}


def _put(records: Table, item: Item, condition: str) -> Item:
    return {"Put": {"TableName": records.name, "Item": to_wire(item), "ConditionExpression": condition}}


def _written(records: Table, writes: Sequence[Item]) -> bool:
    try:
        records.transact(writes)
    except Conflict:
        return False
    return True
