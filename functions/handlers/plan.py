"""plan: PlanDeployment of the control API, how a deployment would go. It is a function of its own, because it reads
revisions, load balancers and alarms, as Prepare does, and may write nothing.

IAM has let the caller in before this is called. A second call plans again, by what is there then.
"""

from typing import Any

from functions.api import protocol
from functions.core.planning.shapes import OPERATION
from functions.telemetry import logger


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return protocol.answer(event, context.aws_request_id, [OPERATION])
