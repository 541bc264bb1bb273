"""Dataclasses to plain JSON shapes and back: what the table, the state machine and the declaration file hold.

`None` and empty collections are left out of the plain form where they are the field's default, and come back as that.
"""

from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

T = TypeVar("T")


def to_plain(value: Any) -> Any:
    """A dataclass, enum or collection as dicts, lists, strings and numbers."""
    if is_dataclass(value):
        plain = {}
        for field in fields(value):
            item = getattr(value, field.name)
            is_empty = item is None or (isinstance(item, (tuple, frozenset, dict)) and not item)
            if not (is_empty and item == _default(field)):
                plain[field.name] = to_plain(item)
        return plain
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, dict):
        return {key: to_plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_plain(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted(to_plain(item) for item in value)
    return value


def from_plain(kind: type[T], plain: Any) -> T:
    """The value of type `kind` that `to_plain` gave `plain` for; keys that `kind` does not know are ignored.

    Raises KeyError for a missing field without a default, ValueError for an unknown enum value.
    """
    built: T = _build(kind, plain)
    return built


def _build(kind: Any, plain: Any) -> Any:
    if isinstance(kind, type) and is_dataclass(kind):
        values = {}
        for name, (hint, required) in _hints(kind).items():
            if name in plain:
                values[name] = _build(hint, plain[name])
            elif required:
                raise KeyError(f"{kind.__name__}.{name}")
        return kind(**values)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is UnionType:
        inner = next(argument for argument in arguments if argument is not NoneType)
        return None if plain is None else _build(inner, plain)
    if origin is tuple:
        return tuple(_build(arguments[0], item) for item in plain)
    if origin is frozenset:
        return frozenset(_build(arguments[0], item) for item in plain)
    if origin is dict:
        return {key: _build(arguments[1], item) for key, item in plain.items()}
    if kind is Any or isinstance(plain, kind):
        return plain
    return kind(plain)  # an enum from its value, an int from DynamoDB's Decimal


@cache
def _hints(kind: type) -> dict[str, tuple[Any, bool]]:
    hints = get_type_hints(kind)
    return {field.name: (hints[field.name], _is_required(field)) for field in fields(kind)}


def _default(field: Field[Any]) -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory()


def _is_required(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING
