"""What is counted of a deployment that changed its status; `publish` writes it as CloudWatch metrics."""

from datetime import datetime

from functions.core.causes import Cause
from functions.core.records import Deployment
from functions.core.statuses import Creator, DeploymentErrorCode, DeploymentStatus

_COUNTED = {
    DeploymentStatus.CREATED: "DeploymentsStarted",
    DeploymentStatus.SUCCEEDED: "DeploymentsSucceeded",
    DeploymentStatus.FAILED: "DeploymentsFailed",
    DeploymentStatus.STOPPED: "DeploymentsStopped",
}


def is_rollback_start(deployment: Deployment) -> bool:
    """Whether this change is the birth of an automatic rollback (the trigger DeploymentRollback)."""
    return deployment.creator is Creator.ROLLBACK and deployment.status is DeploymentStatus.CREATED


def of_deployment(deployment: Deployment) -> dict[str, float]:
    """Metrics by name. The unit of DeploymentSeconds is seconds, all others are counts."""
    if deployment.status not in _COUNTED:
        return {}
    counted: dict[str, float] = {_COUNTED[deployment.status]: 1}
    if is_rollback_start(deployment):
        counted["DeploymentsRolledBack"] = 1
    if deployment.status.is_final and deployment.counts.total:
        counted |= {"Targets": deployment.counts.total, "TargetsFailed": deployment.counts.failed}
    if failures := _engine_failures(deployment):
        counted["EngineFailures"] = failures
    if (seconds := seconds_taken(deployment)) is not None:
        counted["DeploymentSeconds"] = seconds
    return counted


def _engine_failures(deployment: Deployment) -> int:
    """Targets that the engine or AWS under it failed, and the deployment where it failed as a whole."""
    targets = sum(each.count for each in deployment.causes if each.failure.cause is Cause.ENGINE)
    failure = deployment.failure
    return targets + bool(failure and failure.code is DeploymentErrorCode.INTERNAL_ERROR)


def seconds_taken(deployment: Deployment) -> float | None:
    """From the start (or the creation, when it never started) to the end; waiting for the group does not count."""
    if deployment.complete_time is None:
        return None
    return (datetime.fromisoformat(deployment.complete_time) - deployment.began).total_seconds()
