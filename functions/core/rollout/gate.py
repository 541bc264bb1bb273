"""The gate: may one more target be taken out of service now?

`out` counts the targets that are out of service: in flight or failed. The answer is only advice; the conditional
write that follows a GO (`out < allowed`, no stop mark) is what keeps the promise when many targets ask at once.
"""

from dataclasses import dataclass
from enum import StrEnum


class GateDecision(StrEnum):
    """What the target does next."""

    GO = "Go"
    WAIT = "Wait"
    SKIP = "Skip"


@dataclass(frozen=True, slots=True)
class Counters:
    """Where the targets of a deployment are. `total` = pending + in flight + succeeded + failed + skipped."""

    total: int = 0
    allowed: int = 0  # targets that may be out of service at one time
    out: int = 0  # in flight + failed
    succeeded: int = 0
    failed: int = 0
    skipped: int = 0
    started: int = 0  # targets that the gate let go: 0 means that no host was touched

    @property
    def in_flight(self) -> int:
        return self.out - self.failed

    @property
    def pending(self) -> int:
        return self.total - self.out - self.succeeded - self.skipped

    @property
    def overview(self) -> dict[str, int]:
        """CodeDeploy's deploymentOverview, without the targets of blue/green deployments."""
        return {
            "Failed": self.failed,
            "InProgress": self.in_flight,
            "Pending": self.pending,
            "Skipped": self.skipped,
            "Succeeded": self.succeeded,
        }


def ask(counters: Counters, *, stopping: bool) -> GateDecision:
    """Whether a target that has not started may start.

    >>> ask(Counters(total=3, allowed=1, out=1, failed=1), stopping=False)
    <GateDecision.SKIP: 'Skip'>
    """
    if stopping or counters.failed >= counters.allowed:
        return GateDecision.SKIP
    return GateDecision.GO if counters.out < counters.allowed else GateDecision.WAIT
