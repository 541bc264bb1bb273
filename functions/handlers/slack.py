"""slack: the queue of the engine's deployment events -> Slack or Microsoft Teams: by a webhook one message for each
outcome or a digest of many, by a bot of Slack one message for each deployment, which is edited in place.

A message of the queue is gone only when the chat has taken what it tells; otherwise it comes back, later each time, or
when the chat asks for it (429). A webhook may get a repeat twice; a bot's message is edited.
"""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.aws import sqs
from functions.core.chat.outcomes import Outcome
from functions.engine.chat import telling
from functions.engine.chat.telling import Look
from functions.settings import settings
from functions.telemetry import logger


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, list[dict[str, str]]]:
    """Answers with the messages that come back (ReportBatchItemFailures)."""
    read: dict[str, tuple[sqs.Received, Outcome | Look]] = {}
    late = sqs.each(event, lambda each: read.update({each.message_id: (each, telling.read(each))}))
    waits = telling.tell([message for _, message in read.values()])
    late += [each for each, _ in read.values() if each.message_id in waits]
    return sqs.retry_later(
        settings().slack_queue_url, late, lambda each: waits.get(each.message_id) or sqs.back_off_seconds(each)
    )
