"""SQS: queues whose messages are taken, deleted or come back."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from botocore.exceptions import ClientError

from tests.fakes.service import Service

_PLACE = "us-east-1:123456789012"
_GONE = "AWS.SimpleQueueService.NonExistentQueue"


@dataclass
class _Message:
    message_id: str
    body: str
    receipt: str | None = None  # of who has it


@dataclass
class _Queue:
    messages: list[_Message] = field(default_factory=list)


class FakeSqs(Service):
    name = "sqs"

    def __init__(self) -> None:
        super().__init__()
        self._queues: dict[str, _Queue] = {}
        self._numbers = count(1)

    def deliver(self, arn: str, body: str) -> None:
        """What another service sends to the queue."""
        self._add(_url(arn.rpartition(":")[2]), body)

    def on_create_queue(self, *, QueueName: str) -> dict[str, Any]:
        self._queues.setdefault(_url(QueueName), _Queue())
        return {"QueueUrl": _url(QueueName)}

    def on_get_queue_attributes(self, *, QueueUrl: str, AttributeNames: Sequence[str]) -> dict[str, Any]:
        self._queue(QueueUrl, "GetQueueAttributes")
        assert list(AttributeNames) == ["QueueArn"]
        return {"Attributes": {"QueueArn": f"arn:aws:sqs:{_PLACE}:{QueueUrl.rpartition('/')[2]}"}}

    def on_send_message(self, *, QueueUrl: str, MessageBody: str, DelaySeconds: int = 0) -> dict[str, Any]:
        return {"MessageId": self._add(QueueUrl, MessageBody).message_id}

    def on_receive_message(self, *, QueueUrl: str, MaxNumberOfMessages: int = 1) -> dict[str, Any]:
        waiting = [each for each in self._queue(QueueUrl, "ReceiveMessage").messages if not each.receipt]
        found = waiting[:MaxNumberOfMessages]
        for each in found:
            each.receipt = f"receipt-{next(self._numbers)}"
        told = [{"MessageId": each.message_id, "ReceiptHandle": each.receipt, "Body": each.body} for each in found]
        return {"Messages": told} if told else {}

    def on_delete_message(self, *, QueueUrl: str, ReceiptHandle: str) -> None:
        queue = self._queue(QueueUrl, "DeleteMessage")
        queue.messages = [each for each in queue.messages if each.receipt != ReceiptHandle]

    def on_change_message_visibility_batch(self, *, QueueUrl: str, Entries: Sequence[Any]) -> dict[str, Any]:
        taken = {each.receipt: each for each in self._queue(QueueUrl, "ChangeMessageVisibilityBatch").messages}
        known = [entry for entry in Entries if entry["ReceiptHandle"] in taken]
        for entry in known:
            if entry["VisibilityTimeout"] == 0:
                taken[entry["ReceiptHandle"]].receipt = None
        unknown = [entry for entry in Entries if entry not in known]
        refused = [{"Id": each["Id"], "SenderFault": True, "Code": "ReceiptHandleIsInvalid"} for each in unknown]
        return {"Successful": [{"Id": each["Id"]} for each in known], "Failed": refused}

    def _add(self, url: str, body: str) -> _Message:
        number = next(self._numbers)
        made = _Message(f"{number:08}-0000-0000-0000-000000000000", body)
        self._queue(url, "SendMessage").messages.append(made)
        return made

    def _queue(self, url: str, operation: str) -> _Queue:
        if url not in self._queues:
            raise ClientError({"Error": {"Code": _GONE, "Message": "The specified queue does not exist."}}, operation)
        return self._queues[url]


def _url(name: str) -> str:
    return f"https://sqs.us-east-1.amazonaws.com/123456789012/{name}"
