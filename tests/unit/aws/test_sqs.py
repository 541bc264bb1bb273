"""SQS: what comes back, and when."""

import io

from functions.aws import sqs as aws_sqs
from functions.aws.clients import client
from functions.aws.sqs import Received


def test_messages_come_back_after_their_own_time(services: None) -> None:
    sqs = client("sqs")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    aws_sqs.send(url, [str(number) for number in range(12)], delay_seconds=0)
    received = []
    while batch := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        received += [
            Received(message_id=m["MessageId"], receipt_handle=m["ReceiptHandle"], receives=1, body=m["Body"])
            for m in batch
        ]
    answer = aws_sqs.retry_later(url, received, lambda each: 0 if each.body == "11" else 100_000)
    assert [each["itemIdentifier"] for each in answer["batchItemFailures"]] == [each.message_id for each in received]
    assert [m["Body"] for m in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]] == ["11"]


def test_a_queue_that_does_not_answer_still_gets_its_messages_back(services: None, logged: io.StringIO) -> None:
    lost = Received(message_id="m", receipt_handle="r", receives=1, body="")
    gone = "https://sqs.us-east-1.amazonaws.com/123456789012/gone"
    assert aws_sqs.retry_later(gone, [lost]) == {"batchItemFailures": [{"itemIdentifier": "m"}]}
    assert "visibility timeout" in logged.getvalue()
