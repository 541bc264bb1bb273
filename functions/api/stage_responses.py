"""Stages, of configurations and of deployments, and what holds a deployment, as the API tells them."""

from collections.abc import Sequence
from typing import Any

from functions.core.records import Approved, Deployment, Hold, Pause, Stage
from functions.core.rollout.health import Approval, MinimumHealthyHosts, StageRule


def of_config(stages: Sequence[StageRule], order_tag: str | None) -> dict[str, Any]:
    """What a DeploymentConfigInfo has more."""
    return {"stages": [_rule(each) for each in stages] or None, "orderTag": order_tag}


def of_deployment(record: Deployment) -> dict[str, Any]:
    """What a DeploymentInfo has more. A deployment without stages tells none."""
    has_stages = len(record.stages) > 1 or any(each.name or each.approval for each in record.stages)
    return {
        "stages": [stage(each) for each in record.stages] if has_stages else None,
        "hold": _hold(record.hold) if record.hold else None,
        "pause": _pause(record.pause) if record.pause else None,
        "approvals": [_approved(each) for each in record.approvals] or None,
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
    }


def minimum(record: MinimumHealthyHosts) -> dict[str, Any]:
    return {"type": record.type, "value": record.value}


def _approval(record: Approval) -> dict[str, Any]:
    return {"approvers": list(record.approvers) or None, "byAnother": record.by_another}


def stage(record: Stage) -> dict[str, Any]:
    return {
        "name": record.name,
        "targetCount": record.targets,
        "bakeSeconds": record.bake_seconds or None,
        "approval": _approval(record.approval) if record.approval else None,
    }


def _hold(record: Hold) -> dict[str, Any]:
    return {
        "afterStage": record.stage,
        "kinds": list(record.kinds),
        "since": record.since,
        "until": record.until,
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
