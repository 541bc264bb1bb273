"""execution_status: an execution failed, timed out or was aborted by hand; its deployment ends all the same.

Called by EventBridge. Every target gets a terminal status, the lock is freed, what still runs on hosts is cancelled.
"""

from typing import Any

from functions.aws import ending, stopping
from functions.telemetry import logger


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: Any) -> None:
    detail = event["detail"]
    words = f"The execution of the deployment ended {detail['status']}"
    if detail.get("error"):
        words += f": {detail['error']}: {detail.get('cause') or ''}"[:1000]
    deployment_id = detail["name"]
    running = stopping.running_commands(deployment_id)  # read first: the end gives every target a terminal status
    ending.end(deployment_id, f"{words}.")
    stopping.cancel(running)
