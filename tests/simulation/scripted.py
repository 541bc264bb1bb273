"""The interpreter alone: a world whose functions a test scripts, as `play` does for moto's interpreter."""

import random
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from simulation.asl.errors import ITEM_READER, Failure, StateFailed
from simulation.asl.execution import Execution, Resume
from simulation.asl.reading import read_machine
from simulation.asl.tokens import Timer, Tokens
from simulation.clock import Clock
from tests.statemachines.scripts import SILENCE, Answers, Raises, Run, Throttled


class Scripted:
    """Functions answer at once, one answer after another."""

    def __init__(self, answers: Answers, objects: Mapping[str, list[Any]] | None = None) -> None:
        self.clock = Clock()
        self.tokens = Tokens(self.later)
        self.run = Run()
        self.times: list[tuple[str, float]] = []  # of the states that the execution itself entered
        self.retries = 0
        self.parent: Execution | None = None
        self._answers = {name: list(each) for name, each in answers.items()}
        self._objects = objects or {}
        self._random = random.Random(1)
        self._tokens = 0

    def now(self) -> datetime:
        return self.clock.now()

    def later(self, seconds: float, act: Callable[[], None]) -> Timer:
        return self.clock.later(seconds, act)

    def uniform(self, low: float, high: float) -> float:
        return self._random.uniform(low, high)

    def new_token(self) -> str:
        self._tokens += 1
        return f"token-{self._tokens}"

    def invoke(self, function: str, payload: Any, reply: Resume) -> None:
        name = function.strip("${}")
        self.run.calls.append((name, payload))
        answer = self._answers[name].pop(0)
        if isinstance(answer, Raises):
            self.later(0, lambda: reply(None, Failure(answer.error, "scripted")))
        elif isinstance(answer, Throttled):
            self.later(0, lambda: reply(None, Failure("Lambda.TooManyRequestsException", "scripted")))
        elif answer is SILENCE or "task_token" not in payload:
            self.later(0, lambda: reply(None if answer is SILENCE else answer, None))
        else:
            self.tokens.complete(payload["task_token"], answer)
            self.later(0, lambda: reply(None, None))

    def read_items(self, parameters: Mapping[str, Any]) -> list[Any]:
        if parameters["Key"] not in self._objects:
            raise StateFailed(ITEM_READER, "NoSuchKey")
        return self._objects[parameters["Key"]]

    def entered(self, execution: Execution, state: str, *, is_retry: bool) -> float:
        if is_retry:
            self.retries += 1
        elif execution is self.parent:
            self.run.path.append(state)
            self.times.append((state, self.clock.time))
        return 0

    def child_delay(self) -> float:
        return 0

    def play(self, definition: Mapping[str, Any], given: Any) -> Run:
        """The whole execution, in virtual time."""

        def ended(execution: Execution) -> None:
            self.run.status, self.run.output = execution.status, execution.output

        self.parent = Execution(self, read_machine(definition), "d-1", given, ended=ended)
        self.parent.begin()
        self.clock.run(lambda: False)
        return self.run


def play(definition: Mapping[str, Any], given: Any = None, **answers: Any) -> Run:
    """A machine whose functions answer so."""
    return Scripted(answers).play(definition, given)
