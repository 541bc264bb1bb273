"""Executions: a machine that runs over a virtual world, which answers its tasks.

A state is a generator that yields what it waits for; nothing of it runs in a thread of its own.
"""

import json
from collections.abc import Callable, Generator, Mapping
from datetime import datetime
from functools import partial
from typing import Any, Protocol, assert_never

from simulation.asl import model
from simulation.asl.errors import (
    DATA_LIMIT,
    NO_CHOICE,
    RUNTIME,
    TIMEOUT,
    Failure,
    StateFailed,
)
from simulation.asl.maps import MapRun
from simulation.asl.tokens import Timer, Tokens

Resume = Callable[[Any, Failure | None], None]
Start = Callable[[Resume], None]  # begins what a state waits for; never calls `resume` before it returns
Flow = Generator[Start, Any, Any]

MAX_HISTORY_EVENTS = 25_000  # Step Functions quotas
MAX_BYTES = 256 * 1024  # of a task's input and result


class Services(Protocol):
    """What an execution asks of its world."""

    tokens: Tokens

    def now(self) -> datetime: ...

    def later(self, seconds: float, act: Callable[[], None]) -> Timer: ...

    def uniform(self, low: float, high: float) -> float: ...

    def new_token(self) -> str: ...

    def invoke(self, function: str, payload: Any, reply: Resume) -> None:
        """Call a function synchronously; `reply` comes later, with its answer or its error."""

    def read_items(self, parameters: Mapping[str, Any]) -> list[Any]:
        """The items of a Distributed Map. Raises StateFailed."""

    def entered(self, execution: "Execution", state: str, *, is_retry: bool) -> float:
        """A state is entered, or tried again; seconds that it is held up for."""

    def child_delay(self) -> float:
        """Seconds until a Distributed Map may begin its next child."""


