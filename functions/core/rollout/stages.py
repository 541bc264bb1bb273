"""Stages: which targets, how many at once, what to wait for afterwards, and what comes next. A plain deployment has
one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from functions.core.causes import Cause
from functions.core.records import Closed, Counts, Deployment, Hold, PlaceSet, Stage, Target
from functions.core.rollout import holds, selecting, zones
from functions.core.rollout.health import HealthConstraintsInvalid, is_success
from functions.core.rollout.places import own_set_name, with_homes
from functions.core.rollout.selecting import Part, Traits
from functions.core.statuses import BEGUN, TargetStatus

MAX_CONCURRENCY = 10_000  # of a Distributed Map (Step Functions quotas)
BEFORE_ALL = -1  # the number of the stage before the first


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What the state machine runs of a stage."""

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
    HOLD = "Hold"
    BAKE = "Bake"  # as HOLD, of an execution that an older engine began
    JUDGE = "Judge"  # read the metrics of the stage that has baked, and decide again
    FINISH = "Finish"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a deployment does next, and with which stage."""

    next: Next
    stage: Manifest | None = None
    hold: Hold | None = None

    @property
    def number(self) -> int:
        return self.stage.stage if self.stage else BEFORE_ALL


FINISH = Decision(next=Next.FINISH)


def next_stage(
    deployment: Deployment | None,
    stages: Sequence[Manifest],
    last: Decision,
    now: datetime,
    *,
    is_lost: bool = False,
    can_hold: bool = True,
    frozen: Closed | None = None,
) -> Decision:
    """What comes after the last decision is carried out. A deployment that cannot succeed any more, or is to stop, runs
    no further stage and waits for nothing. `is_lost`: a stage or zone has too few healthy targets; `can_hold`: not in
    an execution that an older engine began, which can only bake; `frozen`: the freeze that holds it now."""
    if deployment is None or not is_running(deployment) or deployment.stop:
        return FINISH
    if is_lost or (last.next is not Next.BEGIN and not is_promising(deployment)):
        return FINISH
    if not can_hold and last.next is Next.RUN and last.stage and last.stage.bake_seconds:
        return Decision(next=Next.BAKE, stage=last.stage)
    if can_hold and holds.is_to_be_judged(deployment, last.number, last.hold, now):
        return Decision(next=Next.JUDGE, stage=last.stage, hold=last.hold)
    if can_hold and (hold := holds.needed(deployment, last.number, last.hold, now, frozen)):
        return Decision(next=Next.HOLD, stage=last.stage, hold=hold)
    following = next((stage for stage in stages if stage.stage > last.number), None)
    return Decision(next=Next.RUN, stage=following) if following else FINISH


def is_running(deployment: Deployment) -> bool:
    """Whether it has begun and has not ended."""
    return deployment.status in BEGUN


def is_promising(deployment: Deployment) -> bool:
    """Whether the deployment is worth to be gone on with: it may succeed yet, and nobody stops it."""
    if deployment.stop:
        return False
    counts = deployment.counts
    if counts.pending:
        return counts.failed < counts.max_out_of_service
    return is_success(targets=counts.total, allowed_out=counts.max_out_of_service, succeeded=counts.succeeded)


def begin(
    deployment: Deployment, targets: Sequence[Target], traits: Mapping[str, Traits] | None = None
) -> tuple[Deployment, list[Target]]:
    """A deployment that is about to begin, with its counts, stages and places, and its targets with their stage and the
    shards that they ask.

    Targets that cannot take part have failed already: they are out of service, and leave fewer places to the others.
    Raises HealthConstraintsInvalid when the configuration keeps every target in service, or a stage selects none.
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
    begun = replace(deployment, counts=counts, counters=None)
    parts = selecting.parts(begun, _in_order(begun, part, traits or {}), targets, traits or {})
    of_stages = [_place_set(begun, each) for each in parts if each.has_goal]
    begun = replace(begun, places=(own, *of_zones, *of_stages))
    stages, part = _rounds(begun, parts)
    members = {own_set_name(begun, each.name): {one.target_id for one in each.targets} for each in parts}
    return replace(begun, stages=stages), [*others, *with_homes(part, begun.places, members)]


def _place_set(deployment: Deployment, part: Part) -> PlaceSet:
    """The places of a stage: as many as its minimum leaves. Without one it takes all, and one has to succeed."""
    try:
        places = part.minimum.allowed_out(len(part.targets)) if part.minimum else len(part.targets)
    except HealthConstraintsInvalid as error:
        raise HealthConstraintsInvalid(f"the stage {part.name}: {error}") from error
    name, needed = own_set_name(deployment, part.name), max(len(part.targets) - places, 1)
    return PlaceSet(name=name, places=places, stage=part.name, needed=needed)


