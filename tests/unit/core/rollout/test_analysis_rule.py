"""What a stage's analysis can be: each value that cannot is refused with its name and a remedy."""

from typing import Any

import pytest

from functions.core.errors import InvalidInput
from functions.core.quotas import MAX_METRICS, MAX_METRICS_OF_CONFIG
from functions.core.records import Alarms, GroupSettings
from functions.core.rollout.analysis import check_alarms
from functions.core.rollout.analysis_rule import Analysis, Compare, Dimension, MetricRule, Tolerance
from functions.core.rollout.health import DeploymentConfig, Select, StageRule


def metric(name: str = "errors", **fields: Any) -> MetricRule:
    known: dict[str, Any] = {"compare": Compare.LIMIT, "limit": 1.0, **fields}
    return MetricRule(name=name, namespace=known.pop("namespace", "Shop"), metric_name="Errors", **known)


def stage(*metrics: MetricRule, **fields: Any) -> StageRule:
    analysis = fields.pop("analysis", None) or Analysis(metrics=metrics)
    return StageRule(
        **{"name": "a", "select": Select.COUNT, "value": 1, "bake_seconds": 600, **fields}, analysis=analysis
    )


OLD: dict[str, Any] = {"compare": Compare.OLD_HOSTS, "limit": None, "tolerance": Tolerance(percent=10)}


@pytest.mark.parametrize(
    "fields",
    [
        {"period_seconds": 60},
        {"period_seconds": 300},
        {"period_seconds": 10},
        {"statistic": "p99.99"},
        {"statistic": "SampleCount"},
        {"limit": -1.5},
        {"dimensions": tuple(Dimension(f"d{number}", "v") for number in range(9))},
        OLD,
    ],
)
def test_what_can_be_is_taken(fields: dict[str, Any]) -> None:
    assert stage(metric(**fields))


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"period_seconds": 90}, "a period of 90 seconds: give a multiple of 60"),
        ({"period_seconds": 0}, "a period of 0 seconds"),
        ({"period_seconds": 45}, "a period of 45 seconds"),
        ({"statistic": "Median"}, "the statistic 'Median': give Average"),
        ({"statistic": "p101"}, "the statistic 'p101'"),
        ({"limit": None}, "compared with a limit: give limit"),
        ({"tolerance": Tolerance(value=1)}, "and no tolerance"),
        ({"limit": float("inf")}, "limit inf"),
        ({**OLD, "tolerance": None}, "compared with the old hosts: give tolerance"),
        ({**OLD, "limit": 1.0}, "and no limit"),
        ({"namespace": ""}, "give 1 to 255 characters"),
        ({"namespace": ":Shop"}, "no colon first"),
        ({"dimensions": (Dimension("InstanceId", "i-1"),)}, "leave it out"),
        ({"dimensions": tuple(Dimension(f"d{number}", "v") for number in range(10))}, "at most 9"),
        ({"dimensions": (Dimension("a", "1"), Dimension("a", "2"))}, "each once"),
        ({"dimensions": (Dimension("a", ""),)}, "give 1 to 255 characters"),
        ({"minimum_points": 0}, "minimumDataPoints 0"),
    ],
)
def test_a_metric_that_cannot_be(fields: dict[str, Any], why: str) -> None:
    with pytest.raises(InvalidInput) as error:
        metric(**fields)
    assert "errors" in str(error.value) or "limit" in str(error.value)
    assert why in str(error.value)


@pytest.mark.parametrize("fields", [{"percent": -1}, {"value": -0.5}, {"value": float("nan")}])
def test_a_tolerance_that_cannot_be(fields: dict[str, float]) -> None:
    with pytest.raises(InvalidInput, match="tolerance"):
        Tolerance(**fields)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({}, "judges nothing"),
        ({"alarm_points": -1, "metrics": (metric(),)}, "minimumDataPoints -1"),
        ({"metrics": tuple(metric(f"m{number}") for number in range(MAX_METRICS + 1))}, f"at most {MAX_METRICS}"),
        ({"metrics": (metric(), metric())}, "two metrics of the name errors"),
    ],
)
def test_an_analysis_that_cannot_be(fields: dict[str, Any], why: str) -> None:
    with pytest.raises(InvalidInput) as error:
        Analysis(**fields)
    assert why in str(error.value)


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        (lambda: stage(metric(), bake_seconds=0), "the stage a has an analysis and no bake"),
        (
            lambda: stage(metric(minimum_points=10)),
            "needs 10 data points, and a bake of 600 seconds has 9 whole periods",
        ),
        (lambda: stage(metric(period_seconds=600)), "a bake of 600 seconds has 0 whole periods of 600 seconds"),
        (lambda: stage(metric(period_seconds=10), bake_seconds=4 * 3600), "whose data CloudWatch keeps for 3 hours"),
        (
            lambda: stage(metric(**OLD), select=Select.REST, value=0),
            "leaves no host that errors could be compared with",
        ),
        (lambda: stage(metric(**OLD), select=Select.PERCENT, value=100), "leaves no host"),
        (lambda: stage(analysis=Analysis(alarm_points=60)), "each alarm needs 60 data points"),
    ],
)
def test_a_stage_that_could_never_be_judged(rule: Any, why: str) -> None:
    with pytest.raises(InvalidInput) as error:
        rule()
    assert why in str(error.value)


def test_a_configuration_has_a_number_of_metrics_in_all() -> None:
    many = tuple(metric(f"m{number}") for number in range(MAX_METRICS))
    count = MAX_METRICS_OF_CONFIG // MAX_METRICS + 1
    stages = [stage(*many, name=f"s{number}") for number in range(count)]
    with pytest.raises(InvalidInput, match=f"{count * MAX_METRICS} metrics in all: at most {MAX_METRICS_OF_CONFIG}"):
        DeploymentConfig("Mine", stages=(*stages, StageRule(name="rest")))


def test_a_stage_that_wants_data_of_alarms_needs_an_alarm() -> None:
    config = DeploymentConfig("Mine", stages=(stage(analysis=Analysis(alarm_points=1)), StageRule(name="rest")))
    check_alarms(GroupSettings(config=config, alarms=Alarms(names=("errors",))))
    for alarms in (Alarms(), Alarms(names=("errors",), enabled=False)):
        with pytest.raises(InvalidInput, match="the stage a of Mine wants data points of the group's alarms"):
            check_alarms(GroupSettings(config=config, alarms=alarms))
