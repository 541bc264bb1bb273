"""The minimum-healthy rule for any fleet: what it promises, frees and calls a success hangs together."""

from fractions import Fraction
from math import ceil

from hypothesis import assume, given
from hypothesis import strategies as st

from functions.core.rollout.health import MinimumHealthyHosts, MinimumHealthyHostsType, is_success

TARGETS = st.integers(1, 10_000)
PERCENT = st.builds(MinimumHealthyHosts, st.just(MinimumHealthyHostsType.FLEET_PERCENT), st.integers(0, 99))
COUNT = st.builds(MinimumHealthyHosts, st.just(MinimumHealthyHostsType.HOST_COUNT), st.integers(0, 10_000))


@given(TARGETS, st.integers(0, 99))
def test_percent_is_rounded_up_without_error(targets: int, percent: int) -> None:
    minimum = MinimumHealthyHosts(MinimumHealthyHostsType.FLEET_PERCENT, percent)
    assert minimum.required(targets) == ceil(Fraction(targets * percent, 100))


@given(TARGETS, st.one_of(PERCENT, COUNT))
def test_what_is_not_required_is_free_and_one_at_least(targets: int, minimum: MinimumHealthyHosts) -> None:
    assume(minimum.required(targets) < targets)
    assert minimum.allowed_out(targets) + minimum.required(targets) == targets
    assert minimum.allowed_out(targets) >= 1


@given(TARGETS, PERCENT)
def test_a_bigger_fleet_never_has_fewer_hosts_at_once(targets: int, minimum: MinimumHealthyHosts) -> None:
    assume(minimum.required(targets) < targets)
    assert minimum.allowed_out(targets + 1) >= minimum.allowed_out(targets)


@given(TARGETS, st.data())
def test_a_success_more_never_makes_a_failure(targets: int, data: st.DataObject) -> None:
    allowed = data.draw(st.integers(1, targets))
    succeeded = data.draw(st.integers(0, targets - 1))
    verdicts = [is_success(targets=targets, allowed_out=allowed, succeeded=n) for n in (succeeded, succeeded + 1)]
    assert verdicts in ([False, False], [False, True], [True, True])
    assert is_success(targets=targets, allowed_out=allowed, succeeded=targets)
    assert not is_success(targets=targets, allowed_out=allowed, succeeded=0)
