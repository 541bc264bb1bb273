"""Step Functions: what ministack 1.5.33 does otherwise than AWS, put right at its functions.

- MaxConcurrencyPath of a Distributed Map: AWS reads the number from the input; the emulator knows only MaxConcurrency.
- TimeoutSecondsPath of a task: AWS reads the number from the input; the emulator knows only TimeoutSeconds.
- A function that fails under waitForTaskToken: AWS fails the task at once; the emulator waits for the token until the
  task times out.
- A token that is completed: AWS takes no second answer; the emulator takes some until the task has noticed the first.
- A throttled function: AWS names the error Lambda.TooManyRequestsException; the emulator calls it Lambda.Unknown.
- The history of a Map Run's child: AWS keeps one; the emulator keeps none. Here it has the states that were entered.
- StopExecution: AWS ends what waits, and the children of a Map Run; the emulator lets them go on. Here no task of them
  begins or goes on any more, but they are not shown as ABORTED.

tests/local/test_state_machines.py holds each against the bare emulator, and fails when that does it right by itself.
"""

import json
import threading
from collections.abc import Callable
from contextvars import ContextVar, copy_context
from typing import Any

from local.counters import Records
from local.faults import Faults

THROTTLED = "TooManyRequestsException"
_FOREVER = 99_999_999
_child: ContextVar[dict[str, Any] | None] = ContextVar("the child of a Map Run that runs in this thread", default=None)
_running: ContextVar[dict[str, Any]] = ContextVar("the execution whose task runs in this thread")


class Aborted(BaseException):
    """The execution was stopped: nothing of it goes on, no Catch sees it."""


def install(records: Records, faults: Faults) -> None:
    """Put the emulator right, count the states that it enters, and lose events where that fault strikes."""
    from ministack.services import stepfunctions as emulator

    emulator._run_distributed_map = _with_concurrency(emulator, emulator._run_distributed_map)
    emulator._execute_task = _with_task_rules(emulator, emulator._execute_task)
    emulator._invoke_with_callback = _callback(emulator, emulator._invoke_with_callback)
    emulator._call_lambda = _with_lambda_errors(emulator, emulator._call_lambda)
    for answer in ("_send_task_success", "_send_task_failure"):
        setattr(emulator, answer, _only_once(emulator, getattr(emulator, answer)))
    emulator._stop_execution = _stopping_children(emulator, emulator._stop_execution)
    emulator._emit_execution_status_event = _losing_events(emulator._emit_execution_status_event, faults)
    emulator._run_sub_machine = _of_child(emulator._run_sub_machine)
    _count_states(emulator, records)


def _losing_events(original: Callable[..., Any], faults: Faults) -> Callable[..., Any]:
    def emit(execution: dict[str, Any]) -> None:
        of_a_deployment = execution["status"] != "RUNNING" and not execution.get("mapRunArn")
        if not of_a_deployment or not faults.strike("lost_executions"):
            original(execution)

    return emit


def _with_concurrency(emulator: Any, original: Callable[..., Any]) -> Callable[..., Any]:
    def run(state: dict[str, Any], raw: Any, effective: Any, iterator: Any, execution: Any, ctx: Any) -> Any:
        if path := state.get("MaxConcurrencyPath"):
            state = {**state, "MaxConcurrency": _number(emulator, path, effective, ctx)}
        return original(state, raw, effective, iterator, execution, ctx)

    return run


def _number(emulator: Any, path: str, given: Any, ctx: Any) -> int:
    """AWS fails the execution where the path finds no number."""
    found = emulator._resolve_path_or_ctx(path, given, ctx)
    if not isinstance(found, int):
        raise emulator._ExecutionError("States.Runtime", f"{path} finds no number in the input")
    return found


def _with_task_rules(emulator: Any, original: Callable[..., Any]) -> Callable[..., Any]:
    def execute(state: dict[str, Any], raw: Any, execution: dict[str, Any], ctx: Any) -> Any:
        if path := state.get("TimeoutSecondsPath"):
            state = {**state, "TimeoutSeconds": _number(emulator, path, raw, ctx)}
        _check_not_aborted(emulator, execution)
        before = _running.set(execution)
        try:
            done = original(state, raw, execution, ctx)
        finally:
            _running.reset(before)
        _check_not_aborted(emulator, execution)
        return done

    return execute


