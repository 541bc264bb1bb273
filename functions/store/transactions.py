"""One DynamoDB table as the engine uses it: consistent reads, conditional updates, transactions that meet and wait."""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from functions.aws.clients import client
from functions.core.errors import Conflict
from functions.store.keys import Item, from_wire, to_wire

T = TypeVar("T")

_TRIES = 12  # of a write that met another one on the same item
# What DynamoDB may do the next time. Source: DynamoDB Developer Guide, "Error handling with DynamoDB".
_LATER = frozenset(
    {
        "TransactionConflictException",
        "TransactionInProgressException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ThrottlingException",
    }
)
_LATER_IN_TRANSACTION = frozenset({"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"})
_STATUS_CHANGE = "SET #status = "  # how every expression begins that changes the status of a deployment or target


class ConditionalTable:
    """A table with the keys `pk` and `sk`. All methods raise botocore's ClientError for what AWS refuses."""

    def __init__(self, name: str) -> None:
        self.name = name

    def get(self, key: Item) -> Item | None:
        """The item, read consistently."""
        answer = client("dynamodb").get_item(TableName=self.name, Key=to_wire(key), ConsistentRead=True)
        return from_wire(answer["Item"]) if "Item" in answer else None

    def get_all(self, keys: Sequence[Item]) -> list[Item]:
        """The items that there are, read consistently, in any order; at most 100 keys."""
        wanted = {self.name: {"Keys": [to_wire(key) for key in keys], "ConsistentRead": True}} if keys else {}
        found: list[Item] = []
        for attempt in range(_TRIES):
            if not wanted:
                break
            answer = client("dynamodb").batch_get_item(RequestItems=wanted)
            found += map(from_wire, answer["Responses"].get(self.name, ()))
            if wanted := answer.get("UnprocessedKeys") or {}:
                pause(attempt)
        if wanted:
            raise Conflict(f"DynamoDB left keys unprocessed {_TRIES} times")
        return found

    def query(self, pk: str, prefix: str = "", statuses: Sequence[str] = ()) -> Iterator[Item]:
        """The items of a partition whose sort key begins with `prefix`, in its order; of some statuses or all."""
        values, condition = {":pk": {"S": pk}}, "pk = :pk"
        if prefix:
            values, condition = values | {":prefix": {"S": prefix}}, f"{condition} AND begins_with(sk, :prefix)"
        filters: dict[str, Any] = {}
        if statuses:
            names = {f":status{number}": {"S": str(status)} for number, status in enumerate(statuses)}
            values |= names
            filters = {
                "FilterExpression": f"#status IN ({', '.join(names)})",
                "ExpressionAttributeNames": {"#status": "status"},
            }
        pages = (
            client("dynamodb")
            .get_paginator("query")
            .paginate(
                TableName=self.name,
                KeyConditionExpression=condition,
                ExpressionAttributeValues=values,
                ConsistentRead=True,
                **filters,
            )
        )
        for page in pages:
            yield from map(from_wire, page["Items"])

    def update(
        self,
        key: Item,
        expression: str,
        condition: str,
        values: Item | None = None,
        names: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        """One Update of a transaction. The reserved words of the records are named for every expression.

        A deployment or target whose status this changes is `news`: the stream's readers get only such records.
        """
        if key["pk"].startswith("DEPLOYMENT#"):
            if expression.startswith(_STATUS_CHANGE):
                expression = f"SET news = :news, {expression.removeprefix('SET ')}"
                values = {**(values or {}), ":news": True}
            else:
                expression = f"{expression} REMOVE news"
        text = f"{expression} {condition}"
        known = {"#status": "status", "#stop": "stop", "#counters": "counters", "#out": "out", **(names or {})}
        update: dict[str, Any] = {
            "TableName": self.name,
            "Key": to_wire(key),
            "UpdateExpression": expression,
            "ConditionExpression": condition,
        }
        if used := {name: attribute for name, attribute in known.items() if name in text}:
            update["ExpressionAttributeNames"] = used
        if values:
            update["ExpressionAttributeValues"] = to_wire(values)
        return {"Update": update}

    def attempt(self, write: dict[str, Any]) -> bool:
        """One conditional update; False when its condition did not hold."""
        try:
            self.update_now(write)
        except client("dynamodb").exceptions.ConditionalCheckFailedException:
            return False
        return True

    def update_now(self, write: dict[str, Any], **options: Any) -> dict[str, Any]:
        """DynamoDB's answer to one update. Raises ConditionalCheckFailedException."""
        answer: dict[str, Any] = _patiently(lambda: client("dynamodb").update_item(**write["Update"], **options))
        return answer

    def transact(self, writes: Sequence[dict[str, Any]]) -> None:
        """All writes or none. Raises Conflict when a condition did not hold."""
        from botocore.exceptions import ClientError

        try:
            _patiently(lambda: client("dynamodb").transact_write_items(TransactItems=list(writes)))
        except ClientError as error:
            if "ConditionalCheckFailed" in _reasons(error):
                raise Conflict("a condition of the transaction did not hold") from error
            raise


def _patiently(call: Callable[[], T]) -> T:
    """A write that met another one, or that DynamoDB throttles, waits and is tried again: both pass."""
    from botocore.exceptions import ClientError

    for attempt in range(_TRIES - 1):
        try:
            return call()
        except ClientError as error:
            reasons = _reasons(error)
            met = reasons & _LATER_IN_TRANSACTION and "ConditionalCheckFailed" not in reasons
            if not met and error.response["Error"]["Code"] not in _LATER:
                raise
            pause(attempt)
    return call()


def _reasons(error: Any) -> set[str]:
    """Why a transaction was canceled, one code for each of its writes; empty for any other error."""
    return {str(reason.get("Code")) for reason in error.response.get("CancellationReasons", ())}


def pause(attempt: int = 0, sleep: Callable[[float], None] = time.sleep) -> None:
    """Full jitter, at most 0.8 s: two writers that met do not meet again."""
    sleep(random.uniform(0, min(0.8, 0.025 * 2**attempt)))  # noqa: S311 - jitter, not a secret
