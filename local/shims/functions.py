"""Lambda and its event sources: counted, and where ministack 1.5.33 does otherwise than AWS, put right.

- A stream's function that reports batchItemFailures: AWS hands out the reported record and all after it again; the
  emulator takes the batch as done. Here the whole batch comes again, which AWS's at-least-once allows too.
- A queue's function: AWS gathers up to the batch size for as long as the batching window, so a burst comes in few
  calls; the emulator hands out what is there at once, and never more than ten messages.
- A function that an event calls: AWS queues the call, tries it again after an error (at once here; minutes on AWS), and
  for as long as it is throttled; what fails for good goes to its destination. The emulator calls it once.
- An error's type is, on AWS, the name of the exception's class, which states and callers tell errors apart by; the
  emulator calls all of them Runtime.HandlerError.
- A function that is updated or deleted: AWS lets its calls end; the emulator ends their sandboxes in the middle.
- Task tokens: AWS authorizes SendTaskSuccess on the state machine that the token belongs to; the emulator asks for "*".
"""

import json
import time
from collections.abc import Sequence
from contextvars import ContextVar
from threading import Thread
from typing import Any

from local.counters import Records
from local.weather import Outside

STACK = "stepdeploy"
_LONGEST_WAIT = 30.0  # seconds between two tries of a throttled call; minutes on AWS
_asynchronous: ContextVar[bool] = ContextVar("an event has called the function of this thread", default=False)
_changing: ContextVar[bool] = ContextVar("a function is updated or deleted in this thread", default=False)
_AT_ONCE = 10  # messages that the emulator hands out in one go
SEND_SUCCESS = "AWSStepFunctions.SendTask"


def install(outside: Outside, records: Records) -> None:
    """Count invocations, and refuse those that the weather does; retry and gather; authorize tokens."""
    from ministack.services import lambda_svc

    execute = lambda_svc._execute_function

    def counted(function: dict[str, Any], event: Any) -> Any:
        name = (function.get("config") or function).get("FunctionName", "")
        wait = 1.0
        while outside.throttles("lambda", name.removeprefix(f"{STACK}-")):
            if not _asynchronous.get():
                return lambda_svc._throttle_response(
                    "ReservedFunctionConcurrentInvocationLimitExceeded", "Rate Exceeded."
                )
            time.sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT)
        records.functions[name] += 1
        done = execute(function, event)
        if _reports_failures(event, name) and _failed_items(done):
            done = {**done, "error": True, "body": {"errorType": "BatchItemFailures", "errorMessage": "to be retried"}}
        return _with_error_type(done)

    lambda_svc._execute_function = counted
    _queue_events()
    _gather_batches()
    _let_calls_end()
    _authorize_tokens()


def _with_error_type(done: dict[str, Any]) -> dict[str, Any]:
    body, lines = done.get("body"), str(done.get("log", "")).splitlines()
    frames = [number for number, line in enumerate(lines) if line.startswith('  File "')]
    if not frames or not isinstance(body, dict) or body.get("errorType") != "Runtime.HandlerError":
        return done
    raised = next((line for line in lines[frames[-1] + 1 :] if line and not line.startswith(" ")), "")
    name = raised.partition(":")[0].rpartition(".")[2]
    return {**done, "body": {**body, "errorType": name}} if name.isidentifier() else done


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


def _queue_events() -> None:
    """A rule's call of a function is asynchronous."""
    from ministack.services import eventbridge, lambda_svc

    def dispatch(arn: str, payload: str) -> None:
        function, _, _ = lambda_svc._get_func_record_for_ref(arn)
        if function is None:
            return
        before = _asynchronous.set(True)  # the call's thread gets a copy of it
        try:
            lambda_svc.invoke_async_with_retry(function, json.loads(payload))
        finally:
            _asynchronous.reset(before)

    eventbridge._dispatch_to_lambda = dispatch


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


def _let_calls_end() -> None:
    from ministack.core import lambda_runtime
    from ministack.services import lambda_svc

    kill, invalidate = lambda_runtime.kill_workers, lambda_runtime.invalidate_worker

    def kill_after_its_call(worker: Any) -> None:
        with worker._lock:  # which a call holds
            kill([worker])

    def kill_idle(workers: Sequence[Any]) -> None:
        busy = [each for each in workers if each.in_use] if _changing.get() else []
        kill([each for each in workers if each not in busy])
        for worker in busy:
            Thread(target=kill_after_its_call, args=(worker,), daemon=True).start()

    def invalidate_idle(*which: Any, **how: Any) -> None:
        before = _changing.set(True)
        try:
            invalidate(*which, **how)
        finally:
            _changing.reset(before)

    lambda_runtime.kill_workers = kill_idle
    lambda_svc.invalidate_worker = invalidate_idle


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
