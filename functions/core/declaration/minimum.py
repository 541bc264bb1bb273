"""A minimum of healthy hosts of the file."""

from functions.core.declaration.value import Value
from functions.core.errors import InvalidInput
from functions.core.rollout.health import MinimumHealthyHosts, MinimumHealthyHostsType


def minimum(value: Value) -> MinimumHealthyHosts | None:
    members = value.known("type", "value", required=["type", "value"])
    kind = members["type"].word(MinimumHealthyHostsType) if "type" in members else MinimumHealthyHostsType.HOST_COUNT
    if "value" not in members:
        return None
    if (number := members["value"].number()) is None:
        members["value"].refuse(f"{members['value'].shown} is not a whole number")
        return None
    try:
        return MinimumHealthyHosts(kind, number)
    except InvalidInput as error:
        members["value"].refuse(str(error))
        return None
