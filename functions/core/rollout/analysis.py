"""The verdict on a stage, out of what CloudWatch has of its hosts: values in, values out (docs/stages.md).

A host's data points are those of whole periods within the bake. Each new host needs enough of them, because one that
tells nothing may not be well; of the old hosts, those that have enough are compared with.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from functions.core.errors import InvalidInput
from functions.core.records import (
    AnalysisVerdict,
    Deployment,
    GroupSettings,
    HoldKind,
    Judged,
    JudgedKind,
    Measured,
    Stage,
    StageAnalysis,
    Target,
)
from functions.core.rollout.analysis_rule import Analysis, Compare, FailOn, MetricRule
from functions.core.rollout.health import StageRule
from functions.core.rollout.zones import goes_to_all
from functions.core.statuses import TargetStatus
from functions.core.text.plain_text import counted

SAMPLED = 50  # hosts of a side that a metric is read of, at most
MAX_KEPT = 200  # metrics and alarms that a deployment keeps the numbers of
_WORST_FIRST = (AnalysisVerdict.FAILURE, AnalysisVerdict.INCONCLUSIVE, AnalysisVerdict.SUCCESS)


@dataclass(frozen=True, slots=True)
class Series:
    """The data points of one host, or of an alarm's metric."""

    points: int
    total: float = 0.0


NO_DATA = Series(0)


@dataclass(frozen=True, slots=True)
class Sides:
    """The series of the hosts that are compared, or the hosts themselves."""

    new: Sequence[str]
    old: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What CloudWatch answered: of each metric, by its name, the series of hosts, by their ids, or why it could not be
    read; of each alarm how many data points it has, or why they cannot be counted."""

    metrics: Mapping[str, Mapping[str, Series] | str]
    alarms: Mapping[str, int | str]


def window(since: datetime, bake_seconds: int, period_seconds: int) -> tuple[datetime, datetime]:
    """The whole periods within a bake: of a host nothing counts that came before it had the revision.

    >>> begin, end = window(datetime(2026, 1, 1, 0, 0, 20, tzinfo=UTC), 600, 60)
    >>> begin.isoformat(), end.isoformat()
    ('2026-01-01T00:01:00+00:00', '2026-01-01T00:10:00+00:00')
    """
    begin = -(-since.timestamp() // period_seconds) * period_seconds
    end = (since.timestamp() + bake_seconds) // period_seconds * period_seconds
    return datetime.fromtimestamp(begin, UTC), datetime.fromtimestamp(max(begin, end), UTC)


def sides(fleet: Iterable[Target]) -> Sides:
    """The hosts to compare, at most SAMPLED of a side: those that have the revision, and those that wait for it and
    serve. CloudWatch knows EC2 instances by their ids, and no host on premises."""
    new, old = list[str](), list[str]()
    for each in fleet:
        if not each.target_id.startswith("i-"):
            continue
        if each.status is TargetStatus.SUCCEEDED:
            new.append(each.target_id)
        elif each.status is TargetStatus.PENDING and not each.was_out_of_service:
            old.append(each.target_id)
    return Sides(_sample(new), _sample(old))


def _sample(ids: Sequence[str]) -> list[str]:
    """Spread evenly over all.

    >>> len(_sample([f"i-{number:05}" for number in range(10_000)])), _sample(["i-2", "i-1"])
    (50, ['i-1', 'i-2'])
    """
    ordered = sorted(ids)
    count = min(len(ordered), SAMPLED)
    return [ordered[number * len(ordered) // count] for number in range(count)]


def judge(rule: Analysis, hosts: Sides, found: Found, stage: int, now: str) -> StageAnalysis:
    """The verdict on a stage. One failure is a failure, whatever else there is; success is only where every metric and
    alarm says so."""
    judged = [
        *(of_metric(each, hosts, found.metrics.get(each.name, {})) for each in rule.metrics),
        *(of_alarm(name, rule.alarm_points, known) for name, known in found.alarms.items()),
    ]
    if not judged:
        return StageAnalysis(
            stage=stage, verdict=AnalysisVerdict.INCONCLUSIVE, at=now, reason="no alarm of the group is watched"
        )
    verdict = min((each.verdict for each in judged), key=_WORST_FIRST.index)
    those = [each for each in judged if each.verdict is verdict]
    more = f" (and {len(those) - 1} more)" if len(those) > 1 else ""
    reason = f"{those[0].name}: {those[0].reason}{more}"
    return StageAnalysis(stage=stage, verdict=verdict, at=now, reason=reason, judged=tuple(judged))


def of_metric(rule: MetricRule, hosts: Sides, series: Mapping[str, Series] | str) -> Judged:
    """One metric, by the series of its hosts; or why they could not be read."""
    if isinstance(series, str):
        return Judged(name=rule.name, verdict=AnalysisVerdict.INCONCLUSIVE, reason=series)
    new = _measured(hosts.new, series, rule.minimum_points)
    old = _measured(hosts.old, series, rule.minimum_points) if rule.compare is Compare.OLD_HOSTS else None

    def told(verdict: AnalysisVerdict, reason: str, bound: float | None = None) -> Judged:
        return Judged(name=rule.name, verdict=verdict, reason=reason, new=new, old=old, bound=bound)

    few = f"fewer than {counted(rule.minimum_points, 'data point')}"
    if not hosts.new:
        return told(AnalysisVerdict.INCONCLUSIVE, "no EC2 instance has the revision")
    if new.value is None or new.silent:
        return told(AnalysisVerdict.INCONCLUSIVE, f"{new.silent} of {counted(new.hosts, 'new host')} with {few}")
    if old and old.value is None:
        whose = f"each of {counted(old.hosts, 'old host')} with {few}" if old.hosts else "no host has the old revision"
        return told(AnalysisVerdict.INCONCLUSIVE, whose)
    bound, whence = _bound(rule, old)
    is_bad = new.value > bound if rule.fail_on is FailOn.ABOVE else new.value < bound
    verdict = AnalysisVerdict.FAILURE if is_bad else AnalysisVerdict.SUCCESS
    side = rule.fail_on if is_bad else f"not {rule.fail_on}"
    return told(verdict, f"{new.value:.6g} on {counted(new.hosts, 'new host')}, {side} {bound:.6g}{whence}", bound)


def _bound(rule: MetricRule, old: Measured | None) -> tuple[float, str]:
    """What the new hosts' value must not pass, and out of what it was made."""
    if old is None or old.value is None or rule.tolerance is None:
        return rule.limit or 0.0, ""
    more = rule.tolerance.of(old.value)
    bound = old.value + more if rule.fail_on is FailOn.ABOVE else old.value - more
    told = counted(old.hosts - old.silent, "old host")
    return bound, f" ({old.value:.6g} on {told}, and {more:.6g} of tolerance)"


