"""How a deployment ends: its final status, the sentence that says why, and whether it rolls back."""

from collections.abc import Sequence
from dataclasses import dataclass

from functions.core.causes import Cause
from functions.core.failures import NAMED, first_of, outcome, sentence
from functions.core.records import Deployment, Failure, PlaceSet, SharedFailure, StopMark, TargetFailure
from functions.core.rollout.health import is_success
from functions.core.statuses import AutoRollbackEvent, Creator, DeploymentErrorCode, DeploymentStatus

_SAID = (Cause.SCRIPT, Cause.TIMEOUT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The terminal status of a deployment, with CodeDeploy's errorInformation."""

    status: DeploymentStatus
    failure: Failure | None = None


def decide(
    deployment: Deployment,
    causes: Sequence[SharedFailure],
    engine_error: str | None = None,
    *,
    lost: Sequence[PlaceSet] = (),
    used_up: Sequence[str] = (),
) -> Verdict:
    """The verdict on a deployment whose targets have all ended. `causes`: why some failed; `lost`: the
    Availability Zones and stages that did not keep their minimum of healthy hosts; `used_up`: what is to be said of
    budgets that hosts which failed have used up."""
    if deployment.stop and not _finished_before_the_stop(deployment):
        return Verdict(status=DeploymentStatus.STOPPED, failure=stopped(deployment.stop))
    if deployment.failure:  # Prepare refused it
        return Verdict(status=DeploymentStatus.FAILED, failure=deployment.failure)
    counts = deployment.counts
    if deployment.launch and counts.terminated:
        message = f"Auto Scaling has ended {deployment.launch.action.instance_id} before the deployment to it was over."
        failure = Failure(code=DeploymentErrorCode.NO_INSTANCES, message=message)
        return Verdict(status=DeploymentStatus.STOPPED, failure=failure)
    nothing_to_do = deployment.outdated_only and not counts.total and deployment.start_time
    succeeded = nothing_to_do or is_success(
        targets=counts.total - counts.terminated, allowed_out=counts.max_out_of_service, succeeded=counts.succeeded
    )
    succeeded = succeeded and not lost
    if succeeded and not engine_error:
        return Verdict(status=DeploymentStatus.SUCCEEDED)
    has_begun = counts.total and deployment.status is not DeploymentStatus.CREATED
    # Without the engine nobody knows: a bake may not have ended, or not a single target may have begun.
    by_engine = engine_error and (succeeded or not has_begun)
    code = DeploymentErrorCode.INTERNAL_ERROR if by_engine else DeploymentErrorCode.HEALTH_CONSTRAINTS
    cause = root_cause(causes, counts.failed)
    told = engine_error or ""
    rest = "" if told.rstrip(".") in cause else told  # targets that failed with the engine have said it
    parts = (cause, _lost(lost), *used_up, _tally(deployment) if has_begun or not engine_error else "", rest)
    message = " ".join(part for part in parts if part)
    return Verdict(status=DeploymentStatus.FAILED, failure=Failure(code=code, message=message))


def _lost(lost: Sequence[PlaceSet]) -> str:
    zones = ", ".join(each.zone for each in lost if each.zone)
    told = [f"Fewer hosts than minimumHealthyHostsPerZone are healthy in {zones}."] if zones else []
    told += [
        f"Fewer than {each.needed} target{'s' if each.needed > 1 else ''} succeeded in the stage {each.stage}."
        for each in lost
        if each.stage
    ]
    return " ".join(told)


def _finished_before_the_stop(deployment: Deployment) -> bool:
    """A person's stop that came when every target had the new revision stops nothing, unless the deployment still
    waited (for its alarms, an approval) or the person wants to go back. An alarm's stop always counts."""
    stop, counts = deployment.stop, deployment.counts
    if stop is None or stop.code is not DeploymentErrorCode.MANUAL_STOP:
        return False
    late = not (deployment.settings.bake_seconds or deployment.hold) and not stop.auto_rollback
    return late and 0 < counts.total == counts.succeeded


def stopped(mark: StopMark) -> Failure:
    """errorInformation of a deployment that was stopped."""
    return Failure(code=mark.code, message=mark.message)


def root_cause(causes: Sequence[SharedFailure], failed: int = 0) -> str:
    """The first root cause, how many targets share it, and three of their names. `failed`: targets, in all.

    >>> root_cause([])
    ''
    """
    if not causes:
        return ""
    first = first_of(causes)
    failure = first.failure
    where = f"{failure.event}: " if failure.event else ""
    kind = "" if failure.cause in _SAID else f" [{failure.cause}]"  # a script's end is in the sentence itself
    others = [f"{_named(each.failure)} on {each.count}" for each in causes if each is not first]
    if (left := failed - sum(each.count for each in causes)) > 0:
        others.append(f"more on {left}")
    rest = f" Other causes: {', '.join(others)}." if others else ""
    return f"{where}{sentence(failure).rstrip('.')}{kind} on {hosts(first)}.{rest}"


def hosts(cause: SharedFailure) -> str:
    """Those that failed alike: one by its name, of many three and their number."""
    named = ", ".join(cause.named)
    if cause.count == 1:
        return named
    more = f" and {cause.count - NAMED} more" if cause.count > NAMED else ""
    return f"{cause.count} targets: {named}{more}"


def _named(failure: TargetFailure) -> str:
    return " ".join(part for part in (failure.cause.value, outcome(failure)) if part)


def _tally(deployment: Deployment) -> str:
    counts = deployment.counts
    needed = max(counts.total - counts.max_out_of_service, 1)
    succeeded = f"{counts.succeeded} of {counts.total} targets succeeded"
    if counts.succeeded == counts.total > 0:
        return f"{succeeded}."
    return (
        f"{succeeded}, {counts.failed} failed, {counts.skipped} skipped;"
        f" at least {needed} must succeed under {deployment.settings.config.name}."
    )


def rolls_back(deployment: Deployment, verdict: Verdict) -> bool:
    """Whether this ending starts a rollback. A rollback never causes a rollback; untouched hosts need none."""
    if deployment.creator is Creator.ROLLBACK:
        return False
    if deployment.stop and deployment.stop.rollback_to and verdict.status is DeploymentStatus.STOPPED:
        return True  # what is chosen may be another revision than the untouched hosts have
    if not deployment.counts.started:
        return False
    wanted = deployment.settings.auto_rollback
    if verdict.status is DeploymentStatus.FAILED:
        return AutoRollbackEvent.DEPLOYMENT_FAILURE in wanted
    if verdict.status is DeploymentStatus.STOPPED and deployment.stop:
        if deployment.stop.auto_rollback is not None:
            return deployment.stop.auto_rollback
        by_alarm = deployment.stop.code is DeploymentErrorCode.ALARM_ACTIVE
        event = AutoRollbackEvent.DEPLOYMENT_STOP_ON_ALARM if by_alarm else AutoRollbackEvent.DEPLOYMENT_STOP_ON_REQUEST
        return event in wanted
    return False
