"""What is judged after a stage, of the file (docs/stages.md)."""

from typing import Any

from functions.core import quotas
from functions.core.declaration.durations import seconds
from functions.core.declaration.value import Value
from functions.core.rollout.analysis_rule import (
    Analysis,
    Compare,
    Dimension,
    FailOn,
    MetricRule,
    OnInconclusive,
    Tolerance,
)

_NEEDED = ("name", "namespace", "metricName", "compare")


def analysis(value: Value) -> Analysis | None:
    """None where something is wrong with it."""
    members, known = value.known("metrics", "alarms", "onInconclusive"), len(value.problems)
    listed = members["metrics"].items(most=quotas.MAX_METRICS) if "metrics" in members else []
    found = [_metric(each) for each in listed]
    points = _alarm_points(members["alarms"]) if "alarms" in members else 0
    word = members.get("onInconclusive")
    on_inconclusive = word.word(OnInconclusive) if word else OnInconclusive.HOLD
    if len(value.problems) > known:
        return None
    metrics = tuple(each for each in found if each)
    return value.made(lambda: Analysis(metrics=metrics, alarm_points=points, on_inconclusive=on_inconclusive))


def _metric(value: Value) -> MetricRule | None:
    members = value.known(
        *_NEEDED,
        "dimensions",
        "statistic",
        "period",
        "failOn",
        "limit",
        "tolerance",
        "minimumDataPoints",
        required=_NEEDED,
    )
    known = len(value.problems)
    read: dict[str, Any] = {}
    if name := members.get("name"):
        read["name"] = name.name()
    if namespace := members.get("namespace"):
        read["namespace"] = namespace.text(longest=255)
    if metric := members.get("metricName"):
        read["metric_name"] = metric.text(longest=255)
    if dimensions := members.get("dimensions"):
        pairs = dimensions.members().items()
        read["dimensions"] = tuple(Dimension(key, each.text(longest=255)) for key, each in pairs)
    if statistic := members.get("statistic"):
        read["statistic"] = statistic.text(longest=20)
    if period := members.get("period"):
        read["period_seconds"] = seconds(period)
    if compare := members.get("compare"):
        read["compare"] = compare.word(Compare)
    if fail_on := members.get("failOn"):
        read["fail_on"] = fail_on.word(FailOn)
    if limit := members.get("limit"):
        read["limit"] = limit.decimal()
    if tolerance := members.get("tolerance"):
        read["tolerance"] = _tolerance(tolerance)
    if points := members.get("minimumDataPoints"):
        read["minimum_points"] = _points(points)
    if len(value.problems) > known or len(members.keys() & set(_NEEDED)) < len(_NEEDED):
        return None
    return value.made(lambda: MetricRule(**read))


def _tolerance(value: Value) -> Tolerance | None:
    members = value.known("percent", "value")
    if not members:
        value.refuse("give percent of the old hosts' value, or value, or both: the larger one counts")
        return None
    return value.made(lambda: Tolerance(**{name: each.decimal() for name, each in members.items()}))


def _alarm_points(value: Value) -> int:
    points = value.known("minimumDataPoints", required=["minimumDataPoints"]).get("minimumDataPoints")
    return _points(points) if points else 0


def _points(value: Value) -> int:
    number = value.number()
    if number is None or number < 1:
        value.refuse(f"{value.shown} is not a number of data points: give 1 or more")
        return 1
    return number
