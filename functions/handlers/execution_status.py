"""execution_status: an execution failed, timed out or was aborted by hand; its deployment ends all the same.

Called by EventBridge. Every target gets a terminal status, the lock is freed, what still runs on hosts is cancelled.
"""

from typing import Any

from functions.aws import ending, stopping
from functions.core.engine_errors import EngineError
from functions.telemetry import logger


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: Any) -> None:
    detail = event["detail"]
    deployment_id, told = detail["name"], f"The execution of the deployment ended {detail['status']}."
    if detail.get("error"):
        logger.error("the execution failed", deployment_id=deployment_id, error=detail)
        error = EngineError(name=detail["error"], text=detail.get("cause") or "")
        told = f"{told} {error.told(deployment_id)}"
    running = stopping.running_commands(deployment_id)  # read first: the end gives every target a terminal status
    ending.end(deployment_id, told)
    stopping.cancel(running)
