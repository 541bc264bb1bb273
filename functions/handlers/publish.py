"""publish: the table's stream -> events on the engine's bus, messages of SNS triggers, answers to pipelines, metrics.

The stream is the outbox: what is announced is what was written, in order for each deployment. The bus comes first, for
all records; the first record that it did not take is reported, and Lambda hands out that one and all after it again,
so a repeat may be announced twice and nothing is left out. A record that can never be read is set aside. What SNS does
not take goes to a queue that `trigger` empties: an SNS that is down delays its own messages only.
"""

import json
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions import telemetry
from functions.aws import events, sns, sqs
from functions.core.messages import measures
from functions.core.records import Deployment
from functions.core.text.shapes import to_plain
from functions.engine import pipeline
from functions.engine.ending import announce
from functions.settings import settings
from functions.store import stream
from functions.telemetry import logger

_FIRST_RETRY_SECONDS = 30  # of a message that SNS did not take


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, list[dict[str, str]]]:
    """Answers with the first record that must come again, if any (ReportBatchItemFailures)."""
    told, late = announce.read(event)
    taken = events.put(settings().bus_name, [(each.announcement.event, each.moment) for each in told])
    messages = [message for each in told[:taken] for message in each.announcement.messages]
    if left := sns.publish(messages):
        logger.warning("SNS did not accept messages: they wait in the queue", count=len(left), of=len(messages))
        bodies = [json.dumps(to_plain(message)) for message in left]
        sqs.send(settings().trigger_queue_url, bodies, delay_seconds=_FIRST_RETRY_SECONDS)
    for each in told[:taken]:
        if each.deployment:
            pipeline.tell(each.deployment)
            _count(each.deployment)
    return stream.come_again(told[taken].sequence_number if taken < len(told) else late)


def _count(deployment: Deployment) -> None:
    """Only a group that exists has metrics of its own: names out of an upload's key could be any number."""
    group = {"application": deployment.application, "group": deployment.group} if deployment.group_id else {}
    if counted := measures.of_deployment(deployment):
        telemetry.count(counted, **group)
    if group and (left := measures.at_end(deployment)):
        telemetry.gauge(left, **group)