def of_alarm(name: str, needed: int, known: int | str) -> Judged:
    """An alarm of the group: whether its metric had data. That it is not in ALARM is another matter."""
    if isinstance(known, str):
        return Judged(name=name, kind=JudgedKind.ALARM, verdict=AnalysisVerdict.INCONCLUSIVE, reason=known)
    verdict = AnalysisVerdict.SUCCESS if known >= needed else AnalysisVerdict.INCONCLUSIVE
    reason = f"the alarm's metric has {counted(known, 'data point')}, and needs {needed}"
    return Judged(name=name, kind=JudgedKind.ALARM, verdict=verdict, reason=reason, new=Measured(points=known))


def _measured(hosts: Sequence[str], series: Mapping[str, Series], needed: int) -> Measured:
    told = [one for one in (series.get(each, NO_DATA) for each in hosts) if one.points >= needed]
    points = sum(each.points for each in told)
    value = sum(each.total for each in told) / points if points else None
    return Measured(hosts=len(hosts), silent=len(hosts) - len(told), points=points, value=value)


# -- of a group, and of a deployment


def check_alarms(settings: GroupSettings) -> None:
    """Raises InvalidInput when a stage wants data of alarms, and none is watched."""
    for stage in settings.config.stages:
        if stage.analysis and stage.analysis.alarm_points and not settings.alarms.watched:
            where = f"the stage {stage.name} of {settings.config.name}"
            what = f"{where} wants data points of the group's alarms, and none is watched"
            raise InvalidInput(f"{what}: name one in alarmConfiguration, or choose another configuration")


def wants_alarm_data(deployment: Deployment) -> list[tuple[StageRule, int]]:
    """The stages that a deployment goes by of which alarms need data points, and how many."""
    if goes_to_all(deployment):
        return []
    rules = [(stage, stage.analysis.alarm_points) for stage in deployment.settings.config.stages if stage.analysis]
    return [(stage, points) for stage, points in rules if points]


def rule_of(deployment: Deployment, stage: Stage) -> Analysis | None:
    """What is judged after a stage of a deployment."""
    return next((each.analysis for each in deployment.settings.config.stages if each.name == stage.analysis), None)


def verdict_on(deployment: Deployment, stage: int) -> StageAnalysis | None:
    """What the metrics said after a stage; None: they were not asked yet, or need not be."""
    return next((each for each in deployment.analyses if each.stage == stage), None)


def decisive(deployment: Deployment) -> StageAnalysis | None:
    """What the metrics said for which the deployment waits for somebody, or for which it was stopped."""
    last = deployment.analyses[-1] if deployment.analyses else None
    if last is None or last.verdict is AnalysisVerdict.SUCCESS:
        return None
    if deployment.hold:
        return last if HoldKind.INCONCLUSIVE in deployment.hold.kinds else None
    return last if deployment.stop and deployment.stop.at == last.at else None


def stage_name(deployment: Deployment, found: StageAnalysis) -> str:
    """The name of the stage that a verdict is on."""
    return deployment.stages[found.stage].name


def with_verdict(before: Sequence[StageAnalysis], new: StageAnalysis) -> tuple[StageAnalysis, ...]:
    """All of a deployment; where there are very many numbers, those of the first stages go."""
    found = [*before, new]
    for number, each in enumerate(found[:-1]):
        if sum(len(one.judged) for one in found) <= MAX_KEPT:
            break
        found[number] = replace(each, judged=())
    return tuple(found)
