"""What is measured of deployments and groups; `publish` and `find_lost` write it as CloudWatch metrics, which the
dashboard shows."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from functions.core.causes import Cause
from functions.core.records import Deployment
from functions.core.statuses import Creator, DeploymentErrorCode, DeploymentStatus


class Measure(StrEnum):
    """A metric. Its unit is seconds where its name says so; all others are counts."""

    STARTED = "DeploymentsStarted"
    SUCCEEDED = "DeploymentsSucceeded"
    FAILED = "DeploymentsFailed"
    STOPPED = "DeploymentsStopped"
    ROLLED_BACK = "DeploymentsRolledBack"
    SECONDS = "DeploymentSeconds"
    TARGETS = "Targets"
    TARGETS_FAILED = "TargetsFailed"
    ENGINE_FAILURES = "EngineFailures"
    # of a group, now and then while it is deployed to, and when that ends
    HEALTHY = "HealthyHosts"  # targets of its deployment that are in service
    PROMISED = "PromisedHosts"  # that must be
    QUEUED = "DeploymentsQueued"


def of_cause(cause: Cause) -> str:
    """The metric of targets that failed so."""
    return f"{Measure.TARGETS_FAILED}.{cause}"


NAMES = frozenset({*Measure, *map(of_cause, Cause)})
_COUNTED = {
    DeploymentStatus.CREATED: Measure.STARTED,
    DeploymentStatus.SUCCEEDED: Measure.SUCCEEDED,
    DeploymentStatus.FAILED: Measure.FAILED,
    DeploymentStatus.STOPPED: Measure.STOPPED,
}


def is_rollback_start(deployment: Deployment) -> bool:
    """Whether this change is the birth of an automatic rollback (the trigger DeploymentRollback)."""
    return deployment.creator is Creator.ROLLBACK and deployment.status is DeploymentStatus.CREATED


def of_deployment(deployment: Deployment) -> dict[str, float]:
    """Of one that changed its status: metrics by name, for the engine as a whole and for its group."""
    if deployment.status not in _COUNTED:
        return {}
    counted: dict[str, float] = {_COUNTED[deployment.status]: 1}
    if is_rollback_start(deployment):
        counted[Measure.ROLLED_BACK] = 1
    if deployment.status.is_final and deployment.counts.total:
        counted |= {Measure.TARGETS: deployment.counts.total, Measure.TARGETS_FAILED: deployment.counts.failed}
    for each in deployment.causes:
        name = of_cause(each.failure.cause)
        counted[name] = counted.get(name, 0) + each.count
    if failures := _engine_failures(deployment):
        counted[Measure.ENGINE_FAILURES] = failures
    if (seconds := seconds_taken(deployment)) is not None:
        counted[Measure.SECONDS] = seconds
    return counted


def at_end(deployment: Deployment) -> dict[str, float]:
    """Of a deployment that is over: how it leaves its group."""
    return _in_service(deployment) if deployment.status.is_final else {}


def of_group(left: Sequence[Deployment]) -> dict[str, float]:
    """How a group stands whose deployments, as many as have not ended, are these, with the counts of this moment."""
    found: dict[str, float] = {Measure.QUEUED: sum(each.status is DeploymentStatus.QUEUED for each in left)}
    for each in left:
        found |= _in_service(each)
    return found


def _in_service(deployment: Deployment) -> dict[str, float]:
    """A deployment to an instance that is launched says nothing of its group's hosts."""
    counts = deployment.counts
    if not counts.total or deployment.launch:
        return {}
    return {Measure.HEALTHY: counts.in_service, Measure.PROMISED: counts.promised}


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
