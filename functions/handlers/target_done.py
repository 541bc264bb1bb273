"""TargetDone: the last state of a target. Gives it its terminal status, then its place back.

Called by the target's workflow, also after an error of the engine. A second call finds the target ended,
and does what the first one did not live to do.
"""

from typing import Any

from functions.aws import clock, weather
from functions.aws.fleet import ssm
from functions.core.errors import Conflict
from functions.core.messages.engine_errors import EngineError
from functions.core.records import Target, TargetFailure
from functions.core.rollout.steps import left_between, outcome
from functions.core.statuses import TargetStatus
from functions.engine.auto_scaling import instances
from functions.engine.ending.end import engine_failure
from functions.engine.running import places, traffic
from functions.store.records import targets
from functions.telemetry import logger


@logger.inject_lambda_context(clear_state=True)
@weather.not_a_failure
def handler(event: dict[str, Any], context: Any) -> dict[str, str]:
    deployment_id, target_id = event["deployment_id"], event["target_id"]
    logger.append_keys(deployment_id=deployment_id, target_id=target_id)
    target = targets.get(deployment_id, target_id)
    if target is None:
        raise LookupError(f"no record of target {target_id} in {deployment_id}")
    if target.status.is_final:
        places.settle(target)
        return {"status": target.status}
    status, failure = _ending(target, event)
    if status is TargetStatus.FAILED and (gone := instances.ended(target)):
        status, failure = TargetStatus.SKIPPED, gone
    if status is TargetStatus.FAILED and target.out_of:
        target = traffic.bring_back(target)
    if places.finish(target, status, clock.timestamp(), failure):
        return {"status": status}
    ended = targets.get(deployment_id, target_id)
    if ended is None or not ended.status.is_final:  # it began between our read and our write: decide again
        raise Conflict(f"target {target_id} of {deployment_id} changed while it was ended")
    places.settle(ended)
    return {"status": ended.status}


def _ending(target: Target, event: dict[str, Any]) -> tuple[TargetStatus, TargetFailure | None]:
    """How the target ends, and why where its record does not say so. What the host has done is what counts, also when
    the engine stumbled on the way to saying so."""
    if known := outcome(target):
        return known, None
    if error := event.get("error"):
        logger.error("the target's workflow failed", error=error)
        for run in target.segments.values():
            if run.command_id and run.status is None:
                ssm.cancel(run.command_id, target.target_id)
        return TargetStatus.FAILED, engine_failure(EngineError.of_state(error).told(target.deployment_id))
    status = TargetStatus(event["segment_result"]["status"])
    if status is TargetStatus.SUCCEEDED:
        raise LookupError(f"not all steps of target {target.target_id} of {target.deployment_id} are on record")
    return status, left_between() if status is TargetStatus.FAILED else None
