"""RunSegment: one segment of a target. Asks what comes next, sends the command once, keeps the token.

Called by the target's workflow with a task token, for each segment, and at any time twice: what is done already is
found in the record and not done again. The token is completed here only when the answer is known; otherwise
`command_status` completes it when SSM reports, or `watch`, which looks for what no event tells.

A target that has to wait for its moment to send waits with its token. `watch` then names it in a message, and the queue
calls this function with it.
"""

import json
from typing import Any

from functions.aws import sqs, weather
from functions.engine.running import segments, sends
from functions.settings import settings
from functions.telemetry import logger


@logger.inject_lambda_context(clear_state=True)
@weather.not_a_failure
def handler(event: dict[str, Any], context: Any) -> dict[str, Any] | None:
    if "Records" in event:
        late = sqs.each(event, lambda message: sends.send_each(json.loads(message.body)))
        return sqs.retry_later(settings().send_queue_url, late)
    segments.go_on(event["deployment_id"], event["target_id"], event["task_token"])
    return None
