"""Finish: the last state. Decides from the records how the deployment ended, and ends it.

Called by the deployment's workflow, also after an error. A second call finds it ended.
"""

from typing import Any

from functions.aws import ending
from functions.telemetry import logger


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: Any) -> dict[str, str | None]:
    error = event.get("error")
    words = f"{error.get('Error', 'error')}: {error.get('Cause', '')}"[:1000] if error else None
    return {"deployment_id": event["deployment_id"], "status": ending.end(event["deployment_id"], words)}
