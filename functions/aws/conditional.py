"""One DynamoDB table as the engine uses it: consistent reads, conditional updates, transactions that meet and wait."""

import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from functions.aws.clients import client
from functions.aws.items import Item, from_wire, to_wire
from functions.core.errors import Conflict

_BATCH = 25  # BatchWriteItem's limit
_TRIES = 12  # of a write that met another one on the same item
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
        """DynamoDB's answer to one update. It refuses one that meets a transaction on the item: that waits and tries
        again. Raises ConditionalCheckFailedException."""
        dynamodb = client("dynamodb")
        for attempt in range(_TRIES):
            try:
                answer: dict[str, Any] = dynamodb.update_item(**write["Update"], **options)
                return answer
            except dynamodb.exceptions.TransactionConflictException:
                if attempt == _TRIES - 1:
                    raise
                pause(attempt)
        raise AssertionError("the last try returns or raises")

    def transact(self, writes: Sequence[dict[str, Any]]) -> None:
        """All writes or none. Raises Conflict when a condition did not hold; waits out writes that merely met."""
        dynamodb = client("dynamodb")
        for attempt in range(_TRIES):
            try:
                dynamodb.transact_write_items(TransactItems=list(writes))
                return
            except dynamodb.exceptions.TransactionCanceledException as canceled:
                reasons = {reason.get("Code") for reason in canceled.response.get("CancellationReasons", ())}
                if "ConditionalCheckFailed" in reasons:
                    raise Conflict("a condition of the transaction did not hold") from canceled
                if (
                    not reasons & {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}
                    or attempt == _TRIES - 1
                ):
                    raise
                pause(attempt)

    def write_all(self, items: Iterable[Item]) -> None:
        """Put many items, 25 at a time; what DynamoDB leaves unprocessed is sent again."""
        from concurrent.futures import ThreadPoolExecutor

        dynamodb = client("dynamodb")

        def write(batch: list[Any]) -> None:
            request = {self.name: batch}
            for attempt in range(_TRIES):
                request = dynamodb.batch_write_item(RequestItems=request).get("UnprocessedItems") or {}
                if not request:
                    return
                pause(attempt)
            raise Conflict(f"DynamoDB left items unprocessed {_TRIES} times")

        puts = [{"PutRequest": {"Item": to_wire(item)}} for item in items]
        batches = [puts[start : start + _BATCH] for start in range(0, len(puts), _BATCH)]
        with ThreadPoolExecutor(max_workers=8) as pool:
            list(pool.map(write, batches))


def pause(attempt: int = 0, sleep: Callable[[float], None] = time.sleep) -> None:
    """Full jitter, at most 0.8 s: two writers that met do not meet again."""
    sleep(random.uniform(0, min(0.8, 0.025 * 2**attempt)))  # noqa: S311 - jitter, not a secret
