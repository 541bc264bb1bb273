"""Dataclasses to plain JSON shapes and back: what the table, the state machine and the declaration file hold.

`None` and empty collections are left out of the plain form where they are the field's default, and come back as that.
A field may hold one of several dataclasses: all but one of them have a class variable `KIND`, written as `kind`.
"""

import marshal
from collections.abc import Callable, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum, StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

T = TypeVar("T")

_MOST_KEPT = 2048  # values of a type

# Of the types that were seen: their kind, if they have one, and their members with their defaults; None of others.
_DATACLASSES: dict[type, tuple[dict[str, Any], list[tuple[str, Any]]] | None] = {}


def to_plain(value: Any) -> Any:
    """A dataclass, enum or collection as dicts, lists, strings and numbers."""
    kind = type(value)
    if kind is str or kind is int or value is None:
        return value
    if kind not in _DATACLASSES:
        _DATACLASSES[kind] = _members(kind) if is_dataclass(kind) else None
    if known := _DATACLASSES[kind]:
        plain = dict(known[0])
        for name, default in known[1]:
            item = getattr(value, name)
            kind = type(item)
            if kind is str or kind is bool or kind is int:
                plain[name] = item
            elif item is None or (not item and isinstance(item, (tuple, frozenset, dict))):
                if item != default:
                    plain[name] = to_plain(item)
            else:
                plain[name] = to_plain(item)
        return plain
    if isinstance(value, StrEnum):
        return str(value)
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
    whole: Any = _whole  # a type can be hashed, whatever mypy knows of it
    built: T = whole(kind)(plain)
    return built


Build = Callable[[Any], Any]


def _members(kind: type) -> tuple[dict[str, Any], list[tuple[str, Any]]]:
    tag = {"kind": name} if (name := _kind(kind)) else {}
    return tag, [(field.name, _default(field)) for field in fields(kind)]


@cache
def _whole(kind: Any) -> Build:
    """What makes a whole record, or a member of several, which is not kept alone."""
    return _dataclass_builder(kind) if isinstance(kind, type) and is_dataclass(kind) else _builder(kind)


@cache
def _builder(kind: Any) -> Build:
    """What makes a value of this type: found out once, because every read of a record asks for it."""
    if isinstance(kind, type) and is_dataclass(kind):
        return _kept(_dataclass_builder(kind)) if _is_frozen(kind) else _dataclass_builder(kind)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is UnionType:
        inner = _one_of([argument for argument in arguments if argument is not NoneType])
        return lambda plain: None if plain is None else inner(plain)
    if origin is tuple or origin is frozenset:
        member = _whole(arguments[0])  # kept as a part of all
        return _kept(lambda plain: origin(map(member, plain)))
    if origin is dict:
        value = _builder(arguments[1])
        return lambda plain: {key: value(item) for key, item in plain.items()}
    if kind is Any:
        return lambda plain: plain
    if isinstance(kind, type) and issubclass(kind, Enum):
        members: dict[Any, Any] = {member.value: member for member in kind}
        return lambda plain: members[plain] if plain in members else kind(plain)
    return lambda plain: plain if isinstance(plain, kind) else kind(plain)  # an int from DynamoDB's Decimal


def _one_of(kinds: Sequence[Any]) -> Build:
    """One of several dataclasses, or the only type there is."""
    if len(kinds) == 1:
        return _builder(kinds[0])
    builders = {_kind(kind): _builder(kind) for kind in kinds}

    def build(plain: Any) -> Any:
        if (kind := plain.get("kind")) not in builders:
            raise ValueError(f"{kind!r} is none of {', '.join(map(str, builders))}")
        return builders[kind](plain)

    return build


def _kept(build: Build) -> Build:
    """Parts of records are the same again and again, and are never changed: each is made once. Twice as fast for a
    record, of which a large deployment reads ten for each target."""
    known = dict[bytes, Any]()

    def build_once(plain: Any) -> Any:
        try:
            key = marshal.dumps(plain, 2)  # from the third version on, equal values may differ
        except ValueError:  # it has more than plain values
            return build(plain)
        if (found := known.get(key)) is None:
            if len(known) == _MOST_KEPT:
                known.clear()
            found = known[key] = build(plain)
        return found

    return build_once


@cache
def _dataclass_builder(kind: type) -> Build:
    known: list[tuple[str, type | None, Build, bool]] = []

    def build(plain: Any) -> Any:
        if not known:  # now, because a type may be part of itself
            known.extend(
                (name, _as_is(hint), _builder(hint), required) for name, (hint, required) in _hints(kind).items()
            )
        values = {}
        for name, same, member, required in known:
            if name in plain:
                value = plain[name]
                values[name] = value if type(value) is same else member(value)
            elif required:
                raise KeyError(f"{kind.__name__}.{name}")
        return kind(**values)

    return build


def _as_is(hint: Any) -> type | None:
    """The type of values that a field has as they are in the plain form: most fields, and no builder need be called."""
    is_optional = get_origin(hint) is UnionType
    kind = next(argument for argument in get_args(hint) if argument is not NoneType) if is_optional else hint
    return kind if kind in (str, int, bool) else None


def _is_frozen(kind: type) -> bool:
    parameters: Any = kind.__dict__["__dataclass_params__"]
    return bool(parameters.frozen)


@cache
def _hints(kind: type) -> dict[str, tuple[Any, bool]]:
    hints = get_type_hints(kind)
    return {field.name: (hints[field.name], _is_required(field)) for field in fields(kind)}


def _kind(kind: type) -> str | None:
    return getattr(kind, "KIND", None)


def _default(field: Field[Any]) -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory()


def _is_required(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING
