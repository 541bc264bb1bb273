"""The disruption budgets of the file."""

from functions.core import quotas
from functions.core.declaration.auto_scaling import names
from functions.core.declaration.tags import SELECTING, tag_groups
from functions.core.declaration.value import Value
from functions.core.errors import InvalidInput
from functions.core.records import Budget, MaximumOutOfService
from functions.core.rollout.health import MinimumHealthyHostsType
from functions.core.text.names import ALLOWED, is_name

_MAXIMUM = "maximumOutOfService"
_ONE = MaximumOutOfService(MinimumHealthyHostsType.HOST_COUNT, 1)  # in the place of one that is refused


def budgets(value: Value) -> tuple[Budget, ...]:
    """By their names."""
    members = value.members()
    if len(members) > quotas.MAX_BUDGETS:
        value.refuse(f"{len(members)} budgets: at most {quotas.MAX_BUDGETS} are allowed")
    return tuple(_budget(name, body) for name, body in members.items())


def _budget(name: str, value: Value) -> Budget:
    if not is_name(name):
        value.refuse_key(f'"{name}" is not a name: give {ALLOWED}')
    members = value.known(*SELECTING, _MAXIMUM, required=[_MAXIMUM])
    if not members.keys() & set(SELECTING):
        value.refuse_key(
            "say which hosts belong to the budget: ec2TagFilters, ec2TagSet or autoScalingGroups is missing"
        )
    return Budget(
        name=name,
        maximum=_maximum(members[_MAXIMUM]) if _MAXIMUM in members else _ONE,
        tag_groups=tag_groups(members, "ec2TagFilters", "ec2TagSet"),
        on_premises_tag_groups=tag_groups(members, "onPremisesInstanceTagFilters", "onPremisesTagSet"),
        scaling_groups=names(members["autoScalingGroups"]) if "autoScalingGroups" in members else (),
        declared=True,
    )


def _maximum(value: Value) -> MaximumOutOfService:
    members = value.known("type", "value", required=["type", "value"])
    kind = members["type"].word(MinimumHealthyHostsType) if "type" in members else MinimumHealthyHostsType.HOST_COUNT
    if "value" not in members:
        return _ONE
    if (number := members["value"].number()) is None:
        members["value"].refuse(f"{members['value'].shown} is not a whole number")
        return _ONE
    try:
        return MaximumOutOfService(kind, number)
    except InvalidInput as error:
        members["value"].refuse(str(error))
        return _ONE
