"""The store's values as requests of DynamoDB: the one place that writes expressions.

Every name and value has its placeholder, so no attribute can meet a reserved word.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, assert_never

from functions.store.table.values import (
    AllOf,
    AnyOf,
    At,
    AtMost,
    BeginsWith,
    Check,
    Condition,
    Contains,
    Delete,
    Differs,
    Equals,
    Exists,
    Fewer,
    In,
    Item,
    Key,
    Lacks,
    Less,
    Missing,
    Path,
    Put,
    Query,
    Update,
    Write,
    parts,
)
from functions.store.table.wire import Wire, serialize, to_wire


class Request(NamedTuple):
    """An operation of DynamoDB, by its name in the API, and what it is given."""

    operation: str
    members: dict[str, Any]


def get(table: str, key: Key) -> Request:
    return Request("GetItem", {"TableName": table, "Key": to_wire(key.item), "ConsistentRead": True})


def get_all(table: str, keys: Sequence[Key]) -> Request:
    wanted = {"Keys": [to_wire(key.item) for key in keys], "ConsistentRead": True}
    return Request("BatchGetItem", {"RequestItems": {table: wanted}})


def query(table: str, query: Query, limit: int | None = None, after: Item | None = None) -> Request:
    text = _Expressions()
    pk, sk = query.names
    condition = f"{text.name(pk)} = {text.value(query.pk)}"
    if query.begins_with:
        condition += f" AND begins_with({text.name(sk)}, {text.value(query.begins_with)})"
    if query.between:
        first, last = map(text.value, query.between)
        condition += f" AND {text.name(sk)} BETWEEN {first} AND {last}"
    members: dict[str, Any] = {"TableName": table, "KeyConditionExpression": condition}
    members |= {"IndexName": query.index.value} if query.index else {"ConsistentRead": True}
    if query.where:
        members["FilterExpression"] = text.condition(query.where)
    if query.descending:
        members["ScanIndexForward"] = False
    if limit is not None:
        members["Limit"] = limit
    if after:
        members["ExclusiveStartKey"] = to_wire(after)
    return Request("Query", members | text.placeholders())


def write(table: str, write: Put | Update | Delete) -> Request:
    return Request(f"{type(write).__name__}Item", _write(table, write))


def update_or_read(table: str, update: Update) -> Request:
    """The item comes back as it became, or as it was when the condition did not hold."""
    both = {"ReturnValues": "ALL_NEW", "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
    return Request("UpdateItem", _write(table, update) | both)


def transact(table: str, writes: Sequence[Write]) -> Request:
    kinds = {Put: "Put", Update: "Update", Delete: "Delete", Check: "ConditionCheck"}
    return Request(
        "TransactWriteItems", {"TransactItems": [{kinds[type(each)]: _write(table, each)} for each in writes]}
    )


def add_all(table: str, puts: Sequence[Put]) -> Request:
    """PartiQL's INSERT, which never replaces an item: there is no batch of conditional puts."""
    return Request("BatchExecuteStatement", {"Statements": [_insert(table, each) for each in puts]})


def _insert(table: str, put: Put) -> dict[str, Any]:
    item = to_wire(put.attributes | put.key.item)
    members = ", ".join(f"'{name}': ?" for name in item)
    return {"Statement": f'INSERT INTO "{table}" VALUE {{{members}}}', "Parameters": list(item.values())}


def _write(table: str, write: Write) -> dict[str, Any]:
    text = _Expressions()
    members: dict[str, Any] = {"TableName": table}
    if isinstance(write, Put):
        members["Item"] = to_wire(write.attributes | write.key.item)
    else:
        members["Key"] = to_wire(write.key.item)
    if isinstance(write, Update) and (expression := text.update(write)):
        members["UpdateExpression"] = expression
    if write.condition:
        members["ConditionExpression"] = text.condition(write.condition)
    return members | text.placeholders()


class _Expressions:
    """The expressions of one request, which share their placeholders."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}  # placeholders by attribute
        self._values: Wire = {}

    def placeholders(self) -> dict[str, Any]:
        """The members of the request that say what the placeholders stand for."""
        names = {placeholder: name for name, placeholder in self._names.items()}
        found: dict[str, Any] = {"ExpressionAttributeNames": names, "ExpressionAttributeValues": self._values}
        return {name: each for name, each in found.items() if each}

    def name(self, path: Path) -> str:
        return ".".join(self._names.setdefault(part, f"#{len(self._names)}") for part in parts(path))

    def value(self, value: Any) -> str:
        """Of a plain value, or of another attribute."""
        if isinstance(value, At):
            return self.name(value.path)
        placeholder = f":{len(self._values)}"
        self._values[placeholder] = serialize(value)
        return placeholder

    def update(self, update: Update) -> str:
        sets = [f"{self.name(path)} = {self.value(value)}" for path, value in update.sets.items()]
        for path, value in update.defaults.items():
            name = self.name(path)
            sets.append(f"{name} = if_not_exists({name}, {self.value(value)})")
        for path, more in update.adds.items():  # not ADD, which DynamoDB's documentation has for whole attributes only
            name = self.name(path)
            sets.append(f"{name} = if_not_exists({name}, {self.value(0)}) + {self.value(more)}")
        clauses = {
            "SET": sets,
            "REMOVE": [self.name(path) for path in update.removes],
            "ADD": [f"{self.name(path)} {self.value(members)}" for path, members in update.includes.items()],
            "DELETE": [f"{self.name(path)} {self.value(members)}" for path, members in update.excludes.items()],
        }
        return " ".join(f"{word} {', '.join(listed)}" for word, listed in clauses.items() if listed)

    def condition(self, condition: Condition) -> str:
        match condition:
            case Exists(path):
                return f"attribute_exists({self.name(path)})"
            case Missing(path):
                return f"attribute_not_exists({self.name(path)})"
            case Equals(path, value):
                return f"{self.name(path)} = {self.value(value)}"
            case Differs(path, value):
                return f"{self.name(path)} <> {self.value(value)}"
            case Less(path, than):
                return f"{self.name(path)} < {self.value(than)}"
            case AtMost(path, value):
                return f"{self.name(path)} <= {self.value(value)}"
            case In(path, values):
                return f"{self.name(path)} IN ({', '.join(map(self.value, values))})"
            case BeginsWith(path, prefix):
                return f"begins_with({self.name(path)}, {self.value(prefix)})"
            case Contains(path, member):
                return f"contains({self.name(path)}, {self.value(member)})"
            case Lacks(path, member):
                return f"(NOT contains({self.name(path)}, {self.value(member)}))"
            case Fewer(path, than):  # the size of what is missing is no number
                fits = f"size({self.name(path)}) < {self.value(than)}"
                counts = "attribute_not_exists({}) OR" if than > 0 else "attribute_exists({}) AND"
                return f"({counts.format(self.name(path))} {fits})"
            case AllOf(conditions):
                return f"({' AND '.join(map(self.condition, conditions))})"
            case AnyOf(conditions):
                return f"({' OR '.join(map(self.condition, conditions))})"
            case _:
                assert_never(condition)
