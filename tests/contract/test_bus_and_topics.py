"""EventBridge's and SNS's stand-ins: who listens hears everything as it was told."""

from datetime import UTC, datetime

import pytest

from functions.aws import events, sns
from functions.aws.clients import client
from functions.core.messages.announcements import BusEvent, TriggerMessage
from tests.contract.conftest import code
from tests.unit.inbox import Inbox

pytestmark = pytest.mark.usefixtures("account")
MOMENT = datetime(2026, 11, 23, tzinfo=UTC)


def test_a_bus_hands_on_what_its_rules_want() -> None:
    client("events").create_event_bus(Name="engine")
    inbox, other = Inbox("heard"), Inbox("other")
    inbox.listen_to_bus("engine")
    told = BusEvent(detail_type="t", resources=("arn:r",), detail={"n": "1"})
    assert events.put("engine", [(told, MOMENT)] * 12) == 12
    strange = {"EventBusName": "engine", "Source": "other", "DetailType": "t", "Detail": "{}", "Time": MOMENT}
    client("events").put_events(Entries=[{**strange, "Resources": []}])
    heard = inbox.read()
    assert len(heard) == 12 and other.read() == []
    wanted = {"source": "stepdeploy", "detail-type": "t", "resources": ["arn:r"], "detail": {"n": "1"}}
    assert {name: heard[0][name] for name in wanted} == wanted and heard[0]["time"] == "2026-11-23T00:00:00Z"


def test_a_topic_hands_on_its_messages_with_their_subjects() -> None:
    topic = client("sns").create_topic(Name="ops")["TopicArn"]
    assert topic == "arn:aws:sns:us-east-1:123456789012:ops"
    inbox = Inbox("inbox")
    inbox.listen_to_topic(topic)
    messages = [TriggerMessage(topic_arn=topic, subject=f"s{number}", message=f"m{number}") for number in range(12)]
    assert sns.publish(messages) == []
    heard = inbox.read()
    assert sorted((each["Subject"], each["Message"]) for each in heard) == sorted(
        (m.subject, m.message) for m in messages
    )
    assert {each["TopicArn"] for each in heard} == {topic}


def test_a_topic_that_is_not_there_is_refused() -> None:
    entries = [{"Id": "0", "Subject": "s", "Message": "m"}]
    gone = "arn:aws:sns:us-east-1:123456789012:gone"
    assert code(client("sns").publish_batch, TopicArn=gone, PublishBatchRequestEntries=entries) == "NotFound"
