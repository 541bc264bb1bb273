"""Task tokens: which states wait, and what ends their waiting."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from simulation.asl.errors import HEARTBEAT_TIMEOUT, Failure

Answered = Callable[[Any, Failure | None], None]


class Timer(Protocol):
    def cancel(self) -> None: ...


Later = Callable[[float, Callable[[], None]], Timer]


@dataclass(slots=True)
class _Waiting:
    answered: Answered
    heartbeat: float | None
    timer: Timer | None = None


class Tokens:
    """The tokens that a state waits for. Each is completed once; whoever comes second is too late."""

    def __init__(self, later: Later) -> None:
        self._later = later
        self._waiting: dict[str, _Waiting] = {}

    def wait(self, token: str, heartbeat: float | None, answered: Answered) -> None:
        waiting = self._waiting[token] = _Waiting(answered, heartbeat)
        self._expect_heartbeat(token, waiting)

    def beat(self, token: str) -> bool:
        """SendTaskHeartbeat; False when no state waits for the token."""
        waiting = self._waiting.get(token)
        if waiting is None:
            return False
        self._expect_heartbeat(token, waiting)
        return True

    def complete(self, token: str, output: Any, failure: Failure | None = None) -> bool:
        """SendTaskSuccess or SendTaskFailure; False when no state waits for the token any more."""
        waiting = self.forget(token)
        if waiting is None:
            return False
        waiting.answered(output, failure)
        return True

    def forget(self, token: str) -> _Waiting | None:
        waiting = self._waiting.pop(token, None)
        if waiting and waiting.timer:
            waiting.timer.cancel()
        return waiting

    def _expect_heartbeat(self, token: str, waiting: _Waiting) -> None:
        if waiting.heartbeat is None:
            return
        if waiting.timer:
            waiting.timer.cancel()
        waiting.timer = self._later(
            waiting.heartbeat, lambda: void(self.complete(token, None, Failure(HEARTBEAT_TIMEOUT)))
        )


def void(value: object) -> None:
    """Drops a value where nothing is wanted."""
