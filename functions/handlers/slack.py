"""slack: the queue of the engine's deployment events -> Slack, one message for each outcome or a digest of many.

A message of the queue is gone only when Slack has taken it; otherwise it comes back, later each time, or when Slack
asks for it (429). A repeat may be posted twice.
"""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.aws import sqs
from functions.aws.slack import Answer, Delivery, webhook
from functions.core.messages import slack
from functions.core.messages.slack import Outcome, Post
from functions.engine.ending.outcomes import outcome_of
from functions.settings import settings
from functions.telemetry import logger


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, list[dict[str, str]]]:
    """Answers with the messages that come back (ReportBatchItemFailures)."""
    read: dict[str, tuple[sqs.Received, Outcome]] = {}
    late = sqs.each(event, lambda each: read.update({each.message_id: (each, outcome_of(each))}))
    outcomes = [outcome for _, outcome in read.values()]
    posts = slack.posts(outcomes)
    waits: dict[str, int | None] = dict.fromkeys(read)  # seconds; None: the usual back-off
    for number, post in enumerate(posts):
        delivery = _deliver(post)
        if delivery.answer in (Answer.POSTED, Answer.NOWHERE):
            for message_id in post.message_ids:
                del waits[message_id]
            continue
        logger.warning("Slack did not accept a message", reason=delivery.reason, deployments=_ids(outcomes, post))
        if delivery.answer is Answer.DOWN:  # nothing else would pass
            waits |= {message_id: delivery.retry_after for rest in posts[number:] for message_id in rest.message_ids}
            break
    late += [each for each, _ in read.values() if each.message_id in waits]
    return sqs.retry_later(
        settings().slack_queue_url, late, lambda each: waits.get(each.message_id) or sqs.back_off_seconds(each)
    )


def _deliver(post: Post) -> Delivery:
    delivery = webhook().post(post.channel, post.payload)
    if delivery.answer is Answer.REFUSED and delivery.reason == "400":  # better plain news than none
        delivery = webhook().post(post.channel, slack.plain(post.payload))
    if delivery.answer is Answer.NOWHERE:
        logger.info("no Slack webhook is set: a message is dropped", channel=post.channel)
    return delivery


def _ids(outcomes: list[Outcome], post: Post) -> list[str]:
    return sorted(each.deployment.deployment_id for each in outcomes if each.message_id in post.message_ids)
