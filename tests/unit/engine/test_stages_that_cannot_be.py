"""Prepare: stages and zones that this fleet cannot keep are refused before a host is touched."""

import pytest

from functions.core.rollout.health import (
    DeploymentConfig,
    MinimumHealthyHosts,
    MinimumHealthyHostsType,
    Select,
    StageRule,
    ZonalConfig,
)
from functions.core.statuses import DeploymentErrorCode
from tests.unit.handlers import test_prepare
from tests.unit.handlers.test_prepare import World

world = test_prepare.world  # a fixture
NONE, ALL_FOUR = (MinimumHealthyHosts(MinimumHealthyHostsType.HOST_COUNT, value) for value in (0, 4))
REST = StageRule(name="rest")


def staged(*rules: StageRule) -> DeploymentConfig:
    return DeploymentConfig("Mine", NONE, stages=rules)


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (
            staged(StageRule(name="there", select=Select.ZONE, zones=("us-east-1z",)), REST),
            "the stage there of Mine selects nothing: no target is in the Availability Zone us-east-1z; change the",
        ),
        (
            staged(StageRule(name="ring", select=Select.TAG, tag_key="ring", tag_value="first"), REST),
            "the stage ring of Mine selects nothing: no target has the tag ring=first; change the stage, or the hosts",
        ),
        (
            staged(StageRule(name="half", select=Select.PERCENT, value=50, minimum=ALL_FOUR), REST),
            "the stage half: minimum healthy hosts 4 (HOST_COUNT) keeps all 2 targets in service: lower it, or add",
        ),
        (
            DeploymentConfig("Mine", NONE, ZonalConfig(minimum=ALL_FOUR)),
            "minimum healthy hosts 4 (HOST_COUNT) keeps all 4 targets in service: lower it, or add instances",
        ),
        (DeploymentConfig("Mine", ALL_FOUR), "minimum healthy hosts 4 (HOST_COUNT) keeps all 4 targets in service"),
    ],
    ids=["zone", "tag", "minimum of a stage", "minimum of a zone", "minimum of the whole"],
)
def test_what_the_fleet_cannot_keep(world: World, config: DeploymentConfig, says: str) -> None:
    world.launch(4)
    world.create(config=config)
    world.assert_refused(DeploymentErrorCode.HEALTH_CONSTRAINTS_INVALID, says)
    assert "SendCommand" not in world.ssm.operations
