"""SNS: topics that hand their messages on to queues."""

import json
from collections.abc import Sequence
from typing import Any

from tests.fakes.service import Service
from tests.fakes.sqs import FakeSqs


class FakeSns(Service):
    name = "sns"

    def __init__(self, sqs: FakeSqs) -> None:
        super().__init__()
        self._sqs = sqs
        self._listeners: dict[str, list[str]] = {}  # queues' ARNs by topics'

    def on_create_topic(self, *, Name: str) -> dict[str, Any]:
        arn = f"arn:aws:sns:us-east-1:123456789012:{Name}"
        self._listeners.setdefault(arn, [])
        return {"TopicArn": arn}

    def on_subscribe(self, *, TopicArn: str, Protocol: str, Endpoint: str) -> dict[str, Any]:
        assert Protocol == "sqs"
        self._listeners[TopicArn].append(Endpoint)
        return {"SubscriptionArn": f"{TopicArn}:{len(self._listeners[TopicArn])}"}

    def on_publish_batch(self, *, TopicArn: str, PublishBatchRequestEntries: Sequence[Any]) -> dict[str, Any]:
        if TopicArn not in self._listeners:
            raise self.refuse("NotFound", "PublishBatch", "Topic does not exist")
        for entry in PublishBatchRequestEntries:
            told = {"Type": "Notification", "TopicArn": TopicArn, "Subject": entry["Subject"]}
            for queue in self._listeners[TopicArn]:
                attributes = {
                    name: {"Type": each["DataType"], "Value": each["StringValue"]}
                    for name, each in entry.get("MessageAttributes", {}).items()
                }
                more = {"MessageAttributes": attributes} if attributes else {}
                self._sqs.deliver(queue, json.dumps({**told, "Message": entry["Message"], **more}))
        return {"Successful": [{"Id": each["Id"], "MessageId": each["Id"]} for each in PublishBatchRequestEntries]}
