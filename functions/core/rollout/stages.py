"""Stages: which targets, how many at once, how long to watch them afterwards, and what comes next. A plain deployment
has one."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from functions.core.causes import Cause
from functions.core.records import Deployment, Target
from functions.core.rollout.gate import Counters
from functions.core.rollout.health import is_success
from functions.core.statuses import DeploymentStatus, TargetStatus

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A stage as the state machine knows it: where its targets are written."""

    stage: int
    bucket: str
    key: str
    concurrency: int
    bake_seconds: int


class Next(StrEnum):
    """What a deployment does next."""

    BEGIN = "Begin"  # Prepare has decided nothing yet
    RUN = "Run"
    BAKE = "Bake"
    FINISH = "Finish"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a deployment does next, and with which stage."""

    next: Next
    stage: Manifest | None = None


FINISH = Decision(next=Next.FINISH)


def next_stage(deployment: Deployment | None, stages: Sequence[Manifest], last: Decision) -> Decision:
    """What comes after the last decision is carried out. A deployment that cannot succeed any more, or is to stop, runs
    no further stage and waits for nothing."""
    if deployment is None or deployment.status is not DeploymentStatus.IN_PROGRESS or not is_promising(deployment):
        return FINISH
    if last.next is Next.RUN and last.stage and last.stage.bake_seconds:
        return Decision(next=Next.BAKE, stage=last.stage)
    done = last.stage.stage if last.stage else -1
    following = next((stage for stage in stages if stage.stage > done), None)
    return Decision(next=Next.RUN, stage=following) if following else FINISH


def is_promising(deployment: Deployment) -> bool:
    """Whether the deployment is worth to be gone on with: it may succeed yet, and nobody stops it."""
    if deployment.stop:
        return False
    counters = deployment.counters
    if counters.pending:
        return counters.failed < counters.allowed
    return is_success(targets=counters.total, allowed_out=counters.allowed, succeeded=counters.succeeded)


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
