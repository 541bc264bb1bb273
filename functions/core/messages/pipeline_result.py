"""What a pipeline is told of the deployment that it waits for.

Source of limits and types: CodePipeline API model 2015-07-09 (ExecutionDetails, FailureDetails, OutputVariables).
"""

from dataclasses import dataclass
from enum import StrEnum

from functions.core.errors import InvalidInput, NotDeployable
from functions.core.records import Deployment
from functions.core.rollout.holds import approval_asked
from functions.core.statuses import DeploymentErrorCode, DeploymentStatus
from functions.core.text.plain_text import visible

_SUMMARY, _MESSAGE = 2048, 5000  # characters that CodePipeline takes
LONGEST_HOURS = 24  # of an action that a function answers
_WAITS = {DeploymentStatus.QUEUED: "waits for its turn", DeploymentStatus.CREATED: "begins"}


class FailureType(StrEnum):
    """CodePipeline's."""

    JOB_FAILED = "JobFailed"
    CONFIGURATION_ERROR = "ConfigurationError"
    PERMISSION_ERROR = "PermissionError"
    REVISION_UNAVAILABLE = "RevisionUnavailable"
    SYSTEM_UNAVAILABLE = "SystemUnavailable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far the deployment is."""

    deployment_id: str
    summary: str
    percent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Success:
    """The action succeeds."""

    progress: Progress
    variables: dict[str, str]  # for the actions behind this one


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """The action fails."""

    type: FailureType
    message: str
    deployment_id: str = ""


def progress(deployment: Deployment) -> Progress:
    """Of a deployment with the counts of this moment."""
    counts = deployment.counts
    parts = [f"{counts.succeeded} of {counts.total} targets"]
    if counts.failed:
        parts.append(f"{counts.failed} failed")
    if counts.skipped:
        parts.append(f"{counts.skipped} skipped")
    if deployment.status in _WAITS:
        parts = [f"{deployment.deployment_id} {_WAITS[deployment.status]}"]
    if deployment.closed and deployment.status is DeploymentStatus.QUEUED:
        parts = [f"{deployment.deployment_id} waits: {deployment.closed.why}"]
    if asked := approval_asked(deployment):
        parts.append(f"waits for an approval after the stage {asked[0].name}")
    if deployment.pause:
        parts.append(f"paused by {deployment.pause.by}")
    done = counts.succeeded + counts.failed + counts.skipped
    return Progress(
        deployment_id=deployment.deployment_id,
        summary=_cut(", ".join(parts), _SUMMARY),
        percent=done * 100 // counts.total if counts.total else 0,
    )


def result(deployment: Deployment) -> Success | Refusal:
    """Of a deployment that is over."""
    if deployment.status is DeploymentStatus.SUCCEEDED:
        return Success(progress=progress(deployment), variables=_variables(deployment))
    back = deployment.rollback.rollback_deployment_id if deployment.rollback else None
    parts = [
        f"{deployment.deployment_id} {deployment.status.value}",
        deployment.failure.message if deployment.failure else "",
        f"{progress(deployment).summary}." if deployment.counts.total else "",
        f"{back} rolls back." if back else "",
    ]
    return Refusal(
        type=FailureType.JOB_FAILED,
        message=_cut(f"{parts[0]}: {' '.join(filter(None, parts[1:]))}", _MESSAGE),
        deployment_id=deployment.deployment_id,
    )


def too_long(deployment: Deployment) -> Refusal:
    """CodePipeline waits no longer; the deployment goes on."""
    what = f"{deployment.deployment_id} is still {deployment.status.value} ({progress(deployment).summary})"
    why = f"CodePipeline waits at most {LONGEST_HOURS} hours for this action"
    remedy = f"The deployment goes on; see it with: stepdeploy show {deployment.deployment_id}"
    return Refusal(
        type=FailureType.JOB_FAILED,
        message=_cut(f"{what}: {why}. {remedy}", _MESSAGE),
        deployment_id=deployment.deployment_id,
    )


def refused(error: InvalidInput) -> Refusal:
    """Nothing was deployed, because of what the pipeline asked for."""
    kind = FailureType.CONFIGURATION_ERROR
    if isinstance(error, NotDeployable):
        kind = _TYPES.get(error.code, FailureType.JOB_FAILED)
    return Refusal(type=kind, message=_cut(str(error), _MESSAGE))


def broken(error: Exception) -> Refusal:
    """Nothing was deployed, because of a mistake of the engine's own."""
    what = f"the engine failed ({type(error).__name__}): see the log of the function pipeline_job, and retry the stage"
    return Refusal(type=FailureType.SYSTEM_UNAVAILABLE, message=what)


_TYPES = {
    DeploymentErrorCode.APPLICATION_MISSING: FailureType.CONFIGURATION_ERROR,
    DeploymentErrorCode.DEPLOYMENT_GROUP_MISSING: FailureType.CONFIGURATION_ERROR,
    DeploymentErrorCode.IAM_ROLE_PERMISSIONS: FailureType.PERMISSION_ERROR,
    DeploymentErrorCode.REVISION_MISSING: FailureType.REVISION_UNAVAILABLE,
}


def _variables(deployment: Deployment) -> dict[str, str]:
    return {
        "deploymentId": deployment.deployment_id,
        "revisionKey": deployment.revision.key,
        "sha256": deployment.revision.sha256 or "",
        "succeeded": str(deployment.counts.succeeded),
        "failed": str(deployment.counts.failed),
    }


def _cut(text: str, most: int) -> str:
    return visible(text, keep="\n\t")[:most]
