"""api: the control API, CodeDeploy's own protocol; each operation is a route of API Gateway, `POST /<Operation>`.

IAM has let the caller in before this is called. A second call is as harmless as CodeDeploy's own: reads read, and what
creates or stops says so by CodeDeploy's exceptions. `plan` answers the one operation that is not in here.
"""

from typing import Any

from functions.api import model, protocol
from functions.core.planning.shapes import OPERATION
from functions.telemetry import logger


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return protocol.answer(event, context.aws_request_id, [each for each in model.operations() if each != OPERATION])
