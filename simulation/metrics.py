"""Metrics of simulated hosts: what CloudWatch has of them, and what is promised of a stage that is judged by them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from functions.core.records import Deployment
from functions.core.rollout.analysis_rule import Compare, FailOn, MetricRule
from functions.core.rollout.health import StageRule
from functions.core.statuses import DeploymentErrorCode
from simulation.broken import Broken
from simulation.hosts import Host

if TYPE_CHECKING:
    from simulation.world import World

NAMESPACE = "Simulated"


@dataclass(frozen=True, slots=True)
class HostMetric:
    """What each host tells in every period; None: nothing."""

    name: str
    new: float | None  # of a host that a deployment has begun on
    old: float | None  # of the others

    def value(self, host: Host) -> float | None:
        return self.new if host.journal else self.old


def broken(world: "World", deployment: Deployment, begun: set[int]) -> Iterator[Broken]:
    """After a stage whose metrics are bad, or missing, nothing begins that nobody has approved; and no deployment is
    stopped by metrics that are well. `begun`: the stages of which a host has begun."""
    rules = {rule.name: rule for rule in deployment.settings.config.stages}
    told = {each.name: each for each in world.scenario.metrics}
    all_well = True
    for number, stage in enumerate(deployment.stages):
        rule = rules.get(stage.name) or rules.get(stage.name.rpartition(" ")[0])
        if rule is None or rule.analysis is None:
            continue
        well = _are_well(rule, told)
        all_well = all_well and well
        is_approved = any(each.stage == number for each in deployment.approvals)
        if not well and not is_approved and any(after > number for after in begun):
            what = f"{deployment.deployment_id}: a stage began after {stage.name}, whose metrics are not well"
            yield Broken(3, what)
    failure = deployment.failure
    is_stopped = failure is not None and failure.code is DeploymentErrorCode.ALARM_ACTIVE
    if is_stopped and all_well and world.cloudwatch.rang_at is None:
        yield Broken(0, f"{deployment.deployment_id} was stopped, and neither an alarm nor a metric was bad")


def _are_well(rule: StageRule, told: dict[str, HostMetric]) -> bool:
    metrics = rule.analysis.metrics if rule.analysis else ()
    return all(_is_well(metric, told.get(metric.metric_name)) for metric in metrics)


def _is_well(rule: MetricRule, metric: HostMetric | None) -> bool:
    if metric is None or metric.new is None:
        return False
    bound = rule.limit
    if rule.compare is Compare.OLD_HOSTS:
        if metric.old is None or rule.tolerance is None:
            return False
        more = max(abs(metric.old) * rule.tolerance.percent / 100, rule.tolerance.value)
        bound = metric.old + more if rule.fail_on is FailOn.ABOVE else metric.old - more
    assert bound is not None
    return metric.new <= bound if rule.fail_on is FailOn.ABOVE else metric.new >= bound
