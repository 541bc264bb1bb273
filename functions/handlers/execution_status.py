"""execution_status: an execution failed, timed out or was aborted by hand; its deployment ends all the same.

Called by EventBridge. Every target gets a terminal status, the lock is freed, what still runs on hosts is cancelled.
"""

from typing import Any

from functions.aws import aside
from functions.aws.executions import Execution
from functions.engine.ending import stop
from functions.telemetry import logger


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: Any) -> None:
    said = aside.read(event, lambda: _read(event["detail"]))
    if said:
        stop.end(*said)


def _read(detail: dict[str, Any]) -> tuple[str, Execution]:
    ended = Execution(status=str(detail["status"]), error=detail.get("error"), cause=detail.get("cause"))
    return str(detail["name"]), ended
