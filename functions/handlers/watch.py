"""watch: one turn of the chain that looks for all that a deployment waits for (functions/engine/running/watch.py).

Called by a queue, with the message that the turn before has sent. A message that comes twice, or of a chain whose place
another one has, ends itself.
"""

import json
from typing import Any

from functions.aws import sqs
from functions.engine.running import watch
from functions.settings import settings
from functions.telemetry import logger


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: Any) -> dict[str, list[dict[str, str]]]:
    """Answers with the messages that come back (ReportBatchItemFailures)."""
    return sqs.retry_later(settings().watch_queue_url, sqs.each(event, _tick))


def _tick(message: sqs.Received) -> None:
    told = json.loads(message.body)
    deployment_id, turn = str(told["deployment_id"]), int(told["turn"])
    logger.append_keys(deployment_id=deployment_id)
    watch.tick(deployment_id, turn)
