"""What reaches functions by itself: EventBridge's events, which may come late, twice or not at all, the table's stream,
and schedules.

Sources: EventBridge User Guide ("Event bus concepts": at least once, or best effort, without order); Lambda Developer
Guide, "Using Lambda with Amazon DynamoDB". How late things usually are is a guess.
"""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from functions.store.table.memory import Change, stream_record
from simulation.asl.errors import Failure
from simulation.aws.functions import Functions
from simulation.clock import Clock

_STREAM_SECONDS = (0.1, 0.5)
_RETRY_SECONDS = (0, 2, 4, 8, 16, 32, 60)  # after so many failures in a row, and after more than these


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFaults:
    """Shares of the events that are lost, doubled or late."""

    lost: float = 0
    doubled: float = 0
    late: float = 0
    late_seconds: float = 300


class Rules:
    """EventBridge."""

    def __init__(self, clock: Clock, chance: random.Random, functions: Functions, faults: EventFaults) -> None:
        self._clock, self._chance, self._functions, self._faults = clock, chance, functions, faults
        self.counts: Counter[str] = Counter()

    def send(self, function: str, event: dict[str, Any]) -> None:
        """An event that a rule sends to a function, by best effort."""
        self.deliver(lambda: self._functions.send(function, event))

    def deliver(self, act: Callable[[], None]) -> None:
        """An event that a rule sends anywhere."""
        self.counts["sent"] += 1
        if self._chance.random() < self._faults.lost:
            self.counts["lost"] += 1
            return
        times = 1
        if self._chance.random() < self._faults.doubled:
            self.counts["doubled"] += 1
            times = 2
        for _ in range(times):
            delay = self._chance.uniform(0.2, 1.0)
            if self._chance.random() < self._faults.late:
                self.counts["late"] += 1
                delay += self._chance.uniform(0, self._faults.late_seconds)
            self._clock.later(delay, act)


class Reader:
    """A function that reads the table's stream: in order, in batches, again from the first record that failed."""

    def __init__(
        self,
        clock: Clock,
        chance: random.Random,
        functions: Functions,
        function: str,
        *,
        batch: int,
        window: float,
        wants: Callable[[Change], bool],
    ) -> None:
        self._clock, self._chance, self._functions, self._function = clock, chance, functions, function
        self._batch, self._window, self._wants = batch, window, wants
        self._records: list[dict[str, Any]] = []
        self._is_busy = False
        self._failures = 0

    @property
    def is_idle(self) -> bool:
        return not self._records and not self._is_busy

    def put(self, number: int, change: Change) -> None:
        if self._wants(change):
            self._records.append(stream_record(number, change))
            self._wake(self._window)

    def _wake(self, delay: float) -> None:
        if not self._is_busy and self._records:
            self._is_busy = True
            self._clock.later(delay + self._chance.uniform(*_STREAM_SECONDS), self._read)

    def _read(self) -> None:
        batch = self._records[: self._batch]

        def reply(result: Any, failure: Failure | None) -> None:
            self._is_busy = False
            failed = [each["itemIdentifier"] for each in (result or {}).get("batchItemFailures", ())]
            numbers = [record["dynamodb"]["SequenceNumber"] for record in batch]
            done = 0 if failure else numbers.index(failed[0]) if failed else len(batch)
            del self._records[:done]
            self._failures = self._failures + 1 if failure or failed else 0
            self._wake(_RETRY_SECONDS[min(self._failures, len(_RETRY_SECONDS) - 1)])

        self._functions.invoke(self._function, {"Records": batch}, reply)


class Stream:
    """The table's stream: every change, to every reader that wants it."""

    def __init__(self, readers: list[Reader]) -> None:
        self._readers = readers
        self._count = 0

    @property
    def is_idle(self) -> bool:
        return all(reader.is_idle for reader in self._readers)

    def put(self, change: Change) -> None:
        self._count += 1
        for reader in self._readers:
            reader.put(self._count, change)


def is_announced(change: Change) -> bool:
    """The filter of `publish`."""
    return change.after is not None and change.after.get("news") is True


def is_created(change: Change) -> bool:
    """The filter of `launch`."""
    after = change.after or {}
    return is_announced(change) and change.key.sk == "DEPLOYMENT" and after.get("status") == "Created"


def is_queued(change: Change) -> bool:
    """The filter of `wake`."""
    return change.key.sk == "DEPLOYMENT" and (change.after or {}).get("status") == "Queued"


def every(clock: Clock, seconds: float, act: Callable[[], None]) -> None:
    """A schedule."""

    def again() -> None:
        act()
        clock.later(seconds, again)

    clock.later(seconds, again)
