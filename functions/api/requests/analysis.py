"""What a request says that is judged after a stage (docs/stages.md)."""

from collections.abc import Mapping
from typing import Any

from functions.core.errors import InvalidInput
from functions.core.rollout.analysis_rule import (
    Analysis,
    Compare,
    Dimension,
    FailOn,
    MetricRule,
    OnInconclusive,
    Tolerance,
)


def analysis(given: Mapping[str, Any]) -> Analysis:
    """Raises InvalidInput."""
    alarms = given.get("alarms")
    points = alarms.get("minimumDataPoints", 0) if alarms is not None else None
    if points is not None and points < 1:
        raise InvalidInput(f"analysis.alarms.minimumDataPoints {points}: give 1 or more, or leave alarms out")
    return Analysis(
        metrics=tuple(_metric(each) for each in given.get("metrics", ())),
        alarm_points=points or 0,
        on_inconclusive=OnInconclusive(given.get("onInconclusive", OnInconclusive.HOLD)),
    )


def _metric(given: Mapping[str, Any]) -> MetricRule:
    if missing := [each for each in ("name", "namespace", "metricName", "compare") if not given.get(each)]:
        raise InvalidInput(f"analysis.metrics: {missing[0]} is missing")
    tolerance = given.get("tolerance")
    if tolerance is not None and not tolerance:
        raise InvalidInput(f"the metric {given['name']} has an empty tolerance: give percent, or value, or both")
    return MetricRule(
        name=given["name"],
        namespace=given["namespace"],
        metric_name=given["metricName"],
        compare=Compare(given["compare"]),
        dimensions=tuple(Dimension(*each) for each in given.get("dimensions", {}).items()),
        statistic=given.get("statistic", "Average"),
        period_seconds=given.get("periodSeconds", 60),
        fail_on=FailOn(given.get("failOn", FailOn.ABOVE)),
        limit=given.get("limit"),
        tolerance=Tolerance(**tolerance) if tolerance else None,
        minimum_points=given.get("minimumDataPoints", 1),
    )
