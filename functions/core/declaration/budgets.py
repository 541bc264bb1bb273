"""The disruption budgets of the file."""

from functions.core import quotas
from functions.core.declaration.auto_scaling import names
from functions.core.declaration.minimum import of_hosts
from functions.core.declaration.tags import SELECTING, tag_groups
from functions.core.declaration.value import Value
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
    maximum = of_hosts(members[_MAXIMUM], MaximumOutOfService) if _MAXIMUM in members else None
    return Budget(
        name=name,
        maximum=maximum or _ONE,
        tag_groups=tag_groups(members, "ec2TagFilters", "ec2TagSet"),
        on_premises_tag_groups=tag_groups(members, "onPremisesInstanceTagFilters", "onPremisesTagSet"),
        scaling_groups=names(members["autoScalingGroups"]) if "autoScalingGroups" in members else (),
        declared=True,
    )
