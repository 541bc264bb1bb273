"""Auto Scaling's rules: which of several deployment groups has an instance first."""

import pytest

from functions.core.auto_scaling import goes_before
from functions.core.records import AutoScaling, HookKind

FIRST = AutoScaling(groups=("fleet",), order=1, has_termination_hook=True)
SECOND = AutoScaling(groups=("fleet",), order=2, has_termination_hook=True)
WITHOUT_HOOK = AutoScaling(groups=("fleet",), order=3)
WITHOUT_ORDER = AutoScaling(groups=("fleet",))


@pytest.mark.parametrize(
    ("other", "mine", "kind", "is_before"),
    [
        (FIRST, SECOND, HookKind.LAUNCH, True),
        (SECOND, FIRST, HookKind.LAUNCH, False),
        (SECOND, FIRST, HookKind.TERMINATION, True),
        (FIRST, SECOND, HookKind.TERMINATION, False),
        (WITHOUT_HOOK, FIRST, HookKind.TERMINATION, False),
        (WITHOUT_ORDER, FIRST, HookKind.LAUNCH, False),
        (FIRST, WITHOUT_ORDER, HookKind.LAUNCH, False),
    ],
)
def test_groups_have_an_instance_in_their_order_and_the_other_way_round_when_it_ends(
    other: AutoScaling, mine: AutoScaling, kind: HookKind, is_before: bool
) -> None:
    assert goes_before(other, mine, kind) is is_before
