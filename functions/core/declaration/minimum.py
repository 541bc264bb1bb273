"""A number of hosts, or a percentage of them, of the file: a minimum of healthy ones, or a maximum out of service."""

from collections.abc import Callable
from typing import TypeVar

from functions.core.declaration.value import Value
from functions.core.rollout.health import MinimumHealthyHosts, MinimumHealthyHostsType

_Bound = TypeVar("_Bound")


def minimum(value: Value) -> MinimumHealthyHosts | None:
    return of_hosts(value, MinimumHealthyHosts)


def of_hosts(value: Value, bound: Callable[[MinimumHealthyHostsType, int], _Bound]) -> _Bound | None:
    """`bound` is made of type and value; None where the file gives none, or one that it refuses (InvalidInput)."""
    members = value.known("type", "value", required=["type", "value"])
    kind = members["type"].word(MinimumHealthyHostsType) if "type" in members else MinimumHealthyHostsType.HOST_COUNT
    if "value" not in members:
        return None
    if (number := members["value"].number()) is None:
        members["value"].refuse(f"{members['value'].shown} is not a whole number")
        return None
    return members["value"].made(lambda: bound(kind, number))
