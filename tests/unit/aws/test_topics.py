"""SNS: what it did not take is known, and one bad topic holds up no other."""

import json
from typing import Any

import boto3
import pytest

from functions.aws import topics
from functions.core.announcements import TriggerMessage


def message(topic_arn: str, text: str) -> TriggerMessage:
    return TriggerMessage(topic_arn=topic_arn, subject="s", message=text)


@pytest.fixture
def topic(aws: None) -> str:
    return str(boto3.client("sns").create_topic(Name="ops")["TopicArn"])


@pytest.fixture
def inbox(topic: str) -> Any:
    """Reads what subscribers of the topic got, as (subject, message)."""
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName="inbox")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    boto3.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)

    def read() -> list[tuple[str, str]]:
        found = []
        while batch := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for each in batch:
                body = json.loads(each["Body"])
                found.append((body["Subject"], body["Message"]))
                sqs.delete_message(QueueUrl=url, ReceiptHandle=each["ReceiptHandle"])
        return found

    return read


def test_messages_of_any_number_and_size_arrive(topic: str, inbox: Any) -> None:
    texts = [str(number) for number in range(23)] + ["a" * 150_000, "b" * 150_000]
    assert topics.publish([message(topic, text) for text in texts]) == []
    assert sorted(inbox()) == sorted(("s", text) for text in texts)


def test_a_topic_that_is_gone_returns_its_messages_and_the_others_arrive(topic: str, inbox: Any) -> None:
    gone = "arn:aws:sns:us-east-1:123456789012:gone"
    lost = [message(gone, str(number)) for number in range(12)]
    assert topics.publish([*lost, message(topic, "good")]) == lost
    assert inbox() == [("s", "good")]
