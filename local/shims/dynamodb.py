"""DynamoDB: requests counted and, as the weather is, throttled or met by a transaction; a stream that is late.

Sources: DynamoDB Developer Guide, "Error handling with DynamoDB" and "Managing complex workflows with transactions";
API reference, TransactionCanceledException (its reasons and their messages). Which requests meet, chance says here.
"""

import json
import time
from typing import Any

from local.counters import Records, is_administrator
from local.shims.batch_actions import inserted_into
from local.weather import Outside

Answer = tuple[int, dict[str, str], bytes]

_PREFIX = "com.amazonaws.dynamodb.v20120810#"
_TRANSACTIONS = {"TransactWriteItems", "TransactGetItems"}
_WRITES = {"PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems"}
_BATCHES = {"BatchGetItem", "BatchWriteItem", "BatchExecuteStatement"}
_ITEMS = {*_WRITES, *_BATCHES, "TransactGetItems", "GetItem", "Query", "Scan"}
_CONFLICT = "Transaction is ongoing for the item"
# Of a table on demand, and of one with a provisioned throughput: the error, and the reason of a transaction.
_BUSY = (
    "Throughput exceeds the current capacity of your table or index. DynamoDB is automatically scaling your table or "
)
_BUSY += "index so please try again shortly. If exceptions persist, check if you have a hot key: "
_BUSY += "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html"
_EXCEEDED = "The level of configured provisioned throughput for the table was exceeded. Consider increasing your "
_EXCEEDED += "provisioning level with the UpdateTable API."


def install(outside: Outside, records: Records) -> None:
    """Count the requests, and refuse those that the weather does not let through."""
    from ministack import app
    from ministack.services import dynamodb

    handle = app.SERVICE_HANDLERS["dynamodb"]

    async def counted(method: str, path: str, headers: dict[str, str], body: bytes, query: Any) -> Any:
        if not is_administrator(headers):
            operation = headers.get("x-amz-target", "").rpartition(".")[2]
            records.dynamodb[operation] += 1
            if refused := _refusal(operation, body):
                return refused
        return await handle(method, path, headers, body, query)

    def _refusal(operation: str, body: bytes) -> Answer | None:
        if operation in _ITEMS and outside.throttles("dynamodb", operation):
            tables = [dynamodb._tables.get(name) or {} for name in _tables(json.loads(body))]
            if any(each.get("BillingModeSummary", {}).get("BillingMode") == "PAY_PER_REQUEST" for each in tables):
                return _answer(operation, body, "ThrottlingException", "ThrottlingError", _BUSY)
            code = "ProvisionedThroughputExceeded"
            return _answer(operation, body, f"{code}Exception", code, _EXCEEDED)
        if operation in _WRITES and outside.conflicts(operation):
            return _answer(operation, body, "TransactionConflictException", "TransactionConflict", _CONFLICT)
        return None

    app.SERVICE_HANDLERS["dynamodb"] = counted
    _delay_streams(outside)


def _tables(request: dict[str, Any]) -> list[str]:
    if "TableName" in request:
        return [request["TableName"]]
    if "TransactItems" in request:
        return [each["TableName"] for item in request["TransactItems"] for each in item.values()]
    return [*request.get("RequestItems", ()), *inserted_into(request)]


def _answer(operation: str, body: bytes, code: str, reason: str, message: str) -> Answer:
    """The error, of a transaction with a reason for each of its items: here the first one is in the way."""
    members: dict[str, Any] = {"message": message}
    if operation in _TRANSACTIONS:
        others = len(json.loads(body)["TransactItems"]) - 1
        reasons = [{"Code": reason, "Message": message}, *[{"Code": "None"}] * others]
        codes = ", ".join(each["Code"] for each in reasons)
        said = f"Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]"
        code, members = "TransactionCanceledException", {"message": said, "CancellationReasons": reasons}
    plain = json.dumps({"__type": f"{_PREFIX}{code}", **members})
    return 400, {"Content-Type": "application/x-amz-json-1.0"}, plain.encode()


def _delay_streams(outside: Outside) -> None:
    """A record is not there before its time, for whoever reads the stream."""
    from ministack.services import dynamodb

    since = dynamodb.stream_records_since

    def late(*which: Any, **where: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = since(*which, **where)
        if not (seconds := outside.weather.late_stream):
            return found
        shown = time.time() - seconds - 1  # records have whole seconds
        there = (record["dynamodb"]["ApproximateCreationDateTime"] <= shown for record in found)
        return found[: next((number for number, is_there in enumerate(there) if not is_there), len(found))]

    dynamodb.stream_records_since = late
