"""What every table of the engine can do: transactions that meet others wait, lost conditions are told."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from functions.aws import clients
from functions.core.errors import Conflict
from functions.store import transactions
from functions.store.table import Table
from functions.store.transactions import ConditionalTable
from tests.conftest import all_items
from tests.fakes import refusal


def canceled(*codes: str) -> ClientError:
    answer: Any = {
        "Error": {"Code": "TransactionCanceledException", "Message": ""},
        "CancellationReasons": [{"Code": code} for code in codes],
    }
    return ClientError(answer, "TransactWriteItems")


class Busy:
    """A DynamoDB that refuses writes some times (moto never refuses one for meeting another)."""

    class exceptions:
        ConditionalCheckFailedException = KeyError

    def __init__(self, *refused: ClientError) -> None:
        self.refused = list(refused)
        self.written: list[Any] = []

    def transact_write_items(self, TransactItems: list[Any]) -> None:
        if self.refused:
            raise self.refused.pop()
        self.written += TransactItems

    def update_item(self, **update: Any) -> dict[str, Any]:
        self.transact_write_items([update])
        return {}


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transactions, "pause", lambda attempt: None)


@pytest.mark.parametrize("code", ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"])
def test_a_transaction_that_met_another_is_written_again(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    busy = Busy(canceled("None", code), canceled("None", code))
    monkeypatch.setitem(clients.stand_ins, "dynamodb", busy)
    ConditionalTable("t").transact([{"Put": {}}])
    assert busy.written == [{"Put": {}}] and not busy.refused


def test_a_lost_condition_is_a_conflict_and_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    busy = Busy(canceled("None", "TransactionConflict"), canceled("ConditionalCheckFailed", "TransactionConflict"))
    monkeypatch.setitem(clients.stand_ins, "dynamodb", busy)
    with pytest.raises(Conflict):
        ConditionalTable("t").transact([{"Put": {}}])
    assert len(busy.refused) == 1 and not busy.written


def test_any_other_refusal_is_raised_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(clients.stand_ins, "dynamodb", Busy(canceled("ItemCollectionSizeLimitExceeded")))
    with pytest.raises(ClientError, match="TransactionCanceledException"):
        ConditionalTable("t").transact([{"Put": {}}])


LATER = [
    "TransactionConflictException",
    "TransactionInProgressException",
    "ProvisionedThroughputExceededException",
    "ThrottlingException",
]


@pytest.mark.parametrize("code", LATER)
def test_a_write_that_meets_another_or_is_throttled_is_tried_again(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    busy = Busy(*(refusal(code) for _ in range(8)))
    monkeypatch.setitem(clients.stand_ins, "dynamodb", busy)
    assert ConditionalTable("t").attempt({"Update": {"x": 1}})
    busy.refused = [refusal(code)]
    ConditionalTable("t").transact([{"Put": {}}])
    assert busy.written == [{"x": 1}, {"Put": {}}]


def test_what_is_throttled_for_ever_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(clients.stand_ins, "dynamodb", Busy(*(refusal("ThrottlingException"),) * 100))
    with pytest.raises(ClientError, match="ThrottlingException"):
        ConditionalTable("t").attempt({"Update": {}})


def test_an_update_of_nothing_is_no_success(table: Table) -> None:
    update = table.update({"pk": "A", "sk": "B"}, "SET x = :x", "attribute_exists(pk)", {":x": 1})
    assert not table.attempt(update) and all_items() == []


def test_what_aws_refuses_is_raised(aws: None) -> None:
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        ConditionalTable("missing").get({"pk": "A", "sk": "B"})
