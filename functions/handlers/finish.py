"""Finish: the last state. Decides from the records how the deployment ended, and ends it.

Called by the deployment's workflow, also after an error. A second call finds it ended.
"""

from typing import Any

from functions.aws import weather
from functions.core.messages.engine_errors import EngineError
from functions.engine import pipeline
from functions.engine.auto_scaling import scaling
from functions.engine.ending import end
from functions.store.records import deployments
from functions.telemetry import logger


@logger.inject_lambda_context(clear_state=True)
@weather.not_a_failure
def handler(event: dict[str, Any], context: Any) -> dict[str, str | None]:
    deployment_id, error, told = event["deployment_id"], event.get("error"), None
    if error:
        logger.error("the execution failed", deployment_id=deployment_id, error=error)
        told = EngineError.of_state(error).told(deployment_id)
    status = end.end(deployment_id, told)
    scaling.follow(deployment_id)
    if found := deployments.get(deployment_id):
        pipeline.tell(found)
    return {"deployment_id": deployment_id, "status": status}