def _callback(emulator: Any, original: Callable[..., Any]) -> Callable[..., Any]:
    """A function under waitForTaskToken: its error ends the task, its time runs from the start."""

    def invoke(resource: str, given: dict[str, Any], token: str, state: dict[str, Any]) -> Any:
        if "lambda:invoke" not in resource:
            return original(resource, given, token, state)
        done = threading.Event()
        execution = _running.get(None)
        waiting: dict[str, Any] = {"event": done, "result": None, "error": None, "execution": execution}
        emulator._task_tokens[token] = waiting
        function = emulator._resolve_lambda_function_ref(given.get("FunctionName", ""), optimized=True)
        failures: list[Any] = []

        def call() -> None:
            try:
                emulator._call_lambda(function, given.get("Payload", given))
            except emulator._ExecutionError as error:
                failures.append(error)
                done.set()

        threading.Thread(target=copy_context().run, args=(call,), daemon=True).start()
        in_time = done.wait(state.get("TimeoutSeconds", _FOREVER))
        emulator._task_tokens.pop(token, None)
        if execution is not None:
            _check_not_aborted(emulator, execution)
        if waiting["result"] is not None:
            return json.loads(waiting["result"])
        if failures:
            raise failures[0]
        if not in_time:
            raise emulator._ExecutionError("States.Timeout", "Task timed out waiting for callback")
        error = waiting["error"] or {}
        raise emulator._ExecutionError(error.get("Error", "TaskFailed"), error.get("Cause", ""))

    return invoke


def _only_once(emulator: Any, original: Callable[..., Any]) -> Callable[..., Any]:
    def answer(data: dict[str, Any]) -> Any:
        waiting = emulator._task_tokens.get(data.get("taskToken")) or {}
        if "event" in waiting and waiting["event"].is_set():
            message = "Task Timed Out: 'Provided task does not exist anymore'"
            return emulator.error_response_json("TaskTimedOut", message, 400)
        return original(data)

    return answer


def _with_lambda_errors(emulator: Any, original: Callable[..., Any]) -> Callable[..., Any]:
    def call(function: str, event: Any) -> Any:
        try:
            return original(function, event)
        except emulator._ExecutionError as error:
            if error.error == "Lambda.Unknown" and f'"__type": "{THROTTLED}"' in error.cause:
                raise emulator._ExecutionError(f"Lambda.{THROTTLED}", error.cause) from error
            raise

    return call


def _stopping_children(emulator: Any, original: Callable[..., Any]) -> Callable[..., Any]:
    def stop(data: dict[str, Any]) -> Any:
        answer = original(data)
        for token in list(emulator._task_tokens.values()):
            execution = token.get("execution")
            if execution is not None and _is_aborted(emulator, execution):
                token["event"].set()
        return answer

    return stop


def _of_child(original: Callable[..., Any]) -> Callable[..., Any]:
    """Each child of a Map Run runs in a context of its own."""

    def run(states: Any, start_at: str, given: Any, execution: dict[str, Any], ctx: Any) -> Any:
        before = _child.set(execution if execution.get("mapRunArn") else None)
        try:
            return original(states, start_at, given, execution, ctx)
        finally:
            _child.reset(before)

    return run


def _check_not_aborted(emulator: Any, execution: dict[str, Any]) -> None:
    if _is_aborted(emulator, execution):
        raise Aborted


def _is_aborted(emulator: Any, execution: dict[str, Any]) -> bool:
    """Whether the execution, or the one whose Map Run it is a child of, was stopped."""
    if execution["status"] == "ABORTED":
        return True
    run = emulator._map_runs.get(execution.get("mapRunArn") or "")
    parent = emulator._executions.get(run["executionArn"]) if run else None
    return parent is not None and parent["status"] == "ABORTED"


def _count_states(emulator: Any, records: Records) -> None:
    """Every state entered is a transition, and so is every retry (Step Functions pricing); of children also history."""

    def counting(original: Callable[..., Any], position: int) -> Callable[..., Any]:
        def execute(*arguments: Any) -> Any:
            name, (state, given, *_) = arguments[position]["State"]["Name"], arguments
            records.states[name] += 1
            if child := _child.get():
                entered = {"stateEnteredEventDetails": {"name": name, "input": json.dumps(given)}}
                emulator._add_event(child, f"{state['Type']}StateEntered", entered)
            return original(*arguments)

        return execute

    for name, position in (("pass", 2), ("choice", 2), ("wait", 2), ("task", 3), ("map", 3), ("parallel", 3)):
        attribute = f"_execute_{name}"
        setattr(emulator, attribute, counting(getattr(emulator, attribute), position))
    find, output = emulator._find_matching_retrier, emulator._apply_output_path

    def find_retrier(*arguments: Any) -> Any:
        found = find(*arguments)
        if found[0] is not None:
            records.states["(retry)"] += 1
        return found

    def apply_output_path(state: dict[str, Any], *rest: Any) -> Any:
        if state.get("Type") == "Succeed":
            records.states["(succeed)"] += 1
        return output(state, *rest)

    emulator._find_matching_retrier, emulator._apply_output_path = find_retrier, apply_output_path
