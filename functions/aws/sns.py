"""SNS topics of triggers."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from functions.aws.clients import client
from functions.core.limits import SNS_BYTES
from functions.core.messages.announcements import TriggerMessage
from functions.core.statuses import TriggerFormat
from functions.telemetry import logger

_ENTRIES = 10  # of one PublishBatch call
_MAX_BYTES = SNS_BYTES - 16 * 1024  # of the messages of one PublishBatch call, beside subjects and names


def publish(messages: Sequence[TriggerMessage]) -> list[TriggerMessage]:
    """Publish messages, in order for each topic; returns the ones that SNS did not take.

    A topic that refuses is not asked again in this call, and none is when SNS cannot be reached: waiting for it must
    not use up the function's time.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    left: list[TriggerMessage] = []
    reachable = True
    ordered = sorted(messages, key=lambda each: each.topic_arn)
    for topic_arn, group in groupby(ordered, key=lambda each: each.topic_arn):
        batches = _batches(list(group))
        while batches and reachable:
            try:
                left += _publish(topic_arn, batches[0])
            except ClientError as error:
                logger.warning("SNS refused messages", topic=topic_arn, error=error.response["Error"]["Code"])
                break
            except BotoCoreError as error:
                logger.warning("SNS cannot be reached", error=str(error))
                reachable = False
                break
            batches.pop(0)
        left += [each for batch in batches for each in batch]
    return left


def _publish(topic_arn: str, batch: Sequence[TriggerMessage]) -> list[TriggerMessage]:
    entries = [
        {"Id": str(index), "Subject": each.subject, "Message": each.message, **_attributes(each)}
        for index, each in enumerate(batch)
    ]
    answer = client("sns").publish_batch(TopicArn=topic_arn, PublishBatchRequestEntries=entries)
    return [batch[int(refused["Id"])] for refused in answer.get("Failed", [])]


def _attributes(message: TriggerMessage) -> dict[str, Any]:
    """By which subscriptions of one topic can choose (a filter policy); none for messages in CodeDeploy's form."""
    if message.format is TriggerFormat.CODEDEPLOY:
        return {}
    return {"MessageAttributes": {"format": {"DataType": "String", "StringValue": message.format.value}}}


def _batches(messages: Sequence[TriggerMessage]) -> list[list[TriggerMessage]]:
    """Messages in lists that one PublishBatch call takes."""
    batches: list[list[TriggerMessage]] = []
    room = 0
    for each in messages:
        size = len(each.message.encode())
        if not batches or len(batches[-1]) == _ENTRIES or size > room:
            batches.append([])
            room = _MAX_BYTES
        batches[-1].append(each)
        room -= size
    return batches
