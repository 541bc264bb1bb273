"""DynamoDB's wire form of plain values, which the table's stream has, too."""

from decimal import Decimal
from typing import Any

from functions.store.table.values import Item

Wire = dict[str, Any]  # DynamoDB's typed values


def to_wire(plain: Item) -> Wire:
    """A plain item as DynamoDB's typed attributes. Most are texts, and a large deployment has millions of them."""
    return {name: {"S": value} if type(value) is str else serialize(value) for name, value in plain.items()}


def from_wire(wire: Wire) -> Item:
    """DynamoDB's typed attributes as a plain item; whole numbers come back as int."""
    return {name: value["S"] if "S" in value else _deserialize(value) for name, value in wire.items()}


def serialize(value: Any) -> Any:
    kind = type(value)
    if kind is str:
        return {"S": value}
    if kind is dict:
        return {"M": to_wire(value)}
    match value:
        case None:
            return {"NULL": True}
        case bool():
            return {"BOOL": value}
        case int() | float() | Decimal():
            return {"N": str(value)}
        case str():
            return {"S": str(value)}
        case dict():
            return {"M": to_wire(value)}
        case list() | tuple():
            return {"L": [serialize(item) for item in value]}
        case frozenset() if value:
            return {"SS": sorted(value)}
        case frozenset():
            raise ValueError("an attribute cannot be a set without members: leave it out")
    raise TypeError(f"no DynamoDB form for {type(value).__name__}")


def as_read(value: Any) -> Any:
    """A plain value as the table gives it back: a copy, with lists for tuples and texts for enums.

    >>> as_read({"a": ("b", 1.0)})
    {'a': ['b', 1]}
    """
    kind = type(value)
    if kind is str or kind is int or kind is bool or value is None or (kind is frozenset and value):
        return value
    if kind is dict:
        return {name: as_read(each) for name, each in value.items()}
    if kind is list or kind is tuple:
        return [as_read(each) for each in value]
    return _deserialize(serialize(value))


def _deserialize(value: Any) -> Any:
    ((kind, content),) = value.items()
    if kind == "S":  # most values
        return content
    match kind:
        case "N":
            if content.isdecimal():
                return int(content)
            number = Decimal(content)
            return int(number) if number == number.to_integral_value() else float(number)
        case "M":
            return from_wire(content)
        case "L":
            return [_deserialize(item) for item in content]
        case "NULL":
            return None
        case "SS":
            return frozenset(content)
        case _:  # BOOL
            return content
