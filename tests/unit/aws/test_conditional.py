"""What every table of the engine can do: transactions that meet others wait, lost conditions are told."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from functions.aws import conditional
from functions.aws.conditional import ConditionalTable
from functions.aws.table import Table
from functions.core.errors import Conflict
from tests.conftest import all_items


class Canceled(Exception):
    def __init__(self, *codes: str) -> None:
        self.response = {"CancellationReasons": [{"Code": code} for code in codes]}


class Busy:
    """A DynamoDB whose transactions are canceled some times (moto never cancels one for meeting another)."""

    class exceptions:
        TransactionCanceledException = Canceled

    def __init__(self, *canceled: Canceled) -> None:
        self.canceled = list(canceled)
        self.written: list[Any] = []

    def transact_write_items(self, TransactItems: list[Any]) -> None:
        if self.canceled:
            raise self.canceled.pop()
        self.written += TransactItems


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conditional, "pause", lambda attempt: None)


@pytest.mark.parametrize("code", ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"])
def test_a_transaction_that_met_another_is_written_again(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    busy = Busy(Canceled("None", code), Canceled("None", code))
    monkeypatch.setattr(conditional, "client", lambda service: busy)
    ConditionalTable("t").transact([{"Put": {}}])
    assert busy.written == [{"Put": {}}] and not busy.canceled


def test_a_lost_condition_is_a_conflict_and_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    busy = Busy(Canceled("None", "TransactionConflict"), Canceled("ConditionalCheckFailed", "TransactionConflict"))
    monkeypatch.setattr(conditional, "client", lambda service: busy)
    with pytest.raises(Conflict):
        ConditionalTable("t").transact([{"Put": {}}])
    assert len(busy.canceled) == 1 and not busy.written


def test_any_other_refusal_is_raised_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conditional, "client", lambda service: Busy(Canceled("ItemCollectionSizeLimitExceeded")))
    with pytest.raises(Canceled):
        ConditionalTable("t").transact([{"Put": {}}])


def test_an_update_that_meets_a_transaction_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    class Met(Exception):
        pass

    class Meeting:
        class exceptions:
            TransactionConflictException = Met
            ConditionalCheckFailedException = KeyError

        calls = 0

        def update_item(self, **update: Any) -> dict[str, Any]:
            self.calls += 1
            if self.calls < 3:
                raise Met
            return {}

    meeting = Meeting()
    monkeypatch.setattr(conditional, "client", lambda service: meeting)
    assert ConditionalTable("t").attempt({"Update": {}}) and meeting.calls == 3


def test_items_left_over_by_a_batch_are_sent_again(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = conditional.client("dynamodb"), []

    class Choosy:
        """Takes one item of each batch."""

        def batch_write_item(self, RequestItems: dict[str, list[Any]]) -> dict[str, Any]:
            ((name, (first, *rest)),) = RequestItems.items()
            calls.append(len(rest))
            real.batch_write_item(RequestItems={name: [first]})
            return {"UnprocessedItems": {name: rest} if rest else {}}

    monkeypatch.setattr(conditional, "client", lambda service: Choosy())
    table.write_all({"pk": "A", "sk": str(number)} for number in range(3))
    assert calls == [2, 1, 0]
    assert {item["sk"] for item in all_items()} == {"0", "1", "2"}


def test_an_update_of_nothing_is_no_success(table: Table) -> None:
    update = table.update({"pk": "A", "sk": "B"}, "SET x = :x", "attribute_exists(pk)", {":x": 1})
    assert not table.attempt(update) and all_items() == []


def test_what_aws_refuses_is_raised(aws: None) -> None:
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        ConditionalTable("missing").get({"pk": "A", "sk": "B"})
