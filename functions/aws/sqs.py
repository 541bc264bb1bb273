"""SQS: what a function received, what comes back later, and when."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from functions.aws import aside
from functions.aws.clients import client
from functions.core.limits import batches
from functions.telemetry import logger

_ENTRIES = 10  # of one batch call
_MAX_SECONDS = 11 * 3600  # SQS allows 12 hours, counted from when the message was received


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A message that SQS handed to the function."""

    message_id: str
    receipt_handle: str
    receives: int  # how often it was handed out, this time included
    body: str


def received(event: dict[str, Any]) -> list[Received]:
    """The messages of a function's SQS event."""
    return [
        Received(
            message_id=record["messageId"],
            receipt_handle=record["receiptHandle"],
            receives=int(record["attributes"]["ApproximateReceiveCount"]),
            body=record["body"],
        )
        for record in event["Records"]
    ]


def each(event: dict[str, Any], act: Callable[[Received], None]) -> list[Received]:
    """Act on every message of a function's SQS event; those that come back, because they may pass later.

    A message that can never be read or acted on is set aside.
    """
    late = []
    for message in received(event):
        try:
            act(message)
        except Exception as error:  # of one message, which must not take the others with it
            if not (aside.is_hopeless(error) and _set_aside(message, error)):
                logger.exception("a message has to come again", message_id=message.message_id)
                late.append(message)
    return late


def _set_aside(message: Received, error: Exception) -> bool:
    """False when SQS does not take it now."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        aside.put({"message_id": message.message_id, "body": message.body}, error)
    except (BotoCoreError, ClientError):
        logger.exception("a message could not be set aside", message_id=message.message_id)
        return False
    return True


def back_off_seconds(message: Received) -> int:
    """How long a message that failed rests: 5 s, then twice as long each time, up to 15 min."""
    return int(min(5 * 2 ** min(message.receives - 1, 8), 900))


def send(queue_url: str, bodies: Sequence[str], *, delay_seconds: int) -> None:
    """Send messages that appear after a delay. Raises when the queue refuses one."""
    for body in bodies:
        client("sqs").send_message(QueueUrl=queue_url, MessageBody=body, DelaySeconds=delay_seconds)


def retry_later(
    queue_url: str, messages: Sequence[Received], seconds: Callable[[Received], int] = back_off_seconds
) -> dict[str, list[dict[str, str]]]:
    """The function's answer (ReportBatchItemFailures) that returns `messages` to the queue for some seconds each.

    A message whose time cannot be set comes back after the queue's own visibility timeout.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        _rest(queue_url, messages, seconds)
    except (BotoCoreError, ClientError) as error:
        logger.warning("messages keep the queue's visibility timeout", error=str(error))
    return {"batchItemFailures": [{"itemIdentifier": each.message_id} for each in messages]}


def _rest(queue_url: str, messages: Sequence[Received], seconds: Callable[[Received], int]) -> None:
    for some in batches(messages, _ENTRIES):
        client("sqs").change_message_visibility_batch(
            QueueUrl=queue_url,
            Entries=[
                {
                    "Id": str(index),
                    "ReceiptHandle": each.receipt_handle,
                    "VisibilityTimeout": max(0, min(seconds(each), _MAX_SECONDS)),
                }
                for index, each in enumerate(some)
            ],
        )
