"""Readers of the table's stream."""

import random
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, cast

from functions.store.table.memory import Change
from functions.store.table.values import Key
from simulation.asl.errors import Failure
from simulation.aws.events import Reader
from simulation.aws.functions import Functions
from simulation.clock import Clock


class Broken:
    """A function that always fails."""

    def __init__(self) -> None:
        self.calls = 0

    def invoke(self, function: str, event: dict[str, Any], reply: Callable[[Any, Failure | None], None]) -> None:
        self.calls += 1
        reply(None, Failure("Runtime.ExitError"))


def test_a_function_that_fails_for_days_is_called_each_minute() -> None:
    clock, broken = Clock(), Broken()
    chance = random.Random(1)
    reader = Reader(clock, chance, cast(Functions, broken), "publish", batch=10, window=1, wants=lambda change: True)
    reader.put(1, Change(Key("pk", "sk"), None, {"pk": "pk", "sk": "sk"}, datetime(2026, 1, 1, tzinfo=UTC)))
    clock.run(lambda: clock.time > 86_400)
    assert 1_400 < broken.calls < 1_450
