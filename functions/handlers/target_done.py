"""TargetDone: the last state of a target. Gives it its terminal status and moves the deployment's counters.

Called by the target's workflow, also after an error of the engine. A second call finds the target ended.
"""

from typing import Any

from functions.aws import clock, ssm
from functions.core.errors import Conflict
from functions.core.messages.engine_errors import EngineError
from functions.core.statuses import TargetStatus
from functions.engine.end import engine_failure
from functions.store import targets
from functions.telemetry import logger


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: Any) -> dict[str, str]:
    deployment_id, target_id = event["deployment_id"], event["target_id"]
    logger.append_keys(deployment_id=deployment_id, target_id=target_id)
    target = targets.get(deployment_id, target_id)
    if target is None:
        raise LookupError(f"no record of target {target_id} in {deployment_id}")
    if target.status.is_final:
        return {"status": target.status}
    # What the host has done is what counts, also when the engine stumbled on the way to saying so.
    on_record = next((run.status for run in target.segments.values() if run.status), None)
    error = None if on_record else event.get("error")
    status = on_record or (TargetStatus.FAILED if error else TargetStatus(event["segment_result"]["status"]))
    failure = None
    if error:
        logger.error("the target's workflow failed", error=error)
        failure = engine_failure(EngineError.of_state(error).told(deployment_id))
        for run in target.segments.values():
            if run.command_id and run.status is None:
                ssm.cancel(run.command_id, target_id)
    if not targets.finish(target, status, clock.timestamp(), failure):
        ended = targets.get(deployment_id, target_id)
        if ended is None or not ended.status.is_final:  # let go between our read and our write: decide again
            raise Conflict(f"target {target_id} of {deployment_id} changed while it was ended")
    return {"status": status}
