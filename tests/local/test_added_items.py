"""Items that are added where they are not there yet: the emulator's DynamoDB and the store's twin do the same.

moto's has no parameters of INSERT, and replaces what is there.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from functions.aws import clients, clock
from functions.store.table.dynamodb import DynamoDb
from functions.store.table.items import Items
from functions.store.table.memory import Memory
from functions.store.table.values import Key, Put, Query
from tests.local.emulator import Account

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
