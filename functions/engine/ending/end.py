"""Ending a deployment: its targets get their terminal status, then deployment, lock and rollback change at once."""

from dataclasses import replace

from functions.aws.clock import deployment_id as new_id
from functions.aws.clock import timestamp
from functions.core.causes import Cause
from functions.core.errors import Conflict
from functions.core.failures import shared
from functions.core.limits import batches
from functions.core.messages import texts
from functions.core.messages.verdict import decide, rolls_back
from functions.core.new_deployment import rollback_deployment
from functions.core.records import Deployment, RollbackInfo, Target, TargetFailure
from functions.core.rollout.rollback_choice import RollbackChoice, choose_after, has_revision_failed
from functions.core.rollout.steps import outcome
from functions.core.statuses import DeploymentStatus, TargetStatus
from functions.engine import calendar
from functions.engine.auto_scaling import end_launch
from functions.engine.running import budgets
from functions.engine.running import places as engine_places
from functions.engine.starting.uses import record_use
from functions.store.records import counters, deployments, groups, lock, preparing, targets
from functions.telemetry import logger

_TRIES = 5
_SWEEP = 49  # targets in one transaction, which holds at most 100 writes: two each, and an older engine's counters


def end(deployment_id: str, engine_error: str | None = None) -> DeploymentStatus | None:
    """Decide and record how the deployment ended; None when it does not exist. A repeat changes nothing.

    Raises Conflict when a stop mark arrives in this very moment: decide again.
    """
    deployment = deployments.get(deployment_id)
    if deployment is None:
        return None
    if deployment.status.is_final:
        return deployment.status
    if deployment.status is DeploymentStatus.CREATED:
        preparing.end_preparing(deployment_id)  # else it could write targets behind the sweep
    _sweep(deployment, engine_error)
    deployment = deployments.get(deployment_id) or deployment
    failed = targets.failed(deployment_id)
    counts = engine_places.settle_all(deployment, failed)
    if deployment.settings.auto_scaling.groups:
        counts = replace(counts, terminated=targets.terminated(deployment_id))
    deployment = replace(deployment, counts=counts)
    causes = shared(failed)
    used_up = budgets.used_up(deployment) if counts.skipped else ()
    verdict = decide(deployment, causes, engine_error, lost=engine_places.lost(deployment), used_up=used_up)
    now = timestamp()
    closed = replace(deployment, status=verdict.status, failure=verdict.failure, causes=causes, complete_time=now)
    if deployment.launch:
        end_launch.close(closed, deployment.launch)
        logger.info("ended", deployment_id=deployment_id, status=verdict.status, failure=verdict.failure)
        return verdict.status
    group, rollback = groups.of_deployment(deployment), None
    if group and rolls_back(deployment, verdict):
        rollback = rollback_deployment(group, closed, deployment_id=new_id(), now=now)
        closed = replace(closed, rollback=_rollback_info(closed, rollback, choose_after(group, closed)))
    has_failed = has_revision_failed(closed, failed)
    if lock.close(closed, group, rollback, has_revision_failed=has_failed, is_ready=calendar.is_ready) and rollback:
        record_use(rollback)
    logger.info("ended", deployment_id=deployment_id, status=verdict.status, failure=verdict.failure)
    return verdict.status


def _rollback_info(deployment: Deployment, rollback: Deployment | None, choice: RollbackChoice) -> RollbackInfo:
    if rollback is None:
        return RollbackInfo(rollback_message=choice.reason)
    message = texts.rollback_triggered(deployment.deployment_id, rollback.deployment_id)
    return RollbackInfo(rollback_deployment_id=rollback.deployment_id, rollback_message=message, reason=choice.reason)


def _sweep(deployment: Deployment, engine_error: str | None) -> None:
    """Targets that have not ended: those that never began are Skipped; what hosts have done counts; all others have
    failed with the engine.

    One that changes in this moment is looked at again. Raises Conflict when that does not come to an end.
    """
    deployment_id = deployment.deployment_id
    finish_all = counters.finish_all if deployment.counters else targets.finish_all
    for _ in range(_TRIES):
        endings: list[tuple[Target, TargetStatus, TargetFailure | None]] = []
        for target in targets.of(deployment_id, (TargetStatus.PENDING, TargetStatus.IN_PROGRESS)):
            if target.status is TargetStatus.PENDING:
                endings.append((target, TargetStatus.SKIPPED, None))
            elif known := outcome(target):
                endings.append((target, known, None))
            else:
                endings.append((target, TargetStatus.FAILED, engine_failure(engine_error)))
        if endings:  # else no target is left that could take a place
            engine_places.close(deployment)
        if all(finish_all(batch, timestamp()) for batch in batches(endings, _SWEEP)):
            return
    raise Conflict(f"targets of {deployment_id} changed {_TRIES} times while it was ended")


def engine_failure(error: str | None) -> TargetFailure:
    """A target that failed because the engine did."""
    message = error or "the target's workflow ended without a result"
    return TargetFailure(cause=Cause.ENGINE, message=message)
