"""trigger: the queue of trigger messages that SNS did not take -> SNS, again.

A message that SNS refuses again rests longer each time; one that it never takes (a topic that is gone, a missing
permission) ends in the dead-letter queue, and so does at once what is no message. A repeat may publish twice.
"""

import json
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.aws import sns, sqs
from functions.core.messages.announcements import TriggerMessage
from functions.core.text.shapes import from_plain
from functions.settings import settings
from functions.telemetry import logger


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, list[dict[str, str]]]:
    """Answers with the messages that come back (ReportBatchItemFailures)."""
    messages: list[tuple[sqs.Received, TriggerMessage]] = []
    late = sqs.each(event, lambda each: messages.append((each, from_plain(TriggerMessage, json.loads(each.body)))))
    left = sns.publish([message for _, message in messages])
    if left:
        logger.warning("SNS did not accept messages", count=len(left), topics=sorted({each.topic_arn for each in left}))
    late += [each for each, message in messages if message in left]
    return sqs.retry_later(settings().trigger_queue_url, late)
