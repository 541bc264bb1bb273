"""The analysis of a stage in deployments.yaml: what it says, where it is wrong, and that it is written back."""

import json

import pytest

from functions.core.declaration import load
from functions.core.declaration.written import config_written
from functions.core.errors import InvalidInput
from functions.core.records import Alarms
from functions.core.rollout.analysis_rule import (
    Analysis,
    Compare,
    Dimension,
    FailOn,
    MetricRule,
    OnInconclusive,
    Tolerance,
)
from functions.core.statuses import AutoRollbackEvent

METRIC = "name: errors, namespace: Shop, metricName: Errors"
LIMIT = f"{METRIC}, compare: limit, limit: 5"


def file(analysis: str, *, bake: str = "10m", select: str = "{count: 1}", group: str = "") -> str:
    return f"""
deploymentConfigs:
  Mine:
    minimumHealthyHosts: {{type: HOST_COUNT, value: 1}}
    stages:
      - name: canary
        select: {select}
        bake: {bake}
        analysis: {analysis}
      - {{name: rest, select: rest}}
applications:
  shop:
    groups:
      web: {{ec2TagFilters: [{{Key: app}}], deploymentConfigName: Mine{group}}}
"""


def test_what_the_file_says() -> None:
    more = "dimensions: {Service: web}, statistic: p99, period: 2m, failOn: below, minimumDataPoints: 3"
    old = f"{METRIC}, compare: oldHosts, tolerance: {{percent: 20, value: 0.5}}, {more}"
    text = file(f"{{metrics: [{{{old}}}], alarms: {{minimumDataPoints: 4}}, onInconclusive: stop}}", group=ALARMED)
    (config,) = load(text).configs
    rule = MetricRule(
        name="errors",
        namespace="Shop",
        metric_name="Errors",
        compare=Compare.OLD_HOSTS,
        dimensions=(Dimension("Service", "web"),),
        statistic="p99",
        period_seconds=120,
        fail_on=FailOn.BELOW,
        tolerance=Tolerance(percent=20, value=0.5),
        minimum_points=3,
    )
    expected = Analysis(metrics=(rule,), alarm_points=4, on_inconclusive=OnInconclusive.STOP)
    assert config.stages[0].analysis == expected and config.stages[1].analysis is None
    written = json.dumps({"deploymentConfigs": {"Mine": config_written(config)}, "applications": {}})
    assert load(written).configs == (config,)


ALARMED = ", alarmConfiguration: {alarms: [{name: a}]}"


def test_the_least_that_it_says() -> None:
    (config,) = load(file(f"{{metrics: [{{{LIMIT}}}]}}")).configs
    assert config.stages[0].analysis == Analysis(
        metrics=(MetricRule(name="errors", namespace="Shop", metric_name="Errors", compare=Compare.LIMIT, limit=5.0),)
    )
    assert load(json.dumps({"deploymentConfigs": {"Mine": config_written(config)}, "applications": {}})).configs == (
        config,
    )


