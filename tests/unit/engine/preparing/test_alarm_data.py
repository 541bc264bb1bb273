"""Alarms whose data a stage needs: what could never be counted is found before a host is touched."""
# ruff: noqa: F811 - a test asks for a fixture by its name

from dataclasses import replace
from typing import Any

import pytest

from functions.aws.clients import client
from functions.core.records import Alarms
from functions.core.rollout.analysis_rule import Analysis
from functions.core.rollout.health import (
    DeploymentConfig,
    MinimumHealthyHosts,
    MinimumHealthyHostsType,
    Select,
    StageRule,
)
from functions.core.statuses import Creator, DeploymentErrorCode
from functions.core.text.shapes import to_plain
from functions.store.keys import deployment_key
from tests.conftest import put_item
from tests.unit.handlers.test_prepare import World, alarm, world  # noqa: F401 - a fixture


def wanting(points: int, *alarms: str, bake_seconds: int = 600) -> dict[str, Any]:
    """Settings by which a stage needs so many data points of these alarms."""
    rule = Analysis(alarm_points=points)
    canary = StageRule(name="canary", select=Select.COUNT, value=1, bake_seconds=bake_seconds, analysis=rule)
    minimum = MinimumHealthyHosts(MinimumHealthyHostsType.HOST_COUNT, 0)
    config = DeploymentConfig("Mine", minimum, stages=(canary, StageRule(name="rest")))
    return {"config": config, "alarms": Alarms(names=alarms, ignore_poll_alarm_failure=True)}


def test_alarms_with_data_that_can_be_counted_let_it_begin(world: World) -> None:
    alarm("errors", "OK")
    world.launch(2)
    world.create(**wanting(3, "errors"))
    assert world.prepare()["proceed"] is True
    assert [each.analysis for each in world.deployment.stages] == ["canary", None]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (wanting(3), ["the stage canary of Mine wants data points", "none is watched"]),
        (wanting(3, "gone"), ["the stage canary", "the alarm gone", "does not exist"]),
        (wanting(3, "both"), ["the alarm both", "composite alarm", "name those it is made of"]),
        (wanting(3, "errors", bake_seconds=120), ["the alarm errors needs 3", "1 whole period of 60 seconds"]),
    ],
)
def test_alarms_whose_data_could_never_be_counted_refuse_it(
    world: World, settings: dict[str, Any], words: list[str]
) -> None:
    alarm("errors", "OK")
    client("cloudwatch").put_composite_alarm(AlarmName="both", AlarmRule="ALARM(errors)")
    world.launch(2)
    world.create(**settings)
    world.prepare()
    world.assert_refused(DeploymentErrorCode.HEALTH_CONSTRAINTS_INVALID, *words)


def test_a_rollback_needs_no_data(world: World) -> None:
    world.launch(2)
    one = world.create(**wanting(3, "gone"))
    put_item({**deployment_key(one.deployment_id).item, **to_plain(replace(one, creator=Creator.ROLLBACK))})
    assert world.prepare()["proceed"] is True
