"""What conditions and updates mean, as DynamoDB does them: the values evaluated on a plain item."""

from collections.abc import Callable
from typing import Any, assert_never

from functions.store.table.values import (
    AllOf,
    AnyOf,
    At,
    AtMost,
    BeginsWith,
    Condition,
    Contains,
    Differs,
    Equals,
    Exists,
    Fewer,
    In,
    Item,
    Lacks,
    Less,
    Missing,
    Path,
    Update,
    parts,
)
from functions.store.table.wire import as_read, serialize

_NOTHING = object()  # where there is no attribute
_SAME = frozenset({str, int, bool, type(None)})  # come back as they are


class Invalid(ValueError):
    """DynamoDB would refuse the update."""


def holds(condition: Condition, item: Item) -> bool:
    """
    >>> holds(AllOf((Equals(("counters", "out"), 1), Missing("stop"))), {"counters": {"out": 1}})
    True
    """
    match condition:  # the usual ones first: each is compared with all before it
        case AllOf(conditions):
            return all(holds(each, item) for each in conditions)
        case Equals(path, value):
            return _are_same(_found(item, path), _operand(item, value))
        case Missing(path):
            return _found(item, path) is _NOTHING
        case Exists(path):
            return _found(item, path) is not _NOTHING
        case Differs(path, value):
            return not _are_same(_found(item, path), _operand(item, value))
        case Less(path, than):
            return _compare(_found(item, path), _operand(item, than), lambda left, right: left < right)
        case AtMost(path, value):
            return _compare(_found(item, path), _operand(item, value), lambda left, right: left <= right)
        case In(path, values):
            return any(_are_same(_found(item, path), _operand(item, each)) for each in values)
        case BeginsWith(path, prefix):
            found = _found(item, path)
            return isinstance(found, str) and found.startswith(prefix)
        case Contains(path, member):
            return _has(_found(item, path), member)
        case Lacks(path, member):
            return not _has(_found(item, path), member)
        case Fewer(path, than):
            found = _found(item, path)
            return (0 if found is _NOTHING else len(found)) < than
        case AnyOf(conditions):
            return any(holds(each, item) for each in conditions)
        case _:
            assert_never(condition)


def updated(item: Item, update: Update) -> Item:
    """A new item; every value is of the item as it was before. What does not change the two share: neither is ever
    changed. Raises Invalid.

    >>> updated({"pk": "A", "counters": {"out": 1}}, Update(("A", "B"), adds={("counters", "out"): 1}))
    {'pk': 'A', 'counters': {'out': 2}}
    """
    after = dict(item)
    for path, value in update.sets.items():
        _put(after, path, _operand(item, value))
    for path, value in update.defaults.items():
        if _found(item, path) is _NOTHING:
            _put(after, path, value)
    for path, more in update.adds.items():
        before = _found(item, path)
        if before is not _NOTHING and not _is_number(before):
            raise Invalid(f"an operand in the update expression has an incorrect data type: {path}")
        _put(after, path, more if before is _NOTHING else before + more)
    for name, members in update.includes.items():
        after[name] = _set(item, name) | members
    for name, members in update.excludes.items():
        if left := _set(item, name) - members:
            after[name] = left
        else:
            after.pop(name, None)
    for path in update.removes:
        parent, name = _parent(after, path)
        parent.pop(name, None)
    return after


def plain(item: Item) -> Item:
    """The item as it comes back."""
    found: Item = as_read(item)
    return found


def _found(item: Item, path: Path) -> Any:
    found: Any = item
    for part in parts(path):
        if not isinstance(found, dict) or part not in found:
            return _NOTHING
        found = found[part]
    return found


def _has(found: Any, member: Any) -> bool:
    if isinstance(found, frozenset):  # of texts
        return type(member) is str and member in found
    return isinstance(found, list) and any(_are_same(each, member) for each in found)


def _set(item: Item, name: str) -> frozenset[str]:
    found = item.get(name, frozenset())
    if not isinstance(found, frozenset):
        raise Invalid(f"an operand in the update expression has an incorrect data type: {name}")
    return found


def _parent(item: Item, path: Path) -> tuple[Item, str]:
    """The map that the path ends in, with copies in the place of all maps on the way, and the last name."""
    *way, name = parts(path)
    parent: Any = item
    for part in way:
        found = parent.get(part)
        if not isinstance(found, dict):
            raise Invalid("the document path provided in the update expression is invalid for update")
        parent[part] = dict(found)
        parent = parent[part]
    return parent, name


def _put(item: Item, path: Path, value: Any) -> None:
    parent, name = _parent(item, path)
    if value is _NOTHING:
        raise Invalid("the provided expression refers to an attribute that does not exist in the item")
    parent[name] = as_read(value)


def _operand(item: Item, value: Any) -> Any:
    return _found(item, value.path) if isinstance(value, At) else value


def _are_same(one: Any, other: Any) -> bool:
    if one is _NOTHING or other is _NOTHING:
        return False
    if type(one) is type(other) and type(one) in _SAME:
        return bool(one == other)
    return bool(_kind_and_value(one) == _kind_and_value(other))


def _kind_and_value(value: Any) -> Any:
    """By which two values are compared: 1 is not True, and is 1.0."""
    return serialize(plain({"": value})[""])


def _compare(one: Any, other: Any, by: Callable[[Any, Any], bool]) -> bool:
    if isinstance(one, str) and isinstance(other, str):
        return by(one, other)
    return _is_number(one) and _is_number(other) and by(one, other)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
