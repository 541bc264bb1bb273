"""Stages: which targets, how many at once, how long to watch them afterwards, and what comes next. A plain deployment
has one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from functions.core.causes import Cause
from functions.core.records import Counts, Deployment, PlaceSet, Target
from functions.core.rollout import zones
from functions.core.rollout.health import ZonalConfig, is_success
from functions.core.rollout.places import with_homes
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


def next_stage(
    deployment: Deployment | None, stages: Sequence[Manifest], last: Decision, *, is_zone_lost: bool = False
) -> Decision:
    """What comes after the last decision is carried out. A deployment that cannot succeed any more, or is to stop, runs
    no further stage and waits for nothing."""
    if deployment is None or deployment.status is not DeploymentStatus.IN_PROGRESS or deployment.stop:
        return FINISH
    if is_zone_lost or (last.next is not Next.BEGIN and not is_promising(deployment)):
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
    counts = deployment.counts
    if counts.pending:
        return counts.failed < counts.max_out_of_service
    return is_success(targets=counts.total, allowed_out=counts.max_out_of_service, succeeded=counts.succeeded)


def begin(deployment: Deployment, targets: Sequence[Target]) -> tuple[Deployment, list[Target]]:
    """A deployment that is about to begin, with its counts and places, and its targets with the shards that they ask.

    Targets that cannot take part have failed already: they are out of service, and leave fewer places to the others.
    Raises HealthConstraintsInvalid when the configuration keeps every target in service.
    """
    part = _taking_part(targets)
    others = [each for each in targets if _failed_at_once(each)]
    counts = Counts(
        total=len(targets),
        max_out_of_service=deployment.settings.config.allowed_out(len(targets)),
        failed=len(others),
        still_out=sum(each.was_out_of_service for each in part),
    )
    own = PlaceSet(name=deployment.deployment_id, places=max(counts.max_out_of_service - counts.failed, 0))
    of_zones = list[PlaceSet]()
    if rule := zones.zonal(deployment):
        zones.check(targets)
        of_zones = zones.place_sets(deployment, rule, targets, {each.target_id for each in others})
    begun = replace(deployment, counts=counts, counters=None, places=(own, *of_zones))
    return begun, [*others, *with_homes(part, begun.places)]


def plan(deployment: Deployment, targets: Sequence[Target]) -> tuple[Stage, ...]:
    """The stages of a deployment, in order; only targets that can take part are in them. None when too few can.

    Hosts that were out of service before come first, and the others follow when those have ended: until then no other
    host is taken out of service, and those that fail again have a place each (CodeDeploy User Guide, "CodeDeploy
    instance health"). The plan is the same whatever the targets have done since the deployment began.
    """
    part = _taking_part(targets)
    # Hosts that failed already keep their places: a child that could never get one would only wait.
    places = deployment.counts.max_out_of_service - (len(targets) - len(part))
    first = [each.target_id for each in part if each.was_out_of_service]
    others = [each.target_id for each in part if not each.was_out_of_service] if places > 0 else []
    rounds = [(each, 0) for each in ([first + others] if len(part) <= places else [first, others]) if each]
    if (rule := zones.zonal(deployment)) and others:
        rounds = _zone_by_zone(rule, part, first if len(part) > places else [])
    return tuple(
        Stage(
            number=number,
            target_ids=tuple(ids),
            concurrency=max(min(places, len(ids), MAX_CONCURRENCY), 1),
            bake_seconds=seconds if number < len(rounds) - 1 else deployment.settings.bake_seconds,
        )
        for number, (ids, seconds) in enumerate(rounds)
    )


def _zone_by_zone(rule: ZonalConfig, part: Sequence[Target], first: list[str]) -> list[tuple[list[str], int]]:
    """The targets of each stage with the seconds after it: those that come first in any zone, then zone by zone."""
    repaired = set(first)
    rest = [each for each in part if each.target_id not in repaired]
    by_zone = [
        ([each.target_id for each in rest if each.zone == zone], rule.monitored(is_first=number == 0))
        for number, zone in enumerate(zones.ordered(rest))
    ]
    return [(first, 0), *by_zone] if first else by_zone


def _taking_part(targets: Sequence[Target]) -> list[Target]:
    """Those that had not failed when the deployment began, by their ids. One that fails later has a segment on record,
    or failed because the engine did."""
    return sorted((each for each in targets if not _failed_at_once(each)), key=lambda each: each.target_id)


def _failed_at_once(target: Target) -> bool:
    if target.status is not TargetStatus.FAILED or target.segments:
        return False
    return target.failure is None or target.failure.cause is not Cause.ENGINE
