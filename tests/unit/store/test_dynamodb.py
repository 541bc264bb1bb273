"""What DynamoDB answers only now and then, and what the store makes of it."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from functions.aws import clients, clock
from functions.store.table.dynamodb import DynamoDb
from functions.store.table.values import Key, Put


class Statements:
    """A DynamoDB that refuses some statements of each batch: `refusals` has a code for each, by its place."""

    def __init__(self, *refusals: dict[int, str]) -> None:
        self.refusals = list(refusals)
        self.asked: list[list[str]] = []

    def batch_execute_statement(self, Statements: list[dict[str, Any]]) -> dict[str, Any]:
        refused = self.refusals.pop(0) if self.refusals else {}
        self.asked.append([each["Parameters"][-1]["S"] for each in Statements])
        errors = [refused.get(number) for number in range(len(Statements))]
        return {"Responses": [{"Error": {"Code": code, "Message": "no"}} if code else {} for code in errors]}


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> DynamoDb:
    monkeypatch.setattr(clock, "sleep", lambda seconds: None)
    return DynamoDb("stepdeploy")


PUTS = [Put(Key("A", sk)) for sk in "123"]


def test_of_a_batch_only_what_was_throttled_is_added_again(table: DynamoDb, monkeypatch: pytest.MonkeyPatch) -> None:
    client = Statements(
        {0: "DuplicateItem", 1: "ThrottlingError", 2: "ProvisionedThroughputExceeded"}, {1: "ThrottlingError"}
    )
    monkeypatch.setitem(clients.stand_ins, "dynamodb", client)
    table.add_all(PUTS)
    assert client.asked == [["1", "2", "3"], ["2", "3"], ["3"]]


def test_what_dynamodb_never_adds_is_an_error(table: DynamoDb, monkeypatch: pytest.MonkeyPatch) -> None:
    client = Statements({1: "ValidationError"})
    monkeypatch.setitem(clients.stand_ins, "dynamodb", client)
    with pytest.raises(ClientError, match="ValidationError"):
        table.add_all(PUTS)
    assert len(client.asked) == 1
