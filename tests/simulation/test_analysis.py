"""A canary that is judged by its metrics, in virtual time: it passes, is rolled back, or waits for somebody."""

from dataclasses import replace
from typing import Any

import pytest

from functions.core.records import AnalysisVerdict
from functions.core.rollout.analysis_rule import Analysis, Compare, MetricRule, Tolerance
from functions.core.rollout.health import (
    DeploymentConfig,
    MinimumHealthyHosts,
    MinimumHealthyHostsType,
    Select,
    StageRule,
)
from functions.core.statuses import TargetStatus
from simulation.aws.limits import RATES, Limits, Rate
from simulation.metrics import NAMESPACE, HostMetric
from simulation.result import Result
from simulation.scenario import Act, Deed, Scenario
from simulation.world import World

HOUR = 3600.0
WORSE = MetricRule(
    name="errors",
    namespace=NAMESPACE,
    metric_name="Errors",
    compare=Compare.OLD_HOSTS,
    tolerance=Tolerance(percent=50, value=1),
    minimum_points=5,
)
LIMIT = replace(WORSE, compare=Compare.LIMIT, tolerance=None, limit=10.0)
CANARY = StageRule(
    name="canary",
    select=Select.COUNT,
    value=1,
    bake_seconds=600,
    analysis=Analysis(metrics=(WORSE, replace(LIMIT, name="most"))),
)
HALF = StageRule(name="half", select=Select.PERCENT, value=50, bake_seconds=600, analysis=Analysis(metrics=(LIMIT,)))
NOBODY = 1e9


def staged(*rules: StageRule) -> DeploymentConfig:
    minimum = MinimumHealthyHosts(MinimumHealthyHostsType.FLEET_PERCENT, 50)
    return DeploymentConfig("Judged", minimum, stages=(*(rules or (CANARY, HALF)), StageRule(name="rest")))


def run(new: float | None, old: float | None, **fields: Any) -> tuple[World, Result]:
    usual = {"hosts": 6, "config": staged(), "metrics": (HostMetric("Errors", new, old),), "approve_seconds": NOBODY}
    world = World(Scenario(**{**usual, **fields}))
    return world, world.run()


def verdicts(result: Result, number: int = 0) -> list[AnalysisVerdict]:
    return [each.verdict for each in result.records[number][0].analyses]


def test_a_canary_that_is_no_worse_is_followed_by_the_rest() -> None:
    world, result = run(3.0, 2.0)
    assert result.broken == () and [each.status for each in result.outcomes] == ["Succeeded"]
    assert verdicts(result) == [AnalysisVerdict.SUCCESS] * 2
    assert world.network.calls["cloudwatch:GetMetricData"] == 2, "one call for all hosts of a stage, at its bake's end"


@pytest.mark.parametrize(("new", "old"), [(3.1, 2.0), (10.5, 10.0)])
def test_a_canary_that_is_worse_is_stopped_and_rolled_back(new: float, old: float) -> None:
    _, result = run(new, old)
    assert result.broken == () and [each.status for each in result.outcomes] == ["Stopped", "Succeeded"]
    deployment, targets = result.records[0]
    assert verdicts(result) == [AnalysisVerdict.FAILURE]
    assert deployment.failure and deployment.failure.message.startswith("The metrics of the stage canary have failed:")
    assert [each.status for each in targets].count(TargetStatus.SKIPPED) == 5, "no other host was touched"


def test_too_few_data_wait_for_somebody_without_a_look_and_go_on_then() -> None:
    _, result = run(None, 2.0, approve_seconds=10 * HOUR, quiet_seconds=20 * HOUR)
    assert result.broken == () and [each.status for each in result.outcomes] == ["Succeeded"]
    deployment, _ = result.records[0]
    assert verdicts(result) == [AnalysisVerdict.INCONCLUSIVE] * 2
    assert [each.stage for each in deployment.approvals] == [0, 1]
    assert result.functions["hold"] == 4 and result.functions["next_stage"] <= 9, "it asks when something has ended"


def test_too_few_data_end_when_somebody_stops_it() -> None:
    _, result = run(None, 2.0, acts=(Act(at=2 * HOUR, deed=Deed.CANCEL),), quiet_seconds=10 * HOUR)
    assert result.broken == () and result.outcomes[0].status == "Stopped"
    assert result.records[0][0].approvals == ()


def test_a_cloudwatch_that_throttles_is_no_success_and_no_failure() -> None:
    rates = {**RATES, "cloudwatch:GetMetricData": Rate(1e-9, 0)}
    world, result = run(3.0, 2.0, limits=Limits(rates=rates), approve_seconds=60.0)
    assert result.broken == () and [each.status for each in result.outcomes] == ["Succeeded"]
    assert verdicts(result) == [AnalysisVerdict.INCONCLUSIVE] * 2
    assert world.network.throttled["cloudwatch:GetMetricData"] > 2, "it is asked again"
    assert "AWS throttled it" in result.records[0][0].analyses[0].reason


def test_a_cloudwatch_that_throttles_for_a_moment_is_waited_for() -> None:
    """Metrics of two periods are two calls at one time, of which one is let through now."""
    rates = {**RATES, "cloudwatch:GetMetricData": Rate(0.2, 1)}
    both = Analysis(metrics=(WORSE, replace(WORSE, name="fine", period_seconds=10)))
    world, result = run(3.0, 2.0, limits=Limits(rates=rates), config=staged(replace(CANARY, analysis=both)))
    assert result.broken == () and verdicts(result) == [AnalysisVerdict.SUCCESS]
    assert world.network.throttled["cloudwatch:GetMetricData"] > 0


@pytest.mark.parametrize(
    ("has_data", "verdict"), [(True, AnalysisVerdict.SUCCESS), (False, AnalysisVerdict.INCONCLUSIVE)]
)
def test_a_bake_may_need_data_of_the_alarm(has_data: bool, verdict: AnalysisVerdict) -> None:
    canary = replace(CANARY, analysis=Analysis(alarm_points=5))
    _, result = run(None, None, config=staged(canary), alarm_at=NOBODY, has_alarm_data=has_data, approve_seconds=60.0)
    assert result.broken == () and [each.status for each in result.outcomes] == ["Succeeded"]
    assert verdicts(result) == [verdict]


def test_a_pause_does_not_keep_metrics_from_being_judged() -> None:
    """Nor does a freeze: what is bad is rolled back while it lasts."""
    for fields in ({"acts": (Act(at=30.0, deed=Deed.PAUSE),)}, {"frozen": (30.0, 100 * HOUR)}):
        _, result = run(9.0, 2.0, **fields)
        assert result.broken == () and result.outcomes[0].status == "Stopped"
        ended = result.records[0][0].complete_time
        assert ended and ended < "2026-01-01T00:20:00"


def test_many_hosts_are_two_calls() -> None:
    """However many they are: of each side fifty are asked. The simulator refuses more than 500 metrics a call."""
    metrics = tuple(replace(WORSE, name=f"m{number}") for number in range(10))
    canary = StageRule(
        name="canary", select=Select.PERCENT, value=50, bake_seconds=600, analysis=Analysis(metrics=metrics)
    )
    world, result = run(3.0, 2.0, hosts=120, config=staged(canary), has_announcements=False)
    assert result.broken == () and verdicts(result) == [AnalysisVerdict.SUCCESS]
    assert world.network.calls["cloudwatch:GetMetricData"] == 2
    judged = result.records[0][0].analyses[0].judged[0]
    assert judged.new and judged.old and (judged.new.hosts, judged.old.hosts) == (50, 50)
