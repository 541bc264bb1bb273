"""The kinds of exception the engine raises on purpose; everything else is a bug or AWS."""

from functions.core.statuses import DeploymentErrorCode


class InvalidInput(Exception):
    """The user's mistake: shown as written, never retried. Names the field, the value and the remedy."""


class Conflict(Exception):
    """A conditional write lost to another writer: expected, and handled where it arises."""


class Unreadable(Exception):
    """A record that this version of the engine does not know, as after a step back to an older one: it waits for an
    engine that does, and keeps nothing else waiting."""


class NotDeployable(InvalidInput):
    """A deployment that cannot begin; `code` is CodeDeploy's errorInformation.code for it."""

    def __init__(self, code: DeploymentErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code


class Refused(InvalidInput):
    """A request that the control API refuses; `code` is the name of CodeDeploy's exception."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
