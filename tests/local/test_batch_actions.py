"""IAM on batches of messages on the local cloud, beside the emulator without local/shims/batch_actions.py."""

from collections.abc import Callable
from typing import Any

import pytest

from local.shims.batch_actions import SAME_AS
from tests.local.emulator import Account, refusal

Batch = Callable[[Account, Callable[[str, str], Any]], str]
each_batch = pytest.mark.parametrize("batch", SAME_AS)


def published(account: Account, action: str) -> str:
    """The refusal of a batch for a topic to a user who may do an action on the topic; "" when it is not refused."""
    sns = account.client("sns")
    topic = sns.create_topic(Name=account.name())["TopicArn"]
    account.at_end(sns.delete_topic, TopicArn=topic)
    user = account.caller("sns", may=action, on=topic)
    entries = [{"Id": "one", "Message": "m"}]
    return refusal(user.publish_batch, TopicArn=topic, PublishBatchRequestEntries=entries)


def queued(account: Account, batch: str, action: str) -> str:
    """The same for a queue."""
    sqs, queue = account.client("sqs"), account.queue()
    sqs.send_message(QueueUrl=queue.url, MessageBody="m")
    (message,) = sqs.receive_message(QueueUrl=queue.url)["Messages"]
    received = {"Id": "one", "ReceiptHandle": message["ReceiptHandle"]}
    user = account.caller("sqs", may=action, on=queue.arn)
    call, entry = {
        "sqs:SendMessageBatch": (user.send_message_batch, {"Id": "one", "MessageBody": "m"}),
        "sqs:DeleteMessageBatch": (user.delete_message_batch, received),
        "sqs:ChangeMessageVisibilityBatch": (
            user.change_message_visibility_batch,
            {**received, "VisibilityTimeout": 1},
        ),
    }[batch]
    return refusal(call, QueueUrl=queue.url, Entries=[entry])


def added(account: Account, action: str) -> str:
    """The same for a table."""
    table = account.table()
    user = account.caller("dynamodb", may=action, on=table["TableArn"])
    statement = {"Statement": f"INSERT INTO \"{table['TableName']}\" VALUE {{'pk': ?}}", "Parameters": [{"S": "a"}]}
    return refusal(user.batch_execute_statement, Statements=[statement])


def refused(account: Account, batch: str, action: str) -> bool:
    """Whether a batch is refused to a user who may do an action, and nothing else."""
    match batch.partition(":")[0]:
        case "sns":
            code = published(account, action)
        case "sqs":
            code = queued(account, batch, action)
        case _:
            code = added(account, action)
    assert code in ("", "AccessDenied", "AccessDeniedException", "AuthorizationError"), code
    return code != ""


@each_batch
def test_who_may_do_it_to_one_message_may_do_it_to_a_batch(cloud: Account, batch: str) -> None:
    assert not refused(cloud, batch, SAME_AS[batch])


@each_batch
def test_who_may_do_something_else_may_not_do_it_to_a_batch(cloud: Account, batch: str) -> None:
    assert refused(cloud, batch, f"{batch.partition(':')[0]}:List*")


@each_batch
def test_the_emulator_still_asks_for_an_action_of_the_batch(bare: Account, batch: str) -> None:
    assert refused(bare, batch, SAME_AS[batch])
    if batch != "dynamodb:BatchExecuteStatement":  # of which it asks on any resource
        assert not refused(bare, batch, batch)
