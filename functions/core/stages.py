"""Stages: which targets, how many at once, and how long to watch them afterwards. A plain deployment has one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from functions.core.causes import Cause
from functions.core.gate import Counters
from functions.core.records import Deployment, Target
from functions.core.statuses import TargetStatus

MAX_CONCURRENCY = 10_000  # of a Distributed Map (Step Functions quotas)


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
    """The counters of a deployment that is about to begin. Targets that cannot take part have failed already.

    Raises HealthConstraintsInvalid when the configuration keeps every target in service.
    """
    failed = len(targets) - len(_taking_part(targets))
    allowed = deployment.settings.config.allowed_out(len(targets))
    return Counters(total=len(targets), allowed=allowed, out=failed, failed=failed)


def plan(deployment: Deployment, allowed: int, targets: Sequence[Target]) -> tuple[Stage, ...]:
    """The stages of a deployment, in order; only targets that can take part are in them. None when too few can.

    `allowed`: targets that may be out of service at one time. The plan is the same whatever the targets have done since
    the deployment began.
    """
    ids = sorted(target.target_id for target in _taking_part(targets))
    failed = len(targets) - len(ids)
    if failed >= allowed:
        return ()
    # Hosts that failed already keep their places: a child that could never get one would only wait.
    concurrency = max(min(allowed - failed, len(ids), MAX_CONCURRENCY), 1)
    bake = deployment.settings.bake_seconds
    return (Stage(number=0, target_ids=tuple(ids), concurrency=concurrency, bake_seconds=bake),)


def _taking_part(targets: Sequence[Target]) -> list[Target]:
    """Those that had not failed when the deployment began. One that fails later has a segment on record, or failed
    because the engine did."""
    return [each for each in targets if not _failed_at_once(each)]


def _failed_at_once(target: Target) -> bool:
    if target.status is not TargetStatus.FAILED or target.segments:
        return False
    return target.failure is None or target.failure.cause is not Cause.ENGINE
