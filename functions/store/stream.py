"""The table's stream: which deployments and targets changed their status."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from functions.aws import aside
from functions.core.records import Deployment, Target
from functions.core.text.shapes import from_plain
from functions.store.table.values import Item
from functions.store.table.wire import from_wire
from functions.telemetry import logger


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A stream record of a deployment or target whose status changed (a new one had none)."""

    sequence_number: str
    stream_arn: str
    moment: datetime
    item: Item  # as it became

    @property
    def is_deployment(self) -> bool:
        return bool(self.item["sk"] == "DEPLOYMENT")

    def deployment(self) -> Deployment:
        """Raises KeyError or ValueError when the item is no deployment that this version knows."""
        return from_plain(Deployment, self.item)

    def target(self) -> Target:
        """Raises KeyError or ValueError when the item is no target that this version knows."""
        return from_plain(Target, self.item)


def each(event: dict[str, Any], act: Callable[[Change], None], *, attribute: str = "status") -> str | None:
    """Act on every change of status, or of another attribute, in a function's DynamoDB stream event, in order.

    A record that can never be read or acted on is set aside. Answers with the sequence number of the first one that may
    pass later, after which nothing was done; None when all are done.
    """
    for record in event["Records"]:
        number = str(record["dynamodb"]["SequenceNumber"])
        try:
            if change := _change(record, attribute):
                act(change)
        except Exception as error:
            if not (aside.is_hopeless(error) and _set_aside(record, error)):
                logger.exception("a record has to come again", sequence_number=number)
                return number
    return None


def come_again(sequence_number: str | None) -> dict[str, list[dict[str, str]]]:
    """The function's answer (ReportBatchItemFailures): Lambda hands out that record and all after it again."""
    return {"batchItemFailures": [{"itemIdentifier": sequence_number}] if sequence_number else []}


def _change(record: dict[str, Any], attribute: str) -> Change | None:
    images = record["dynamodb"]
    before, after = images.get("OldImage", {}), from_wire(images.get("NewImage", {}))
    is_ours = str(after.get("pk", "")).startswith("DEPLOYMENT#") and "status" in after
    if not is_ours or images["NewImage"].get(attribute) == before.get(attribute):
        return None
    return Change(
        sequence_number=images["SequenceNumber"],
        stream_arn=record["eventSourceARN"],
        moment=datetime.fromtimestamp(images["ApproximateCreationDateTime"], UTC),
        item=after,
    )


def _set_aside(record: dict[str, Any], error: Exception) -> bool:
    """Only its keys are told: an image may hold the token of a waiting state. False when SQS does not take it now."""
    from botocore.exceptions import BotoCoreError, ClientError

    images = record["dynamodb"]
    keys = images.get("Keys") or {name: images.get("NewImage", {}).get(name) for name in ("pk", "sk")}
    try:
        aside.put({"sequence_number": str(images["SequenceNumber"]), "keys": json.dumps(keys)}, error)
    except (BotoCoreError, ClientError):
        logger.exception("a record could not be set aside")
        return False
    return True
