"""The table's stream: which deployments and targets changed their status."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from functions.aws.items import Item, from_wire
from functions.core.records import Deployment, Target
from functions.core.shapes import from_plain


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


def changes(event: dict[str, Any]) -> Iterator[Change]:
    """The changes of status in a function's DynamoDB stream event, in order."""
    for record in event["Records"]:
        images = record["dynamodb"]
        before, after = from_wire(images.get("OldImage", {})), from_wire(images.get("NewImage", {}))
        is_ours = str(after.get("pk", "")).startswith("DEPLOYMENT#") and "status" in after
        if is_ours and after["status"] != before.get("status"):
            yield Change(
                sequence_number=images["SequenceNumber"],
                stream_arn=record["eventSourceARN"],
                moment=datetime.fromtimestamp(images["ApproximateCreationDateTime"], UTC),
                item=after,
            )