class Execution:
    """One execution. `ended` is called once, with its output or why it failed."""

    def __init__(
        self,
        services: Services,
        machine: model.Machine,
        name: str,
        data: Any,
        *,
        ended: Callable[["Execution"], None],
        context: Mapping[str, Any] | None = None,
    ) -> None:
        self.services, self.name = services, name
        self.status = "RUNNING"
        self.output: Any = None
        self.failure: Failure | None = None
        self.history_events = 1
        self.children = set[Execution]()
        self.context = {**(context or {}), "Execution": {"Name": name, "Input": data}}
        self._machine, self._data, self._ended = machine, data, ended

    def begin(self) -> None:
        self.drive(self.flow(self._machine, self._data, self.context), self._end)

    def stop(self, failure: Failure | None = None) -> None:
        """StopExecution: nothing of it goes on; functions that run are not ended by it."""
        if self.status != "RUNNING":
            return
        self.status, self.failure = "ABORTED", failure
        for child in list(self.children):
            child.stop()
        self._ended(self)

    def _end(self, output: Any, failure: Failure | None) -> None:
        if self.status != "RUNNING":
            return
        self.status, self.output, self.failure = "FAILED" if failure else "SUCCEEDED", output, failure
        for child in list(self.children):
            child.stop()
        self._ended(self)

    def drive(self, flow: Flow, done: Resume, value: Any = None, failure: Failure | None = None) -> None:
        """Run a flow until it waits for something, and on from there."""
        if self.status != "RUNNING":
            flow.close()
            return
        try:
            start = flow.throw(StateFailed(failure.error, failure.cause)) if failure else flow.send(value)
        except StopIteration as stopped:
            done(stopped.value, None)
        except StateFailed as failed:
            done(None, failed.failure)
        else:
            start(partial(self.drive, flow, done))

    def flow(self, machine: model.Machine, data: Any, context: Mapping[str, Any]) -> Flow:
        """The states of a machine, one after another; its output."""
        name: str | None = machine.start
        while name is not None:
            state = machine.states[name]
            yield from self._enter(name, is_retry=False)
            self.record(2)
            name, data = yield from self._state(state, data, context)
        return data

    def _enter(self, name: str, *, is_retry: bool) -> Flow:
        if delay := self.services.entered(self, name, is_retry=is_retry):
            yield self.pause(delay)

    def record(self, events: int) -> None:
        """Count events of the history, which is not endless."""
        self.history_events += events
        if self.history_events > MAX_HISTORY_EVENTS:
            raise StateFailed(RUNTIME, f"the execution reached the maximum of {MAX_HISTORY_EVENTS} history events")

    def pause(self, seconds: float) -> Start:
        def start(resume: Resume) -> None:
            self.services.later(seconds, lambda: resume(None, None))

        return start

    def _state(self, state: model.State, data: Any, context: Mapping[str, Any]) -> Flow:
        """The name of the next state, None at the end, and the data that it gets."""
        taken = state.take(data, context) if state.take else data
        match state:
            case model.Task() | model.Map() | model.Parallel():
                return (yield from self._work(state, taken, context))
            case model.Choice():
                following = next((to for holds, to in state.rules if holds(taken, context)), state.default)
                if following is None:
                    raise StateFailed(NO_CHOICE, f"no rule of {state.name} holds, and it has no default")
                return following, _given(state, taken, context)
            case model.Wait():
                yield self.pause(self._seconds(state, taken, context))
            case model.Pass():
                taken = state.put(taken, state.result(taken, context))
            case model.Succeed():
                pass
            case model.Fail():
                raise StateFailed(state.error, state.cause)
            case _:
                raise TypeError(f"no state: {state!r}")
        return state.next, _given(state, taken, context)

    def _seconds(self, state: model.Wait, data: Any, context: Mapping[str, Any]) -> float:
        if state.seconds:
            seconds = state.seconds(data, context)
            if isinstance(seconds, bool) or not isinstance(seconds, int) or seconds < 0:
                raise StateFailed(RUNTIME, f"{state.name}: {seconds!r} is no number of seconds")
            return seconds
        assert state.until is not None
        return max(0.0, (datetime.fromisoformat(state.until(data, context)) - self.services.now()).total_seconds())

    # -- states that work, and may fail

    def _work(self, state: "model.Task | model.Map | model.Parallel", data: Any, context: Mapping[str, Any]) -> Flow:
        retries = dict[int, int]()
        while True:
            try:
                result = yield from self._attempt(state, data, context)
                selected = state.select(result, context) if state.select else result
                return state.next, _given(state, state.put(data, selected), context)
            except StateFailed as failed:
                failure = failed.failure
            delay = self._retry_delay(state, failure, retries)
            if delay is not None:
                yield self.pause(delay)
                yield from self._enter(state.name, is_retry=True)
                continue
            catcher = next((each for each in state.catchers if failure.is_named(each.errors)), None)
            if catcher is None:
                raise StateFailed(failure.error, failure.cause)
            return catcher.next, catcher.put(data, failure.output)

    def _retry_delay(self, state: model.Working, failure: Failure, retries: dict[int, int]) -> float | None:
        """Seconds before the state is tried again; None when it is not."""
        for number, retrier in enumerate(state.retriers):
            if not failure.is_named(retrier.errors):
                continue
            before = retries.get(number, 0)
            if before >= retrier.max_attempts:
                return None
            retries[number] = before + 1
            longest = retrier.longest_delay(before)
            return self.services.uniform(0, longest) if retrier.has_full_jitter else longest
        return None

    def _attempt(self, state: "model.Task | model.Map | model.Parallel", data: Any, context: Mapping[str, Any]) -> Flow:
        match state:
            case model.Task():
                self.record(4 if state.waits else 3)
                return (yield self._call(state, data, context))
            case model.Map():
                self.record(3)
                return (yield MapRun(self, state, data, context).start)
            case model.Parallel():
                self.record(2)
                return (yield self._branches(state, data, context))
            case _:
                assert_never(state)

    def _call(self, state: model.Task, data: Any, context: Mapping[str, Any]) -> Start:
        """A task's call of its function, over when the function or the token says so, or after its time."""
        token = self.services.new_token() if state.waits else ""
        given = state.arguments(data, {**context, "Task": {"Token": token}} if state.waits else context)
        payload = checked(given.get("Payload", {}), state.name)
        timeout = state.timeout(data, context) if state.timeout else None
        heartbeat = state.heartbeat(data, context) if state.heartbeat else None

        def start(resume: Resume) -> None:
            timer: Timer | None = None
            is_over = False

            def answered(output: Any, failure: Failure | None) -> None:
                nonlocal is_over
                if is_over:
                    return
                is_over = True
                if timer:
                    timer.cancel()
                self.services.tokens.forget(token)
                self.services.later(0, lambda: resume(output, failure))

            def reply(output: Any, failure: Failure | None) -> None:
                if failure or not state.waits:
                    answered(None if failure else {"Payload": output, "StatusCode": 200}, failure)

            if state.waits:
                self.services.tokens.wait(token, heartbeat, answered)
            if timeout is not None:
                timer = self.services.later(timeout, lambda: answered(None, Failure(TIMEOUT)))
            self.services.invoke(given["FunctionName"], payload, reply)

        return start

    def _branches(self, state: model.Parallel, data: Any, context: Mapping[str, Any]) -> Start:
        given = state.arguments(data, context) if state.arguments else data

        def start(resume: Resume) -> None:
            results = list[Any](state.branches)
            left = len(results)

            def ended(number: int, output: Any, failure: Failure | None) -> None:
                nonlocal left
                if left <= 0:
                    return
                results[number], left = output, 0 if failure else left - 1
                if not left:
                    self.services.later(0, lambda: resume(results, failure))

            for number, branch in enumerate(state.branches):
                self.drive(self.flow(branch, given, context), partial(ended, number))

        return start


def _given(state: model.State, data: Any, context: Mapping[str, Any]) -> Any:
    return state.give(data, context) if state.give else data


def checked(value: Any, name: str) -> Any:
    """A copy of a payload, as it arrives on the other side. Fails the state when it is too large."""
    text = json.dumps(value)
    if len(text) > MAX_BYTES:
        raise StateFailed(DATA_LIMIT, f"{name}: {len(text)} bytes, at most {MAX_BYTES}")
    return json.loads(text)
