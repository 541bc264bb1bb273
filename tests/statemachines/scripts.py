"""What a test scripts that functions answer, and what became of an execution: without moto, which takes a second to
import."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Raises:
    """A function that fails with an error of this type."""

    error: str = "RuntimeError"


@dataclass(frozen=True)
class Throttled:
    """A function that Lambda does not even start."""


SILENCE = object()  # a function with a task token that nobody completes in time
Answers = Mapping[str, Sequence[Any]]


@dataclass
class Run:
    """What became of an execution."""

    status: str = ""
    output: Any = None
    path: list[str] = field(default_factory=list)  # states in the order in which they were entered
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)  # functions, with their payload
    history: list[Any] = field(default_factory=list)  # its events, without those of the Distributed Map's children

    def payloads(self, function: str) -> list[dict[str, Any]]:
        return [payload for name, payload in self.calls if name == function]
