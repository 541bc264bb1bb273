"""Stages: which targets, how many at once, and how long to watch them afterwards. A plain deployment has one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from functions.core.gate import Counters
from functions.core.records import Deployment, Target
from functions.core.statuses import TargetStatus

MAX_CONCURRENCY = 10_000  # of a Distributed Map (Step Functions quotas)
MAX_BAKE_SECONDS = 48 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One round of a deployment."""

    number: int
    target_ids: tuple[str, ...]
    concurrency: int
    bake_seconds: int

    def manifest(self) -> list[dict[str, Any]]:
        """What the Distributed Map reads: one item a target."""
        return [{"target_id": target_id} for target_id in self.target_ids]


def count(deployment: Deployment, targets: Sequence[Target]) -> Counters:
    """The counters of a deployment that is about to begin. Targets that SSM does not reach have failed already.

    Raises HealthConstraintsInvalid when the configuration keeps every target in service.
    """
    unreachable = sum(target.status is TargetStatus.FAILED for target in targets)
    allowed = deployment.settings.config.allowed_out(len(targets))
    return Counters(total=len(targets), allowed=allowed, out=unreachable, failed=unreachable)


def plan(deployment: Deployment, counters: Counters, targets: Sequence[Target]) -> tuple[Stage, ...]:
    """The stages of a deployment, in order; only targets that can be reached take part."""
    waiting = tuple(target.target_id for target in targets if target.status is TargetStatus.PENDING)
    # Hosts that failed already keep their places: a child that could never get one would only wait.
    concurrency = max(min(counters.allowed - counters.failed, len(waiting), MAX_CONCURRENCY), 1)
    bake = deployment.settings.bake_seconds
    return (Stage(number=0, target_ids=waiting, concurrency=concurrency, bake_seconds=bake),)
