"""A queue where a test reads what left the engine."""

import json
from typing import Any

from functions.aws.clients import client


class Inbox:
    """A new queue that can listen to a bus or a topic."""

    def __init__(self, name: str) -> None:
        self._sqs = client("sqs")
        self.url = self._sqs.create_queue(QueueName=name)["QueueUrl"]
        answer = self._sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["QueueArn"])
        self.arn = answer["Attributes"]["QueueArn"]

    def listen_to_topic(self, topic_arn: str) -> None:
        client("sns").subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=self.arn)

    def listen_to_bus(self, bus_name: str) -> None:
        events = client("events")
        pattern = json.dumps({"source": ["stepdeploy"]})
        events.put_rule(Name="all", EventBusName=bus_name, EventPattern=pattern)
        events.put_targets(Rule="all", EventBusName=bus_name, Targets=[{"Id": "1", "Arn": self.arn}])

    def read(self) -> list[Any]:
        """The messages that are there, each once."""
        found = []
        while batch := self._sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10).get("Messages"):
            for each in batch:
                found.append(json.loads(each["Body"]))
                self._sqs.delete_message(QueueUrl=self.url, ReceiptHandle=each["ReceiptHandle"])
        return found
