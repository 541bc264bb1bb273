"""What the local cloud has done, counted where it does it: state transitions, function calls, calls of services."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

# The emulator takes this key for the account's root user.
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


@dataclass
class Records:
    """Counts by name."""

    states: Counter[str] = field(default_factory=Counter)  # entered, and entered again by a retry
    functions: Counter[str] = field(default_factory=Counter)
    ssm: Counter[str] = field(default_factory=Counter)
    dynamodb: Counter[str] = field(default_factory=Counter)
    elb: Counter[str] = field(default_factory=Counter)
    autoscaling: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)  # by the weather: "service:Operation", "conflict:Operation"

    @property
    def transitions(self) -> int:
        return self.states.total()

    @property
    def function_calls(self) -> int:
        return self.functions.total()

    @property
    def ssm_calls(self) -> int:
        return self.ssm.total()

    def plain(self) -> dict[str, dict[str, int]]:
        return {name: dict(counter) for name, counter in vars(self).items()}

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> "Records":
        return cls(**{name: Counter(counts) for name, counts in plain.items()})


def is_administrator(headers: dict[str, str]) -> bool:
    """Whether a request is of whoever drives the cloud, not of the engine: those are not counted."""
    return f"Credential={CREDENTIALS['AWS_ACCESS_KEY_ID']}/" in headers.get("authorization", "")
