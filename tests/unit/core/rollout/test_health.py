"""Minimum healthy hosts by CodeDeploy's own tables (User Guide, "Working with deployment configurations")."""

import pytest

from functions.core.errors import InvalidInput
from functions.core.rollout.health import (
    PREDEFINED_CONFIGS,
    HealthConstraintsInvalid,
    MinimumHealthyHosts,
    MinimumHealthyHostsType,
    is_success,
)

HOST_COUNT, FLEET_PERCENT = MinimumHealthyHostsType.HOST_COUNT, MinimumHealthyHostsType.FLEET_PERCENT


@pytest.mark.parametrize(
    ("targets", "type_", "value", "required", "at_once"),
    [
        (10, FLEET_PERCENT, 85, 9, 1),
        (10, HOST_COUNT, 9, 9, 1),
        (10, HOST_COUNT, 8, 8, 2),
        (10, HOST_COUNT, 0, 0, 10),
        (9, FLEET_PERCENT, 40, 4, 5),
        (9, HOST_COUNT, 6, 6, 3),
        (9, FLEET_PERCENT, 50, 5, 4),
        (10, FLEET_PERCENT, 0, 0, 10),
        (100, FLEET_PERCENT, 7, 7, 93),  # 100 * 0.07 is more than 7 in floating point
        (1, FLEET_PERCENT, 0, 0, 1),
    ],
)
def test_a_custom_rule_keeps_and_frees_as_many_hosts_as_the_table_says(
    targets: int, type_: MinimumHealthyHostsType, value: int, required: int, at_once: int
) -> None:
    minimum = MinimumHealthyHosts(type_, value)
    assert (minimum.required(targets), minimum.allowed_out(targets)) == (required, at_once)


@pytest.mark.parametrize(
    ("targets", "type_", "value"),
    [(10, FLEET_PERCENT, 95), (1, FLEET_PERCENT, 1), (3, HOST_COUNT, 3), (3, HOST_COUNT, 9)],
)
def test_a_rule_that_frees_no_host_is_refused_before_one_is_touched(
    targets: int, type_: MinimumHealthyHostsType, value: int
) -> None:
    message = rf"minimum healthy hosts {value} \({type_}\) keeps all {targets} targets in service: lower it"
    with pytest.raises(HealthConstraintsInvalid, match=message):
        MinimumHealthyHosts(type_, value).allowed_out(targets)


@pytest.mark.parametrize(
    ("type_", "value", "remedy"),
    [(FLEET_PERCENT, 100, "give 0 to 99"), (FLEET_PERCENT, -1, "give 0 or more"), (HOST_COUNT, -1, "give 0 or more")],
)
def test_an_impossible_value_is_refused(type_: MinimumHealthyHostsType, value: int, remedy: str) -> None:
    with pytest.raises(InvalidInput, match=remedy):
        MinimumHealthyHosts(type_, value)


@pytest.mark.parametrize(
    ("config", "targets", "at_once", "must_succeed"),
    [
        ("AllAtOnce", 1, 1, 1),
        ("AllAtOnce", 9, 9, 1),
        ("HalfAtATime", 2, 1, 1),
        ("HalfAtATime", 9, 4, 5),
        ("HalfAtATime", 10, 5, 5),
        ("OneAtATime", 1, 1, 1),  # a single target may not fail
        ("OneAtATime", 2, 1, 1),  # the last one may
        ("OneAtATime", 9, 1, 8),
        ("OneAtATime", 1000, 1, 999),  # "99 %" in the guide would be 10 at once
    ],
)
def test_a_predefined_configuration_does_what_its_name_says(
    config: str, targets: int, at_once: int, must_succeed: int
) -> None:
    assert PREDEFINED_CONFIGS[f"CodeDeployDefault.{config}"].allowed_out(targets) == at_once
    assert is_success(targets=targets, allowed_out=at_once, succeeded=must_succeed)
    assert not is_success(targets=targets, allowed_out=at_once, succeeded=must_succeed - 1)


def test_half_of_a_single_host_is_none() -> None:
    with pytest.raises(HealthConstraintsInvalid, match="keeps all 1 targets in service"):
        PREDEFINED_CONFIGS["CodeDeployDefault.HalfAtATime"].allowed_out(1)
