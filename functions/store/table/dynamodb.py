"""The engine's items in DynamoDB."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from functions.aws import weather
from functions.aws.clients import client
from functions.store.table import requests
from functions.store.table.patience import Attempts, Later, patiently
from functions.store.table.requests import Request
from functions.store.table.values import Delete, Item, Key, Page, Put, Query, Update, Write, over_pages
from functions.store.table.wire import from_wire

T = TypeVar("T")

_TRIES = 12  # of a read that DynamoDB did only in part
_DUPLICATE = "DuplicateItem"  # the item of an INSERT is there already


class DynamoDb:
    """A table with the keys `pk` and `sk`, and the indexes that `values.Index` names."""

    def __init__(self, table: str) -> None:
        self.table = table

    def get(self, key: Key) -> Item | None:
        answer = _sent(requests.get(self.table, key))
        return from_wire(answer["Item"]) if "Item" in answer else None

    def get_all(self, keys: Sequence[Key]) -> list[Item]:
        if not keys:
            return []
        request, found = requests.get_all(self.table, keys), list[Item]()
        attempts = Attempts(_TRIES, f"DynamoDB left keys unprocessed {_TRIES} times")
        while True:
            answer = _sent(request)
            found += map(from_wire, answer["Responses"].get(self.table, ()))
            if not (left := answer.get("UnprocessedKeys")):
                return found
            request = request._replace(members={"RequestItems": left})
            attempts.again()

    def query(self, query: Query) -> Iterator[Item]:
        return over_pages(self.page, query)

    def page(self, query: Query, limit: int | None = None, after: Item | None = None) -> Page:
        answer = _sent(requests.query(self.table, query, limit, after))
        last = answer.get("LastEvaluatedKey")
        return Page([from_wire(each) for each in answer["Items"]], from_wire(last) if last else None)

    def write(self, write: Put | Update | Delete) -> bool:
        from botocore.exceptions import ClientError

        try:
            _written(requests.write(self.table, write))
        except ClientError as error:
            if _is_lost(error):
                return False
            raise
        return True

    def update_or_read(self, update: Update) -> Item:
        from botocore.exceptions import ClientError

        try:
            return from_wire(_written(requests.update_or_read(self.table, update))["Attributes"])
        except ClientError as error:
            if _is_lost(error):
                was: dict[str, Any] = dict(error.response)
                return from_wire(was.get("Item", {}))
            raise

    def add_all(self, puts: Sequence[Put]) -> None:
        left = list(puts)

        def once() -> None:
            nonlocal left
            answers = _sent(requests.add_all(self.table, left))["Responses"]
            refused = [
                (put, answer["Error"])
                for put, answer in zip(left, answers, strict=True)
                if "Error" in answer and answer["Error"]["Code"] != _DUPLICATE
            ]
            left = [put for put, _ in refused]
            if refused:
                raise _refusal([error for _, error in refused])

        _throttled_later(once)

    def transact(self, writes: Sequence[Write]) -> bool:
        from botocore.exceptions import ClientError

        try:
            _written(requests.transact(self.table, writes))
        except ClientError as error:
            if "ConditionalCheckFailed" in _reasons(error):
                return False
            raise
        return True


def _sent(request: Request) -> dict[str, Any]:
    from botocore import xform_name

    answer: dict[str, Any] = getattr(client("dynamodb"), xform_name(request.operation))(**request.members)
    return answer


def _written(request: Request) -> dict[str, Any]:
    """A write that met another one, or that DynamoDB throttles, waits and is tried again: both pass."""
    return _throttled_later(lambda: _sent(request))


def _throttled_later(write: Callable[[], T]) -> T:
    from botocore.exceptions import ClientError

    def once() -> T:
        try:
            return write()
        except ClientError as error:
            if weather.is_throttled(error.response):
                raise Later(error) from error
            raise

    return patiently(once)


def _refusal(errors: Sequence[Any]) -> Exception:
    """What is wrong with some statements of a batch, as a transaction's error has it."""
    from botocore.exceptions import ClientError

    response: Any = {"Error": errors[0], "CancellationReasons": errors}
    return ClientError(response, "BatchExecuteStatement")


def _is_lost(error: Any) -> bool:
    return bool(error.response["Error"]["Code"] == "ConditionalCheckFailedException")


def _reasons(error: Any) -> set[str]:
    """Why a transaction was canceled, one code for each of its writes; empty for any other error."""
    return {str(reason.get("Code")) for reason in error.response.get("CancellationReasons", ())}
