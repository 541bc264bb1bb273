"""The run of a Map state: its items, so many at a time."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from simulation.asl import model
from simulation.asl.errors import ITEM_READER, RUNTIME, TOO_MANY_FAILURES, Failure, StateFailed

if TYPE_CHECKING:
    from simulation.asl.execution import Execution, Resume

MAX_CONCURRENCY = 10_000  # of a Distributed Map without a limit of its own (Step Functions quotas)


class MapRun:
    """One run of a Map: items are begun in order, and their results keep it."""

    def __init__(self, execution: "Execution", state: model.Map, data: Any, context: Mapping[str, Any]) -> None:
        self._execution, self._state, self._data, self._context = execution, state, data, context
        self._items: list[Any] = self._read()
        self._concurrency = self._number(state.concurrency) or (MAX_CONCURRENCY if state.is_distributed else 40)
        self._tolerated = self._tolerated_failures()
        self._results: list[Any] = [None] * len(self._items)
        self._begun = self._running = self._over = self._failed = 0
        self._is_over = False

    def start(self, resume: "Resume") -> None:
        self._resume = resume
        if not self._items:
            self._end(None)
        else:
            self._begin_more()

    def _read(self) -> list[Any]:
        state, services = self._state, self._execution.services
        if state.reader:
            found = services.read_items(state.reader(self._data, self._context))
        else:
            assert state.items is not None
            found = state.items(self._data, self._context)
        if not isinstance(found, list):
            raise StateFailed(ITEM_READER if state.reader else RUNTIME, f"{state.name}: the items are no list")
        return found

    def _number(self, read: "Callable[[Any, Mapping[str, Any]], Any] | None") -> int:
        value = read(self._data, self._context) if read else 0
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise StateFailed(RUNTIME, f"{self._state.name}: {value!r} is no number")
        return int(value)

    def _tolerated_failures(self) -> int:
        state, total = self._state, len(self._items)
        share = self._number(state.tolerated_percentage)
        by_share = total * share // 100 if state.tolerated_percentage else total
        by_count = self._number(state.tolerated_count) if state.tolerated_count else total
        given = state.tolerated_percentage or state.tolerated_count
        return min(by_share, by_count) if given else 0

    def _begin_more(self) -> None:
        """Begin as many items as may run. Those of a Distributed Map are paced by Step Functions."""
        while not self._is_over and self._begun < len(self._items) and self._running < self._concurrency:
            number = self._begun
            self._begun += 1
            self._running += 1
            delay = self._execution.services.child_delay() if self._state.is_distributed else 0.0
            self._execution.services.later(delay, lambda number=number: self._begin(number))  # type: ignore[misc]

    def _begin(self, number: int) -> None:
        if self._is_over or self._execution.status != "RUNNING":
            return
        item, state, execution = self._items[number], self._state, self._execution
        context = {**self._context, "Map": {"Item": {"Index": number, "Value": item}}}
        try:
            given = state.selector(self._data, context) if state.selector else item
        except StateFailed as failed:
            self._end(failed.failure)
            return

        def ended(output: Any, failure: Failure | None) -> None:
            self._ended(number, output, failure)

        def child_ended(child: "Execution") -> None:
            execution.children.discard(child)
            ended(child.output, child.failure or _aborted(child))

        if not state.is_distributed:
            execution.drive(execution.flow(state.processor, given, context), ended)
            return
        child = type(execution)(
            execution.services,
            state.processor,
            f"{execution.name}/{state.label}:{number}",
            given,
            ended=child_ended,
            context=context,
        )
        execution.children.add(child)
        child.begin()

    def _ended(self, number: int, output: Any, failure: Failure | None) -> None:
        if self._is_over:
            return
        self._running -= 1
        self._over += 1
        self._results[number] = output
        if failure:
            self._failed += 1
            if not self._state.is_distributed:
                self._end(failure)
                return
            if self._failed > self._tolerated:
                self._end(Failure(TOO_MANY_FAILURES, "The specified tolerated failure threshold was exceeded"))
                return
        if self._over == len(self._items):
            self._end(None)
        else:
            self._begin_more()

    def _end(self, failure: Failure | None) -> None:
        self._is_over = True
        for child in list(self._execution.children):
            child.stop()
        self._execution.services.later(0, lambda: self._resume(None if failure else self._results, failure))


def _aborted(child: "Execution") -> Failure | None:
    return Failure("States.TaskFailed", "the child was stopped") if child.status == "ABORTED" else None
