"""Batches on the local cloud: IAM on them, beside the emulator without local/shims/batch_actions.py; and what a batch
of INSERT statements does, beside the store's twin.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from functions.aws import clients, clock
from functions.store.table.dynamodb import DynamoDb
from functions.store.table.items import Items
from functions.store.table.memory import Memory
from functions.store.table.values import Key, Put, Query
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


# -- items that are added where they are not there yet: moto's DynamoDB has no parameters of INSERT, and replaces items


A, B = Key("A", "1"), Key("B", "1")
VALUES: dict[str, Any] = {
    "list": ["it's", 1, 1.5, True, None, [{"deep": {}}]],
    "map": {"a.b": "c", "set": frozenset({"a", "b"})},
    "empty": "",
}


@pytest.fixture(params=["dynamodb", "memory"])
def items(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Items]:
    monkeypatch.setattr(clock, "sleep", lambda seconds: None)
    if request.param == "memory":
        yield Memory()
        return
    account: Account = request.getfixturevalue("cloud")
    client, name = account.client("dynamodb"), account.name()
    client.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": each, "AttributeType": "S"} for each in ("pk", "sk")],
        BillingMode="PAY_PER_REQUEST",
    )
    account.at_end(client.delete_table, TableName=name)
    monkeypatch.setitem(clients.stand_ins, "dynamodb", client)
    yield DynamoDb(name)


def test_what_is_not_there_is_added_and_what_is_there_stays(items: Items) -> None:
    items.write(Put(A, {"first": True}))
    items.add_all([Put(A, {"second": True}), Put(B, VALUES)])
    assert items.get(A) == {**A.item, "first": True}
    assert items.get(B) == {**B.item, **VALUES}
    items.add_all([Put(B, {"second": True})])
    assert items.get(B) == {**B.item, **VALUES}


def test_twenty_five_are_added_at_once_and_no_more(items: Items) -> None:
    puts = [Put(Key("A", f"{number:02}")) for number in range(26)]
    items.add_all(puts[:25])
    assert [each["sk"] for each in items.query(Query("A"))] == [each.key.sk for each in puts[:25]]
    with pytest.raises(ClientError, match="ValidationException"):
        items.add_all(puts)
    assert items.get(puts[25].key) is None
