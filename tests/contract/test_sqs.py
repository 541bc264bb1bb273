"""SQS's stand-in: what is taken, deleted, and comes back."""

import pytest

from functions.aws import sqs as aws_sqs
from functions.aws.clients import client
from functions.aws.sqs import Received
from tests.contract.conftest import code

pytestmark = pytest.mark.usefixtures("account")


def queue() -> str:
    return str(client("sqs").create_queue(QueueName="q")["QueueUrl"])


def receive(url: str) -> list[Received]:
    found: list[Received] = []
    while batch := client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        found += [
            Received(message_id=m["MessageId"], receipt_handle=m["ReceiptHandle"], receives=1, body=m["Body"])
            for m in batch
        ]
    return found


def test_a_message_is_there_until_it_is_deleted() -> None:
    url = queue()
    aws_sqs.send(url, [str(number) for number in range(12)], delay_seconds=0)
    received = receive(url)
    assert sorted(int(each.body) for each in received) == list(range(12)) and receive(url) == []
    assert len({each.message_id for each in received}) == len({each.receipt_handle for each in received}) == 12
    client("sqs").delete_message(QueueUrl=url, ReceiptHandle=received[0].receipt_handle)
    aws_sqs.retry_later(url, received[1:], lambda each: 0)
    assert {each.body for each in receive(url)} == {each.body for each in received[1:]}


def test_a_queue_that_is_not_there_is_refused() -> None:
    gone = f"{queue()}-gone"
    for call, more in (
        (client("sqs").send_message, {"MessageBody": "m"}),
        (client("sqs").receive_message, {}),
        (client("sqs").get_queue_attributes, {"AttributeNames": ["QueueArn"]}),
    ):
        assert code(call, QueueUrl=gone, **more) == "AWS.SimpleQueueService.NonExistentQueue"


def test_a_queue_has_one_address_and_one_name() -> None:
    assert queue() == queue()
    attributes = client("sqs").get_queue_attributes(QueueUrl=queue(), AttributeNames=["QueueArn"])["Attributes"]
    assert attributes == {"QueueArn": "arn:aws:sqs:us-east-1:123456789012:q"}


def test_an_unknown_receipt_takes_no_other_with_it() -> None:
    url = queue()
    aws_sqs.send(url, ["m"], delay_seconds=0)
    (received,) = receive(url)
    entries = [
        {"Id": str(number), "ReceiptHandle": each, "VisibilityTimeout": 0}
        for number, each in enumerate(("unknown", received.receipt_handle))
    ]
    answer = client("sqs").change_message_visibility_batch(QueueUrl=url, Entries=entries)
    assert [(each["Id"], each["Code"]) for each in answer["Failed"]] == [("0", "ReceiptHandleIsInvalid")]
    assert [each["Id"] for each in answer["Successful"]] == ["1"] and len(receive(url)) == 1
