"""SNS: what it did not take is known, and one bad topic holds up no other."""

from dataclasses import replace

import pytest
from botocore.exceptions import EndpointConnectionError

from functions.aws import sns
from functions.aws.clients import client
from functions.core.messages.announcements import TriggerMessage
from functions.core.statuses import TriggerFormat
from functions.core.text.shapes import from_plain
from tests.conftest import stand_in
from tests.unit.inbox import Inbox


def message(topic_arn: str, text: str) -> TriggerMessage:
    return TriggerMessage(topic_arn=topic_arn, subject="s", message=text)


@pytest.fixture
def topic(services: None) -> str:
    return str(client("sns").create_topic(Name="ops")["TopicArn"])


@pytest.fixture
def inbox(topic: str) -> Inbox:
    inbox = Inbox("inbox")
    inbox.listen_to_topic(topic)
    return inbox


def heard(inbox: Inbox) -> list[tuple[str, str]]:
    return [(each["Subject"], each["Message"]) for each in inbox.read()]


def test_messages_of_any_number_and_size_arrive(topic: str, inbox: Inbox) -> None:
    texts = [str(number) for number in range(23)] + ["a" * 150_000, "b" * 150_000]
    assert sns.publish([message(topic, text) for text in texts]) == []
    assert sorted(heard(inbox)) == sorted(("s", text) for text in texts)


def test_only_what_is_for_amazon_q_says_so_in_an_attribute(topic: str, inbox: Inbox) -> None:
    """So subscriptions of one topic can choose; those of CodeDeploy's form get what they always got."""
    of_q = replace(message(topic, "q"), format=TriggerFormat.AMAZON_Q)
    assert sns.publish([message(topic, "codedeploy"), of_q]) == []
    told = {each["Message"]: each.get("MessageAttributes") for each in inbox.read()}
    assert told == {"codedeploy": None, "q": {"format": {"Type": "String", "Value": "AmazonQ"}}}


def test_a_message_that_an_older_engine_left_in_the_queue_is_of_codedeploys_form() -> None:
    left = {"topic_arn": "arn:aws:sns:us-east-1:123456789012:ops", "subject": "s", "message": "m"}
    assert from_plain(TriggerMessage, left).format is TriggerFormat.CODEDEPLOY


def test_a_topic_that_is_gone_returns_its_messages_and_the_others_arrive(topic: str, inbox: Inbox) -> None:
    gone = "arn:aws:sns:us-east-1:123456789012:gone"
    lost = [message(gone, str(number)) for number in range(12)]
    assert sns.publish([*lost, message(topic, "good")]) == lost
    assert heard(inbox) == [("s", "good")]


def test_an_sns_that_cannot_be_reached_is_asked_once(topic: str, inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    class Unreachable:
        asked = 0

        def publish_batch(self, **request: object) -> None:
            self.asked += 1
            raise EndpointConnectionError(endpoint_url="https://sns")

    unreachable = stand_in("sns", Unreachable())
    messages = [message(f"{topic}-{number}", "m") for number in range(3)]
    assert sns.publish(messages) == messages
    assert unreachable.asked == 1
