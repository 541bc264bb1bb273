"""Dataclasses to plain JSON shapes and back: what the table, the state machine and the declaration file hold.

`None` and empty collections are left out of the plain form where they are the field's default, and come back as that.
"""

from collections.abc import Callable, Hashable
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints

T = TypeVar("T")


def to_plain(value: Any) -> Any:
    """A dataclass, enum or collection as dicts, lists, strings and numbers."""
    if is_dataclass(value):
        plain = {}
        for name, default in _defaults(cast(Hashable, type(value))).items():
            item = getattr(value, name)
            is_empty = item is None or (isinstance(item, (tuple, frozenset, dict)) and not item)
            if not (is_empty and item == default):
                plain[name] = to_plain(item)
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
    build: Callable[[Any], T] = _builder(cast(Hashable, kind))
    return build(plain)


@cache
def _builder(kind: Any) -> Callable[[Any], Any]:
    """What makes a value of this type out of its plain form: each type is looked at once."""
    if isinstance(kind, type) and is_dataclass(kind):
        return lambda plain: _build(kind, plain)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is UnionType:
        some = _builder(next(argument for argument in arguments if argument is not NoneType))
        return lambda plain: None if plain is None else some(plain)
    if origin is tuple or origin is frozenset:
        each = _builder(arguments[0])
        return lambda plain: origin(each(item) for item in plain)
    if origin is dict:
        each = _builder(arguments[1])
        return lambda plain: {key: each(item) for key, item in plain.items()}
    if kind is Any:
        return lambda plain: plain
    # an enum from its value, an int from DynamoDB's Decimal
    return lambda plain: plain if isinstance(plain, kind) else kind(plain)


def _build(kind: type, plain: Any) -> Any:
    values = {}
    for name, (build, is_required) in _members(kind).items():
        if name in plain:
            values[name] = build(plain[name])
        elif is_required:
            raise KeyError(f"{kind.__name__}.{name}")
    return kind(**values)


@cache
def _members(kind: type) -> dict[str, tuple[Callable[[Any], Any], bool]]:
    hints = get_type_hints(kind)
    return {field.name: (_builder(hints[field.name]), _is_required(field)) for field in fields(kind)}


@cache
def _defaults(kind: Any) -> dict[str, Any]:
    return {field.name: _default(field) for field in fields(kind)}


def _default(field: Field[Any]) -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory()


def _is_required(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING
