"""Lambda and its event sources: counted, and where ministack 1.5.33 does otherwise than AWS, put right.

- A stream's function that reports batchItemFailures: AWS hands out the reported record and all after it again; the
  emulator takes the batch as done. Here the whole batch comes again, which AWS's at-least-once allows too.
- A queue's function: AWS gathers up to the batch size for as long as the batching window, so a burst comes in few
  calls; the emulator hands out what is there at once, and never more than ten messages.
- Task tokens: AWS authorizes SendTaskSuccess on the state machine that the token belongs to; the emulator asks for "*".
"""

import json
import time
from typing import Any

from local.counters import Records, is_administrator
from local.faults import Faults

_AT_ONCE = 10  # messages that the emulator hands out in one go
SEND_SUCCESS = "AWSStepFunctions.SendTask"


def install(faults: Faults, records: Records) -> None:
    """Count and, where a fault strikes, refuse invocations; retry and gather batches; authorize tokens."""
    from ministack.services import lambda_svc

    execute = lambda_svc._execute_function

    def counted(function: dict[str, Any], event: Any) -> Any:
        name = (function.get("config") or function).get("FunctionName", "")
        records.functions[name] += 1
        if faults.throttles(name):
            return lambda_svc._throttle_response("ReservedFunctionConcurrentInvocationLimitExceeded", "Rate Exceeded.")
        done = execute(function, event)
        if _reports_failures(event, name) and _failed_items(done):
            done = {**done, "error": True, "body": {"errorType": "BatchItemFailures", "errorMessage": "to be retried"}}
        return done

    lambda_svc._execute_function = counted
    _gather_batches()
    _authorize_tokens()
    _count_dynamodb(records)


def kill(function: str) -> None:
    """End every sandbox of a function, whatever it is doing."""
    from ministack.core import lambda_runtime

    with lambda_runtime._lock:
        workers = [worker for key, group in lambda_runtime._workers.items() if function in key for worker in group]
    for worker in workers:
        process = getattr(worker, "_proc", None)
        if process is not None:
            process.kill()


def _reports_failures(event: Any, function: str) -> bool:
    """Whether a stream's mapping has brought the event and asks the function which records it failed on."""
    from ministack.services import lambda_svc

    records = event.get("Records") if isinstance(event, dict) else None
    if not records or "dynamodb" not in records[0]:
        return False
    return any(
        "ReportBatchItemFailures" in (mapping.get("FunctionResponseTypes") or ())
        for _, _, mapping in lambda_svc._iter_all_esms()
        if mapping["EventSourceArn"] == records[0]["eventSourceARN"] and mapping["FunctionName"] == function
    )


def _failed_items(done: dict[str, Any]) -> bool:
    body = done.get("body")
    if isinstance(body, (str, bytes)):
        try:
            body = json.loads(body)
        except ValueError:
            return False
    return isinstance(body, dict) and bool(body.get("batchItemFailures"))


def _gather_batches() -> None:
    from ministack.services import lambda_svc, sqs

    receive = sqs._receive_messages_for_esm

    def gathered(queue_url: str, batch_size: int) -> list[dict[str, Any]]:
        queue = sqs._get_q(queue_url)
        source, now = queue["attributes"]["QueueArn"], time.time()
        ready = [each["visible_at"] for each in list(queue["messages"]) if each.get("visible_at", now) <= now]
        window = max(
            esm.get("MaximumBatchingWindowInSeconds") or 0
            for _, _, esm in lambda_svc._iter_all_esms()
            if esm["EventSourceArn"] == source
        )
        if not ready or (len(ready) < batch_size and now - min(ready) < window):
            return []
        batch: list[dict[str, Any]] = []
        while len(batch) < batch_size:
            more = receive(queue_url, min(_AT_ONCE, batch_size - len(batch)))
            if not more:
                break
            batch += more
        return batch

    sqs._receive_messages_for_esm = gathered


def _authorize_tokens() -> None:
    from ministack.core import iam_actions
    from ministack.services import stepfunctions

    resource_of = iam_actions.extract_resource_arn

    def resource(service: str, method: str, path: str, headers: dict[str, str], body: bytes, *rest: Any) -> str:
        if service == "states" and headers.get("x-amz-target", "").startswith(SEND_SUCCESS):
            waiting = stepfunctions._task_tokens.get(json.loads(body).get("taskToken")) or {}
            execution = waiting.get("execution")
            if execution:
                return str(execution["stateMachineArn"])
        return str(resource_of(service, method, path, headers, body, *rest))

    iam_actions.extract_resource_arn = resource


def _count_dynamodb(records: Records) -> None:
    from ministack import app

    handle = app.SERVICE_HANDLERS["dynamodb"]

    async def counted(method: str, path: str, headers: dict[str, str], body: bytes, query: Any) -> Any:
        if not is_administrator(headers):
            records.dynamodb[headers.get("x-amz-target", "").rpartition(".")[2]] += 1
        return await handle(method, path, headers, body, query)

    app.SERVICE_HANDLERS["dynamodb"] = counted
