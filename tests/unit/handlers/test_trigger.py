"""trigger: messages that SNS did not take, tried again."""

from typing import Any

import pytest

from functions.aws import sqs
from functions.aws.clients import client
from functions.handlers import trigger
from tests.conftest import LambdaContext
from tests.unit.inbox import Inbox
from tests.unit.news import queued


def body(topic_arn: str) -> dict[str, str]:
    return {"topic_arn": topic_arn, "subject": "s", "message": "m"}


def test_what_sns_takes_is_gone_and_the_rest_comes_back_later(
    services: None, context: LambdaContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = client("sns").create_topic(Name="ops")["TopicArn"]
    inbox, queue = Inbox("inbox"), Inbox("triggers")
    inbox.listen_to_topic(topic)
    monkeypatch.setenv("TRIGGER_QUEUE_URL", queue.url)
    event = queued(body(topic), body("arn:aws:sns:us-east-1:123456789012:gone"))
    answer: dict[str, Any] = trigger.handler(event, context)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m-2"}]}
    assert [each["Message"] for each in inbox.read()] == ["m"]


def test_what_is_no_message_is_set_aside_and_the_rest_is_published(
    services: None, context: LambdaContext, undelivered: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = client("sns").create_topic(Name="ops")["TopicArn"]
    inbox = Inbox("inbox")
    inbox.listen_to_topic(topic)
    monkeypatch.setenv("TRIGGER_QUEUE_URL", Inbox("triggers").url)
    answer = trigger.handler(queued("no JSON", {"subject": "s"}, body(topic)), context)
    assert answer == {"batchItemFailures": []}
    assert [each["Message"] for each in inbox.read()] == ["m"] and len(undelivered.read()) == 2


@pytest.mark.parametrize(("receives", "seconds"), [(1, 5), (2, 10), (5, 80), (8, 640), (9, 900), (1000, 900)])
def test_a_message_rests_longer_each_time(receives: int, seconds: int) -> None:
    (message,) = sqs.received(queued("", receives=receives))
    assert sqs.back_off_seconds(message) == seconds
