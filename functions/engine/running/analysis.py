"""The metrics of a stage are read and judged when it has baked; the verdict is on record once."""

from collections import defaultdict
from datetime import datetime, timedelta

from functions.aws import clock, cloudwatch
from functions.aws.cloudwatch import MetricQuery, Unread
from functions.core.records import AnalysisVerdict, Deployment, Hold, StageAnalysis, StopMark
from functions.core.rollout import analysis, stop_mark
from functions.core.rollout.analysis import Found, Series, Sides
from functions.core.rollout.analysis_rule import HOST_DIMENSION, Analysis, Compare, MetricRule, OnInconclusive
from functions.core.statuses import TargetStatus
from functions.store.records import deployments, targets
from functions.telemetry import logger

PATIENCE = timedelta(seconds=30)  # for CloudWatch; after that its answer is not known


def judge(deployment: Deployment, hold: Hold) -> None:
    """The verdict on the stage after which the deployment holds, and the stop that may follow of it, on record. A
    repeat changes nothing."""
    stage = deployment.stages[hold.stage]
    if (rule := analysis.rule_of(deployment, stage)) is None:
        raise KeyError(stage.analysis)
    hosts = analysis.sides(targets.of(deployment.deployment_id, (TargetStatus.SUCCEEDED, TargetStatus.PENDING)))
    since = datetime.fromisoformat(hold.since)
    found = _read(rule, hosts, deployment.settings.alarms.watched, since, stage.bake_seconds)
    verdict = analysis.judge(rule, hosts, found, hold.stage, clock.timestamp())
    deployments.note_analysis(deployment, verdict, _stop(rule, stage.name, verdict))
    logger.info("judged", deployment_id=deployment.deployment_id, stage=hold.stage, verdict=verdict.verdict)


def _stop(rule: Analysis, stage: str, verdict: StageAnalysis) -> StopMark | None:
    is_over = {
        AnalysisVerdict.SUCCESS: False,
        AnalysisVerdict.INCONCLUSIVE: rule.on_inconclusive is OnInconclusive.STOP,
        AnalysisVerdict.FAILURE: True,
    }
    return stop_mark.by_analysis(stage, verdict) if is_over[verdict.verdict] else None


def _read(rule: Analysis, hosts: Sides, alarms: tuple[str, ...], since: datetime, bake_seconds: int) -> Found:
    """What cannot be read is known as that: another metric may be bad all the same."""
    until = clock.now() + PATIENCE
    by_period = defaultdict[int, list[tuple[MetricRule, str]]](list)
    for each in rule.metrics:
        compared = [*hosts.new, *(hosts.old if each.compare is Compare.OLD_HOSTS else ())]
        by_period[each.period_seconds] += [(each, host_id) for host_id in compared]
    metrics = dict[str, dict[str, Series] | str]()
    for period, asked in by_period.items():
        queries, names = [_query(metric, host_id) for metric, host_id in asked], {metric.name for metric, _ in asked}
        try:
            answers = cloudwatch.series(queries, *analysis.window(since, bake_seconds, period), until)
        except Unread as unread:
            metrics |= dict.fromkeys(names, str(unread))
            continue
        told = list(zip(asked, answers, strict=True))
        metrics |= {name: {host: series for (each, host), series in told if each.name == name} for name in names}
    return Found(metrics=metrics, alarms=_points(alarms, since, bake_seconds, until) if rule.alarm_points else {})


def _query(metric: MetricRule, host_id: str) -> MetricQuery:
    return MetricQuery(
        namespace=metric.namespace,
        name=metric.metric_name,
        dimensions={**{each.name: each.value for each in metric.dimensions}, HOST_DIMENSION: host_id},
        statistic=metric.statistic,
        period_seconds=metric.period_seconds,
    )


def _points(alarms: tuple[str, ...], since: datetime, bake_seconds: int, until: datetime) -> dict[str, int | str]:
    """Of each alarm how many data points its metric has of the bake, or why they cannot be counted."""
    found: dict[str, int | str] = {}
    try:
        for name, watched in cloudwatch.alarm_metrics(alarms, until).items():
            if isinstance(watched, str):
                found[name] = watched
            else:
                times = analysis.window(since, bake_seconds, watched.period_seconds)
                found[name] = cloudwatch.alarm_points(watched, *times, until)
    except Unread as unread:
        return {**dict.fromkeys(alarms, str(unread)), **found}
    return found
