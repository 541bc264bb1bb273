"""What a state can fail with, and what the interpreter refuses."""

from dataclasses import dataclass


class Unknown(ValueError):
    """ASL that the interpreter does not know."""


@dataclass(frozen=True, slots=True)
class Failure:
    """The error of a state, as Retry and Catch see it."""

    error: str
    cause: str = ""

    def is_named(self, names: tuple[str, ...]) -> bool:
        """Whether a retrier or catcher with these ErrorEquals is meant for it.

        >>> Failure("ClientError").is_named(("States.TaskFailed",)), Failure("States.Runtime").is_named(("States.ALL",))
        (True, False)
        """
        if self.error in names:
            return True
        if self.error in _NEVER_CAUGHT_BY_ALL:
            return False
        return "States.ALL" in names or ("States.TaskFailed" in names and self.error != TIMEOUT)

    @property
    def output(self) -> dict[str, str]:
        """What a catcher puts into the state's data."""
        return {"Error": self.error, "Cause": self.cause}


class StateFailed(Exception):
    """A state has failed."""

    def __init__(self, error: str, cause: str = "") -> None:
        super().__init__(f"{error}: {cause}")
        self.failure = Failure(error, cause)


TIMEOUT = "States.Timeout"
HEARTBEAT_TIMEOUT = "States.HeartbeatTimeout"
RUNTIME = "States.Runtime"
PARAMETER_PATH = "States.ParameterPathFailure"
RESULT_PATH = "States.ResultPathMatchFailure"
NO_CHOICE = "States.NoChoiceMatched"
DATA_LIMIT = "States.DataLimitExceeded"
ITEM_READER = "States.ItemReaderFailed"
TOO_MANY_FAILURES = "States.ExceedToleratedFailureThreshold"

_NEVER_CAUGHT_BY_ALL = frozenset({RUNTIME, DATA_LIMIT})
