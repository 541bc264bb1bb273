"""What a failure of the engine itself is called: its kind and what to do, in our words.

AWS's own texts name roles, resources and accounts, and a stack trace is long. They belong to the log: a deployment's
`errorInformation`, SNS and Slack have other readers.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_NAME = re.compile(r"[A-Za-z][\w.]{0,63}")
# What to look for in an error's name and text; what it is called; what to do.
_KINDS = (
    (
        re.compile(r"AccessDenied|UnauthorizedOperation|not authorized|Forbidden"),
        "AWS denied one of its calls",
        "Compare the roles' permissions with docs/permissions.md, then deploy again.",
    ),
    (
        re.compile(r"Throttl|TooManyRequests|[Rr]ate ?[Ee]xceeded|LimitExceeded|ThroughputExceeded|SlowDown"),
        "AWS throttled it",
        "Deploy again later.",
    ),
    (
        re.compile(r"Time(d)?[Oo]ut|timed out"),
        "it took too long",
        "Deploy again.",
    ),
)
_OTHER = ("an unexpected error", "Deploy again; if it repeats, the log shows what to report.")


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineError:
    """An error of a function or a state: its name, and the text that is for the log alone."""

    name: str
    text: str

    @classmethod
    def of_state(cls, error: Mapping[str, Any]) -> "EngineError":
        """As Step Functions hands it to a Catch.

        >>> EngineError.of_state({"Error": "States.Timeout"})
        EngineError(name='States.Timeout', text='')
        """
        return cls(name=str(error.get("Error") or ""), text=str(error.get("Cause") or ""))

    @property
    def kind(self) -> str:
        """
        >>> EngineError(name="ThrottlingException", text="Rate exceeded").kind
        'AWS throttled it'
        """
        return self._kind[0]

    def told(self, deployment_id: str) -> str:
        """The sentences for the deployment or target that failed by it."""
        kind, remedy = self._kind
        name = f" ({self.name})" if _NAME.fullmatch(self.name) else ""
        where = f"See execution {deployment_id} in Step Functions and the log of the function that failed"
        return f"The engine failed: {kind}{name}. {where}. {remedy}"

    @property
    def _kind(self) -> tuple[str, str]:
        said = f"{self.name} {self.text}"
        return next(((kind, remedy) for sign, kind, remedy in _KINDS if sign.search(said)), _OTHER)