@pytest.mark.parametrize(
    ("analysis", "problem"),
    [
        ("{}", "analysis: analysis judges nothing: give metrics, or alarms with minimumDataPoints"),
        ("[]", "analysis: a list is not a mapping"),
        ("{metric: []}", 'analysis.metric: unknown key: did you mean "metrics"?'),
        ("{alarms: {}}", "analysis.alarms: minimumDataPoints is missing"),
        ("{alarms: {minimumDataPoints: none}}", '"none" is not a number of data points: give 1 or more'),
        (
            "{alarms: {minimumDataPoints: 70}}",
            "each alarm needs 70 data points, and a bake of 600 seconds has 59 whole",
        ),
        (f"{{metrics: [{{{LIMIT}}}], onInconclusive: go on}}", 'onInconclusive: "go on" is not one of hold, stop'),
        (f"{{metrics: [{{{METRIC}}}]}}", "metrics[0]: compare is missing"),
        (f"{{metrics: [{{{METRIC}, compare: others}}]}}", 'compare: "others" is not one of limit, oldHosts'),
        (f"{{metrics: [{{{METRIC}, compare: limit}}]}}", "the metric errors is compared with a limit: give limit"),
        (f"{{metrics: [{{{METRIC}, compare: limit, limit: .inf}}]}}", "limit: .inf is not a number"),
        (f"{{metrics: [{{{METRIC}, compare: limit, limit: '5'}}]}}", 'limit: "5" is not a number'),
        (f"{{metrics: [{{{METRIC}, compare: oldHosts}}]}}", "compared with the old hosts: give tolerance"),
        (f"{{metrics: [{{{METRIC}, compare: oldHosts, tolerance: {{}}}}]}}", "tolerance: give percent of the old"),
        (f"{{metrics: [{{{METRIC}, compare: oldHosts, tolerance: {{percent: -1}}}}]}}", "tolerance -1: give 0 or more"),
        (f"{{metrics: [{{{METRIC}, compare: oldHosts, tolerance: 20}}]}}", "tolerance: 20 is not a mapping"),
        (f"{{metrics: [{{{LIMIT}, period: 90s}}]}}", "a period of 90 seconds: give a multiple of 60"),
        (f"{{metrics: [{{{LIMIT}, statistic: Mean}}]}}", "the statistic 'Mean'"),
        (f"{{metrics: [{{{LIMIT}, dimensions: {{InstanceId: i-1}}}}]}}", "leave it out"),
        (f"{{metrics: [{{{LIMIT}, minimumDataPoints: 99}}]}}", "needs 99 data points"),
        (f"{{metrics: [{{{LIMIT}}}, {{{LIMIT}}}]}}", "two metrics of the name errors"),
        (f"{{metrics: [{', '.join([f'{{{LIMIT}}}'] * 11)}]}}", "11 entries: at most 10"),
    ],
)
def test_what_could_never_be_judged_is_refused_with_its_place(analysis: str, problem: str) -> None:
    with pytest.raises(InvalidInput) as error:
        load(file(analysis, group=ALARMED))
    assert problem in str(error.value) and "deploymentConfigs.Mine.stages[0]" in str(error.value)


def test_a_stage_that_nothing_can_be_compared_with_or_without_a_bake() -> None:
    old = f"{{metrics: [{{{METRIC}, compare: oldHosts, tolerance: {{value: 1}}}}]}}"
    text = file(old, select="rest").replace("      - {name: rest, select: rest}\n", "")
    with pytest.raises(InvalidInput, match="the stage canary leaves no host that errors could be compared with"):
        load(text)
    with pytest.raises(InvalidInput, match="the stage canary has an analysis and no bake"):
        load(file(old, bake="0"))


def test_data_of_alarms_need_an_alarm_in_each_group_that_uses_it() -> None:
    wanted = "{alarms: {minimumDataPoints: 3}}"
    with pytest.raises(
        InvalidInput, match=r"shop\.groups\.web: the stage canary of Mine wants data points of the group's"
    ):
        load(file(wanted))
    (group,) = load(file(wanted, group=ALARMED)).groups
    assert group.settings.alarms == Alarms(names=("a",))


def test_a_group_whose_metrics_may_stop_it_rolls_back_as_by_an_alarm() -> None:
    events = ", autoRollbackConfiguration: {events: [DEPLOYMENT_STOP_ON_ALARM]}"
    (group,) = load(file(f"{{metrics: [{{{LIMIT}}}]}}", group=events)).groups
    assert group.settings.auto_rollback == (AutoRollbackEvent.DEPLOYMENT_STOP_ON_ALARM,)
    with pytest.raises(InvalidInput, match="does not have any effect unless alarmConfiguration names an alarm"):
        load(file(f"{{metrics: [{{{LIMIT}}}]}}", group=events).replace(", deploymentConfigName: Mine", ""))
