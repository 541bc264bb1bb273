"""Stages, of configurations and of deployments, and what holds a deployment, as the API tells them."""

from collections.abc import Sequence
from typing import Any

from functions.core.records import Approved, Deployment, Hold, Judged, Measured, Pause, Stage, StageAnalysis
from functions.core.rollout.analysis import rule_of
from functions.core.rollout.analysis_rule import Analysis, MetricRule
from functions.core.rollout.health import Approval, MinimumHealthyHosts, StageRule


def of_config(stages: Sequence[StageRule], order_tag: str | None) -> dict[str, Any]:
    """What a DeploymentConfigInfo has more."""
    return {"stages": [_rule(each) for each in stages] or None, "orderTag": order_tag}


def of_deployment(record: Deployment) -> dict[str, Any]:
    """What a DeploymentInfo has more. A deployment without stages tells none."""
    has_stages = len(record.stages) > 1 or any(each.name or each.approval for each in record.stages)
    return {
        "stages": [stage(each, rule_of(record, each)) for each in record.stages] if has_stages else None,
        "hold": _hold(record.hold) if record.hold else None,
        "pause": _pause(record.pause) if record.pause else None,
        "approvals": [_approved(each) for each in record.approvals] or None,
        "analyses": [_stage_analysis(each) for each in record.analyses] or None,
    }


def _rule(record: StageRule) -> dict[str, Any]:
    """A StageRule, as it was given."""
    return {
        "name": record.name,
        "select": {
            "type": record.select,
            "value": record.value or None,
            "zones": list(record.zones) or None,
            "tag": {"Key": record.tag_key, "Value": record.tag_value} if record.tag_key else None,
        },
        "minimumHealthyHosts": minimum(record.minimum) if record.minimum else None,
        "bakeSeconds": record.bake_seconds or None,
        "approval": _approval(record.approval) if record.approval else None,
        "analysis": _analysis(record.analysis) if record.analysis else None,
    }


def _analysis(record: Analysis) -> dict[str, Any]:
    return {
        "metrics": [_metric(each) for each in record.metrics] or None,
        "alarms": {"minimumDataPoints": record.alarm_points} if record.alarm_points else None,
        "onInconclusive": record.on_inconclusive,
    }


def _metric(record: MetricRule) -> dict[str, Any]:
    tolerance = record.tolerance
    return {
        "name": record.name,
        "namespace": record.namespace,
        "metricName": record.metric_name,
        "dimensions": {each.name: each.value for each in record.dimensions} or None,
        "statistic": record.statistic,
        "periodSeconds": record.period_seconds,
        "compare": record.compare,
        "failOn": record.fail_on,
        "limit": record.limit,
        "tolerance": {"percent": tolerance.percent, "value": tolerance.value} if tolerance else None,
        "minimumDataPoints": record.minimum_points,
    }


def minimum(record: MinimumHealthyHosts) -> dict[str, Any]:
    return {"type": record.type, "value": record.value}


def _approval(record: Approval) -> dict[str, Any]:
    return {"approvers": list(record.approvers) or None, "byAnother": record.by_another}


def stage(record: Stage, rule: Analysis | None) -> dict[str, Any]:
    return {
        "name": record.name,
        "targetCount": record.targets,
        "bakeSeconds": record.bake_seconds or None,
        "approval": _approval(record.approval) if record.approval else None,
        "analysis": _analysis(rule) if rule else None,
    }


def _hold(record: Hold) -> dict[str, Any]:
    return {
        "afterStage": record.stage,
        "kinds": list(record.kinds),
        "since": record.since,
        "until": record.until,
        "judgedAt": record.judged_at,
    }


def _stage_analysis(record: StageAnalysis) -> dict[str, Any]:
    return {
        "afterStage": record.stage,
        "verdict": record.verdict,
        "time": record.at,
        "reason": record.reason,
        "judged": [_judged(each) for each in record.judged] or None,
    }


def _judged(record: Judged) -> dict[str, Any]:
    return {
        "name": record.name,
        "kind": record.kind,
        "verdict": record.verdict,
        "reason": record.reason,
        "newHosts": _measured(record.new) if record.new else None,
        "oldHosts": _measured(record.old) if record.old else None,
        "bound": record.bound,
    }


def _measured(record: Measured) -> dict[str, Any]:
    return {
        "hosts": record.hosts,
        "silentHosts": record.silent,
        "dataPoints": record.points,
        "value": record.value,
    }


def _pause(record: Pause) -> dict[str, Any]:
    return {"pausedBy": record.by, "pauseTime": record.at, "reason": record.why or None}


def _approved(record: Approved) -> dict[str, Any]:
    return {
        "afterStage": record.stage,
        "approvedBy": record.by,
        "approvalTime": record.at,
        "reason": record.why or None,
    }