def _rounds(deployment: Deployment, parts: Sequence[Part]) -> tuple[tuple[Stage, ...], list[Target]]:
    """The stages as they are run, and their targets, each with its stage.

    Where hosts were out of service before, and not everybody has a place, all of those begin before the first other
    one, and the others when those have ended: until then no other host is taken out of service, and those that fail
    again have a place each (CodeDeploy User Guide, "CodeDeploy instance health"). Where they hold all places, the
    others do not begin. Within a zone or stage with a minimum of its own, it is the same.
    """
    # Hosts that failed already keep their places: a child that could never get one would only wait.
    places = deployment.places[0].places
    found = list[tuple[Part, list[Target]]]()
    repaired = {each.target_id for part in parts for each in part.targets if each.was_out_of_service}
    if not repaired or sum(len(part.targets) for part in parts) <= places:
        repaired = set()
    done = set[str]()
    own = {each.name: each.places for each in deployment.places[1:]}
    for part in parts:
        healthy = [each for each in part.targets if each.target_id not in repaired]
        if healthy and (first := [each for each in _all(parts) if each.target_id in repaired - done]):
            found.append((Part(name="", targets=first), first))
            done |= repaired
        taken = [each for each in part.targets if each.target_id not in done]
        done |= {each.target_id for each in taken}
        if taken and (places > 0 or not healthy):
            found += _repaired_first(part, taken, own.get(own_set_name(deployment, part.name)))
    stages, part_of = list[Stage](), list[Target]()
    for number, (part, taken) in enumerate(found):
        is_last = number == len(found) - 1
        bake = max(part.bake_seconds if not is_last or part.has_goal else 0, deployment.settings.bake_seconds * is_last)
        stages.append(
            Stage(
                name=part.name,
                targets=len(taken),
                bake_seconds=bake,
                approval=part.approval,
                analysis=part.analysis,
            )
        )
        part_of += [replace(each, stage=number, rank=rank) for rank, each in enumerate(taken)]
    begun = {each.target_id for each in part_of}
    return tuple(stages), [*part_of, *(each for each in _all(parts) if each.target_id not in begun)]


def _repaired_first(part: Part, taken: list[Target], places: int | None) -> list[tuple[Part, list[Target]]]:
    """A part with fewer places of its own than targets begins with those that were out of service before."""
    repaired = [each for each in taken if each.was_out_of_service]
    others = [each for each in taken if not each.was_out_of_service]
    if places is None or places >= len(part.targets) or not (repaired and others):
        return [(part, taken)]
    return [(Part(name="", targets=repaired), repaired), (part, others)]


def _all(parts: Sequence[Part]) -> list[Target]:
    return [each for part in parts for each in part.targets]


def _in_order(deployment: Deployment, part: Sequence[Target], traits: Mapping[str, Traits]) -> list[Target]:
    return selecting.ordered(part, traits, deployment.settings.config.order_tag)


def plan(deployment: Deployment, targets: Sequence[Target]) -> tuple[Round, ...]:
    """The stages of a deployment that has begun, in order; only targets that can take part are in them. None when too
    few can. It is the same whatever the targets have done since."""
    if not deployment.stages:  # an older engine began it
        part = _in_order(deployment, _taking_part(targets), {})
        own = PlaceSet(
            name=deployment.deployment_id,
            places=max(deployment.counts.max_out_of_service - (len(targets) - len(part)), 0),
        )
        parts = selecting.parts(deployment, part, targets, {})
        stages, fleet = _rounds(replace(deployment, places=(own,)), parts)
        return plan(replace(deployment, stages=stages), [*fleet, *filter(_failed_at_once, targets)]) if stages else ()
    ids = [list[Target]() for _ in deployment.stages]
    for each in targets:
        if each.stage is not None:
            ids[each.stage].append(each)
    places = deployment.counts.max_out_of_service - sum(map(_failed_at_once, targets))
    return tuple(
        Round(
            number=number,
            target_ids=tuple(each.target_id for each in sorted(ids[number], key=lambda each: each.rank)),
            concurrency=max(min(places, len(ids[number]), MAX_CONCURRENCY), 1),
            bake_seconds=stage.bake_seconds,
        )
        for number, stage in enumerate(deployment.stages)
    )


def _taking_part(targets: Sequence[Target]) -> list[Target]:
    """Those that had not failed when the deployment began. One that fails later has a segment on record, or failed
    because the engine did."""
    return [each for each in targets if not _failed_at_once(each)]


def _failed_at_once(target: Target) -> bool:
    if target.status is not TargetStatus.FAILED or target.segments:
        return False
    return target.failure is None or target.failure.cause is not Cause.ENGINE
